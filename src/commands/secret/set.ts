/** `arcade secret set` */
import pLimit from 'p-limit';
import type { Invocation, Run } from '../../invocation.ts';
import { type Engine, listSecrets, setSecret } from '../../secrets/api.ts';
import { tailOf } from '../../secrets/assignment.ts';
import { LIMITS } from '../../settings.ts';
import { say, visible } from '../../terminal/visible.ts';
import { connectEngine } from './engine.ts';
import { describeFailure, failureOfResults, openAttempts, printResults, type Result } from './results.ts';
import { type Given, type Values, valuesOf } from './values.ts';

/** From this many secrets on, a terminal is shown how far they are. */
const PROGRESS_FROM = 4;

/** Sets all secrets that are given, several at a time. Nothing is sent unless every one of them can be. */
export const run: Run = async (invocation) => {
  const given = await valuesOf(invocation);
  // No prompt for a secret that then cannot be sent.
  const engine = await connectEngine(invocation);
  if (invocation.options['dry-run'] === true) return dryRun(invocation, engine, given);
  const results = await setAll(invocation, engine, await given.read());
  if (invocation.json) printResults(invocation.output, results);
  return failureOfResults(results);
};

/** Shows what would become of each key. What standard input holds is checked too; no prompt asks for a value. */
async function dryRun({ output, json }: Invocation, engine: Engine, given: Given): Promise<undefined> {
  if (!given.prompts) await given.read();
  const existing = new Set((await listSecrets(engine)).map(({ key }) => key));
  const planned = [
    ...given.keys.map((key) => ({ key, action: existing.has(key) ? 'replace' : 'create' }) as const),
    ...given.skipped.map(({ key, reason }) => ({ key, action: 'skip', reason }) as const),
  ];
  if (json) {
    output.json({ dry_run: true, results: planned.map((each) => ({ ...each, ok: true })) });
    return;
  }
  for (const each of planned) {
    const why = each.action === 'skip' ? say` (${visible(each.reason)})` : '';
    output.line(say`Would ${visible(each.action)} secret '${visible(each.key)}'${why}`);
  }
  output.note(say`Nothing was sent (--dry-run).`);
}

/** Prints each result in the order given, whatever the order of the answers. */
async function setAll({ output, json }: Invocation, engine: Engine, values: Values): Promise<Result[]> {
  let done = 0;
  const limit = pLimit(LIMITS.secretsInFlight);
  const attempt = openAttempts();
  const pending = [...values].map(([key, value]) =>
    limit(async () => {
      const error = await attempt(() => setSecret(engine, key, value));
      done += 1;
      if (values.size >= PROGRESS_FROM) output.progress(say`Setting secrets: ${done} of ${values.size}`);
      return { result: { key, error }, value };
    }),
  );
  // A bug that several meet is thrown once, by the first one awaited.
  for (const each of pending) each.catch(() => undefined);
  const results: Result[] = [];
  for (const each of pending) {
    const { result, value } = await each;
    results.push(result);
    if (!json) printResult(output, result, value);
  }
  output.progress(say``);
  return results;
}

function printResult(output: Invocation['output'], { key, error }: Result, value: string): void {
  const name = visible(key);
  const tail = tailOf(value);
  if (error !== undefined) output.warn(say`Error setting secret '${name}': ${describeFailure(error)}`);
  else if (tail === null) output.line(say`Secret '${name}' set successfully`);
  else output.line(say`Secret '${name}' with value ending in ...${visible(tail)} set successfully`);
}
