/** `arcade secret set` */
import pLimit from 'p-limit';
import type { Invocation, Run } from '../../invocation.ts';
import { type Engine, setSecret } from '../../secrets/api.ts';
import { tailOf } from '../../secrets/assignment.ts';
import { LIMITS } from '../../settings.ts';
import { visible } from '../../terminal/output.ts';
import { connectEngine } from './engine.ts';
import { describeFailure, failureOfResults, openAttempts, printResults, type Result } from './results.ts';
import { type Values, valuesOf } from './values.ts';

/** From this many secrets on, a terminal is shown how far they are. */
const PROGRESS_FROM = 4;

/** Sets all secrets that are given, several at a time. Nothing is sent unless every one of them is understood. */
export const run: Run = async (invocation) => {
  const readValues = await valuesOf(invocation);
  // Nobody is asked for a secret that then cannot be sent.
  const engine = await connectEngine(invocation);
  const results = await setAll(invocation, engine, await readValues());
  if (invocation.options.json === true) printResults(invocation.output, results);
  return failureOfResults(results);
};

/** Tells of each in the order given, whatever the order of the answers. */
async function setAll({ output, options }: Invocation, engine: Engine, values: Values): Promise<Result[]> {
  let done = 0;
  const limit = pLimit(LIMITS.secretsInFlight);
  const attempt = openAttempts();
  const pending = [...values].map(([key, value]) =>
    limit(async () => {
      const error = await attempt(() => setSecret(engine, key, value));
      done += 1;
      if (values.size >= PROGRESS_FROM) output.progress(`Setting secrets: ${done} of ${values.size}`);
      return { result: { key, error }, value };
    }),
  );
  // A bug that several meet is told once, by the first one awaited.
  for (const each of pending) each.catch(() => undefined);
  const results: Result[] = [];
  for (const each of pending) {
    const { result, value } = await each;
    results.push(result);
    if (options.json !== true) tell(output, result, value);
  }
  output.progress('');
  return results;
}

function tell(output: Invocation['output'], { key, error }: Result, value: string): void {
  const name = visible(key);
  const tail = tailOf(value);
  if (error !== undefined) output.note(`Error setting secret '${name}': ${describeFailure(error)}`);
  else if (tail === null) output.line(`Secret '${name}' set successfully`);
  else output.line(`Secret '${name}' with value ending in ...${visible(tail)} set successfully`);
}
