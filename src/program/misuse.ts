/** Command lines that cannot be run, in the original's words. What may be a secret is never repeated. */
import { type UserError, usageError } from '../errors.ts';
import { closest } from '../terminal/closest.ts';
import { COMMANDS, optionsOf, subcommandsOf } from './commands.ts';
import type { Command } from './spec.ts';

/** Where to read how a command or a group is used. */
export function helpHint(words: string, what = 'usage'): string {
  return `Run \`arcade ${words === '' ? '' : `${words} `}--help\` for ${what}.`;
}

/** An option that the command does not have. `position` counts the arguments from 1. */
export function unknownOption(shown: string, position: number, words: string): UserError {
  const guess = closest(
    shown,
    optionsOf(words)
      .map(({ name }) => `--${name}`)
      .concat('--help'),
  );
  const elsewhere =
    !COMMANDS.has(words) &&
    [...COMMANDS.keys()].some((key) => optionsOf(key).some(({ name }) => `--${name}` === shown));
  const hint =
    guess !== undefined
      ? `Did you mean ${guess}?`
      : elsewhere
        ? 'Options of a command follow its name.'
        : helpHint(words);
  return usageError(`No such option: ${repeatable(shown) ? shown : `(argument ${position})`}`, hint);
}

/** What other programs call it. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  add: ['set'],
  create: ['set'],
  new: ['set'],
  put: ['set'],
  use: ['set'],
  switch: ['set'],
  ls: ['list'],
  get: ['list'],
  rm: ['unset', 'discard'],
  remove: ['unset', 'discard'],
  delete: ['unset', 'discard'],
  del: ['unset', 'discard'],
  drop: ['discard'],
  retry: ['requeue'],
  send: ['flush'],
  on: ['enable'],
  off: ['disable'],
  signin: ['login'],
  signout: ['logout'],
  telemetry: ['usage'],
  organization: ['org'],
};

/** A word that is no command of the group `words`. */
export function unknownCommand(token: string, position: number, words: string): UserError {
  const groups = words === '' ? ['', 'secret', 'usage'] : [words];
  const [guess] = groups.flatMap((group) => guessIn(token, group) ?? []);
  const hint = guess === undefined ? helpHint(words, 'the list') : `Did you mean \`arcade ${guess}\`?`;
  return usageError(`No such command ${repeatable(token) ? `'${token}'` : `(argument ${position})`}.`, hint);
}

function guessIn(token: string, words: string): string | undefined {
  const known = words === '' ? [...subcommandsOf(words), '--version'] : subcommandsOf(words);
  const word = token.toLowerCase();
  const guess =
    [word, ...(SYNONYMS[word] ?? [])].find((name) => known.includes(name)) ?? closest(word, known);
  return guess === undefined ? undefined : `${words} ${guess}`.trim();
}

/** Positional arguments that are too few, too many or none of the choices. */
export function wrongPositionals(
  words: string,
  { usage = '', choices }: Command,
  positionals: readonly string[],
): UserError | undefined {
  const { length } = positionals;
  const [min, max] = countsOf(usage);
  const name = usage.replace(/[<>]/g, '');
  if (length < min) return usageError(`Missing argument '${name}'.`, helpHint(words));
  if (length > max) return usageError(`Got ${length - max} unexpected extra argument(s).`, helpHint(words));
  if (choices === undefined || positionals.every((value) => choices.includes(value))) return undefined;
  return usageError(`${name} must be ${oneOf(choices)}.`, helpHint(words));
}

/** `a, b or c`. */
export function oneOf(choices: readonly string[]): string {
  return `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
}

/** How many positional arguments a usage such as `<KEY>...` allows: at least, at most. */
function countsOf(usage: string): readonly [number, number] {
  if (usage === '') return [0, 0];
  return [usage.startsWith('<') ? 1 : 0, usage.endsWith('...') ? Number.POSITIVE_INFINITY : 1];
}

/** A short word of letters, as commands and options are. A key that was pasted into the wrong place is not. */
function repeatable(word: string): boolean {
  return /^-{0,2}[a-z]+(-[a-z]+)*$/i.test(word) && word.length <= 20;
}
