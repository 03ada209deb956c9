/** `arcade secret unset` */

import { usageError } from '../../errors.ts';
import type { Invocation, Run } from '../../invocation.ts';
import { deleteSecret, listSecrets } from '../../secrets/api.ts';
import { say, visible } from '../../terminal/visible.ts';
import { connectEngine } from './engine.ts';
import { describeFailure, failureOfResults, openAttempts, printResults, type Result } from './results.ts';

/** Deletes the secrets in the order given. A secret that does not exist is not a failure. */
export const run: Run = async (invocation) => {
  const { json, output, positionals } = invocation;
  requireKeys(positionals);
  const engine = await connectEngine(invocation);
  const secrets = new Map((await listSecrets(engine)).map((secret) => [secret.key, secret]));
  const attempt = openAttempts();
  const results: Result[] = [];
  for (const key of new Set(positionals)) {
    const secret = secrets.get(key);
    const error = secret && (await attempt(() => deleteSecret(engine, secret)));
    const result = { key, error, found: secret !== undefined };
    results.push(result);
    if (!json) printResult(output, result);
  }
  if (json) printResults(output, results);
  return failureOfResults(results);
};

/** A key that is empty or has a value behind it is a mistake, and may be a secret: it is not repeated. */
function requireKeys(keys: readonly string[]): void {
  const wrong = keys.findIndex((key) => key.trim() === '' || key.includes('='));
  if (wrong < 0) return;
  const hint = 'Name the KEY alone, as `arcade secret list` shows it.';
  throw usageError(`Invalid key (argument ${wrong + 1}).`, hint, 'INVALID_KEY');
}

function printResult(output: Invocation['output'], { key, error, found }: Result): void {
  const name = visible(key);
  if (found === false) output.warn(say`Warning: Secret with key '${name}' not found, skipping`);
  else if (error === undefined) output.line(say`Secret '${name}' deleted successfully`);
  else if (error.code === 'FORBIDDEN') {
    output.warn(say`Failed to delete secret '${name}'. Do you have permission to delete this secret?`);
  } else output.warn(say`Failed to delete secret '${name}': ${describeFailure(error)}`);
}
