/** The values to be set: from arguments, the terminal, standard input or an environment file. */

import { UserError, usageError } from '../../errors.ts';
import type { Invocation } from '../../invocation.ts';
import {
  type Assignment,
  invalidAssignment,
  keyWithoutValue,
  parseAssignment,
} from '../../secrets/assignment.ts';
import { parseContents } from '../../secrets/contents.ts';
import { readEnvFile } from '../../secrets/env-file.ts';
import { isSelected, parseSelection, unmatched } from '../../secrets/selection.ts';
import { readAll } from '../../terminal/prompt.ts';
import { say, visible } from '../../terminal/visible.ts';

/** In the order in which the keys first came; of a key given twice the last value. */
export type Values = ReadonlyMap<string, string>;

export interface Given {
  readonly keys: readonly string[];
  /** Keys of the environment file that are not set, and why. */
  readonly skipped: readonly { readonly key: string; readonly reason: 'reserved' | 'not selected' }[];
  /** Whether `read` prompts on the terminal. */
  readonly prompts: boolean;
  /** Reads the values that are not known yet. Rejects with UserError for one that cannot be set. */
  readonly read: () => Promise<Values>;
}

/** After so long it is said what the command waits for, where it was not told to read standard input. */
const SILENCE_MS = 3_000;

/** Checks the command line, and reads the environment file. Rejects with UserError for anything that cannot be set. */
export async function valuesOf(invocation: Invocation): Promise<Given> {
  const { options } = invocation;
  return options['from-env'] === true || options['env-file'] !== undefined
    ? valuesOfFile(invocation)
    : valuesOfArguments(invocation);
}

interface Argument extends Assignment {
  readonly position: number;
  readonly source: 'argument' | 'terminal' | 'standard input';
}

function valuesOfArguments(invocation: Invocation): Given {
  const { positionals, options } = invocation;
  for (const name of ['only', 'exclude'] as const) {
    if (options[name] !== undefined) throw usageError(`--${name} needs --env-file or --from-env.`);
  }
  const given = positionals.map((argument, i) => argumentOf(argument, i + 1, invocation));
  if (options.stdin === true && (given.length !== 1 || isPair(given[0]))) {
    throw usageError('--stdin takes exactly one KEY, without a value.');
  }
  if (given.length === 0) {
    throw usageError('Either provide KEY=VALUE pairs or use --from-env to load from .env file.');
  }
  const [first, second] = given;
  if (given.length === 2 && first?.value === null && second?.value === null) {
    throw keyWithoutValue(first.key, second.key);
  }
  const piped = given.filter(({ source }) => source === 'standard input');
  if (piped.filter(isPair).length > 1) throw usageError('Only one value can be read from standard input.');
  const surplus = piped.find((argument) => piped.length > 1 && argument.value === null);
  if (surplus !== undefined) throw invalidAssignment(surplus.position);
  return {
    keys: [...new Set(given.map(({ key }) => key))],
    skipped: [],
    prompts: given.some(({ source }) => source === 'terminal'),
    read: async () => {
      const values = new Map<string, string>();
      for (const argument of given) values.set(argument.key, await read(argument, invocation));
      return values;
    },
  };
}

const isPair = (argument: Argument | undefined): boolean => argument?.value != null;

/** A value that is not on the command line is prompted for where standard input is a terminal, so that nothing of it is shown. */
function argumentOf(argument: string, position: number, { input }: Invocation): Argument {
  const assignment = parseAssignment(argument, position);
  const isGiven = assignment.value !== null && assignment.value !== '-';
  const source = isGiven ? 'argument' : input.isTTY === true ? 'terminal' : 'standard input';
  return { ...assignment, position, source };
}

function read(argument: Argument, invocation: Invocation): Promise<string> {
  switch (argument.source) {
    case 'argument':
      return Promise.resolve(argument.value ?? '');
    case 'terminal':
      return readFromTerminal(argument, invocation);
    case 'standard input':
      return readFromPipe(argument, invocation);
  }
}

async function readFromTerminal({ key }: Argument, { askHidden, output }: Invocation): Promise<string> {
  const value = await askHidden(`Value of secret '${visible(key)}' (not shown): `);
  if (value === null || value.trim() === '') {
    throw usageError(`No value was given for '${visible(key)}'.`, undefined, 'VALUE_REQUIRED');
  }
  if (value !== value.trim())
    output.note(say`Note: The value begins or ends with white space, which is kept.`);
  return value;
}

const NOTHING_PIPED =
  'Standard input is empty. KEY alone reads its value from there, or prompts for it on a terminal.';

async function readFromPipe({ value, position }: Argument, invocation: Invocation): Promise<string> {
  const { input, options, output } = invocation;
  const isExplicit = value === '-' || options.stdin === true;
  const note = (): void => output.note(say`Waiting for the value on standard input.`);
  const silence = isExplicit ? undefined : setTimeout(note, SILENCE_MS);
  try {
    const text = await readAll(input);
    if (text.trim() !== '') return text;
    throw usageError('No value on standard input.', undefined, 'VALUE_REQUIRED');
  } catch (error) {
    // In many a CI job standard input is empty or closed, and was not meant to be read: there the value is missing.
    const isEmpty = error instanceof UserError && error.code === 'VALUE_REQUIRED';
    throw isEmpty && !isExplicit ? invalidAssignment(position, NOTHING_PIPED) : error;
  } finally {
    clearTimeout(silence);
  }
}

async function valuesOfFile({ options, positionals, input, output }: Invocation): Promise<Given> {
  const source = options['from-env'] === true ? '--from-env' : '--env-file';
  if (positionals.length > 0)
    throw usageError(`Cannot use both KEY=VALUE pairs and ${source} at the same time.`);
  if (options.stdin === true) throw usageError(`Cannot use both --stdin and ${source} at the same time.`);
  const selection = parseSelection(options.only, options.exclude);
  const path = options['env-file'] ?? '.env';
  // What is typed there would be shown.
  if (path === '-' && input.isTTY === true)
    throw usageError('--env-file - reads a pipe or a file, but standard input is a terminal.');
  const { entries, reserved, warnings } = parseContents(await readEnvFile(path, input));
  for (const warning of warnings) output.warn(say`Warning: ${visible(warning)}`);
  for (const name of reserved)
    output.warn(
      say`Warning: Skipped ${visible(name)}, a credential of Arcade itself. To set it anyway, name it on the command line.`,
    );
  const file = path === '-' ? 'standard input' : path;
  for (const pattern of unmatched(selection, [...entries.keys()])) {
    output.warn(say`Warning: No secret in ${visible(file)} matches '${visible(pattern)}'.`);
  }
  const selected = new Map([...entries].filter(([name]) => isSelected(selection, name)));
  if (selected.size === 0) {
    const isEmpty = entries.size === 0;
    throw new UserError('ENV_FILE_EMPTY', `No secrets were ${isEmpty ? 'found' : 'selected'} in ${file}.`, {
      hint: isEmpty ? 'Write one KEY=VALUE per line.' : 'Check --only and --exclude.',
    });
  }
  return {
    keys: [...selected.keys()],
    skipped: [
      ...reserved.map((key) => ({ key, reason: 'reserved' }) as const),
      ...[...entries.keys()]
        .filter((key) => !selected.has(key))
        .map((key) => ({ key, reason: 'not selected' }) as const),
    ],
    prompts: false,
    read: async () => selected,
  };
}
