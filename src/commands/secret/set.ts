/** `arcade secret set` */
import { readFile, stat } from 'node:fs/promises';
import pLimit from 'p-limit';
import { visible } from '../../cli/output.ts';
import { readAll } from '../../cli/prompt.ts';
import { UserError, usageError } from '../../errors.ts';
import { type Engine, setSecret } from '../../secrets/api.ts';
import {
  type Assignment,
  checkKey,
  invalidAssignment,
  parseAssignment,
  tailOf,
} from '../../secrets/assignment.ts';
import { describeWarning, parseDotenv } from '../../secrets/dotenv.ts';
import { LIMITS } from '../../settings.ts';
import type { Invocation, Run } from '../command.ts';
import { connectEngine } from './engine.ts';
import { attempt, failureOfResults, printResults, type Result } from './results.ts';

/** From this many secrets on, a terminal is shown how far they are. */
const PROGRESS_FROM = 4;
/** Largest environment file that is read. */
const MAX_ENV_FILE_BYTES = 16 * 1024 * 1024;

/** Sets all secrets that are given, several at a time. Nothing is sent unless every one of them is understood. */
export const run: Run = async (invocation) => {
  const { options, output } = invocation;
  const values = options['from-env'] === true ? await fromFile(invocation) : await fromArguments(invocation);
  const engine = await connectEngine(invocation);
  const results = await setAll(invocation, engine, [...values]);
  if (options.json === true) printResults(output, results);
  return failureOfResults(results);
};

async function setAll(
  { output, options }: Invocation,
  engine: Engine,
  secrets: [string, string][],
): Promise<Result[]> {
  let done = 0;
  const limit = pLimit(LIMITS.secretsInFlight);
  const set = async ([key, value]: [string, string]): Promise<Result> => {
    const error = await attempt(() => setSecret(engine, key, value));
    done += 1;
    if (secrets.length >= PROGRESS_FROM) output.progress(`Setting secrets: ${done} of ${secrets.length}`);
    return { key, error };
  };
  const results = secrets.map((secret) => limit(set, secret));
  const all: Result[] = [];
  for (const [i, pending] of results.entries()) {
    const result = await pending;
    all.push(result);
    if (options.json === true) continue;
    output.progress('');
    tell(output, result, secrets[i]?.[1] ?? '');
  }
  output.progress('');
  return all;
}

function tell(output: Invocation['output'], { key, error }: Result, value: string): void {
  const name = visible(key);
  const tail = tailOf(value);
  if (error !== undefined)
    output.note(`Error setting secret '${name}': ${error.message}${error.hint ? ` ${error.hint}` : ''}`);
  else if (tail === null) output.line(`Secret '${name}' set successfully`);
  else output.line(`Secret '${name}' with value ending in ...${visible(tail)} set successfully`);
}

async function fromArguments(invocation: Invocation): Promise<Map<string, string>> {
  const { positionals, options, input, output } = invocation;
  if (positionals.length === 0) {
    throw usageError('Either provide KEY=VALUE pairs or use --from-env to load from .env file.');
  }
  if (options['env-file'] !== undefined) {
    output.note('Warning: --env-file is only read with --from-env.');
  }
  const assignments = positionals.map((argument, i) => parseAssignment(argument, i + 1));
  const isPiped = (assignment: Assignment): boolean =>
    assignment.value === '-' || (options.stdin === true && assignment.value === null);
  const piped = assignments.filter(isPiped);
  if (options.stdin === true && (assignments.length !== 1 || piped.length !== 1)) {
    throw usageError('--stdin takes exactly one KEY, without a value.');
  }
  if (piped.length > 1) throw usageError('Only one value can be read from standard input.');
  const asked = assignments.findIndex((assignment) => assignment.value === null && !isPiped(assignment));
  if (asked >= 0 && (input.isTTY !== true || piped.length > 0)) throw invalidAssignment(asked + 1);
  const values = new Map<string, string>();
  for (const [i, assignment] of assignments.entries()) {
    const value = isPiped(assignment)
      ? await readAll(input)
      : (assignment.value ?? (await ask(invocation, assignment.key)));
    if (value.trim() === '') throw emptyValue(i + 1, isPiped(assignment));
    values.set(assignment.key, value);
  }
  return values;
}

function emptyValue(position: number, piped: boolean): UserError {
  const where = piped ? 'Standard input holds no value' : `No value was given for argument ${position}`;
  return usageError(`${where}.`, undefined, 'VALUE_REQUIRED');
}

async function ask({ askHidden }: Invocation, key: string): Promise<string> {
  return (await askHidden(`Value of secret '${visible(key)}' (not shown): `)) ?? '';
}

async function fromFile({ options, positionals, output }: Invocation): Promise<Map<string, string>> {
  if (positionals.length > 0)
    throw usageError('Cannot use both KEY=VALUE pairs and --from-env at the same time.');
  if (options.stdin === true) throw usageError('Cannot use both --stdin and --from-env at the same time.');
  const path = typeof options['env-file'] === 'string' ? options['env-file'] : '.env';
  const { entries, warnings } = parseDotenv(await readEnvFile(path));
  for (const warning of warnings) output.note(`Warning: ${describeWarning(warning)}`);
  for (const key of entries.keys()) checkKey(key);
  if (entries.size === 0) {
    throw new UserError('ENV_FILE_EMPTY', `No secrets were found in ${visible(path)}.`, {
      hint: 'Write one KEY=VALUE a line.',
    });
  }
  return entries;
}

async function readEnvFile(path: string): Promise<Uint8Array> {
  const unreadable = (why: string, cause?: unknown): UserError =>
    new UserError('ENV_FILE_UNREADABLE', `The environment file ${visible(path)} cannot be read: ${why}.`, {
      hint: 'Name another file with --env-file.',
      cause,
    });
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw unreadable('it is a directory');
    if (found.size > MAX_ENV_FILE_BYTES) throw unreadable('it is too large');
    return await readFile(path);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const known: Partial<Record<string, string>> = {
      ENOENT: 'it does not exist',
      EACCES: 'you may not read it',
    };
    throw unreadable(known[code ?? ''] ?? 'the system refuses', error);
  }
}
