/** Command lines that cannot be run, in the original's words. What may be a secret is never repeated. */
import { type UserError, usageError } from '../errors.ts';
import { closest } from '../terminal/closest.ts';
import { COMMANDS, optionsOf, subcommandsOf } from './commands.ts';
import type { Command, Option } from './spec.ts';

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
const SYNONYMS: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
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
  }),
);

/** A word that is no command of the group `words`. */
export function unknownCommand(token: string, position: number, words: string): UserError {
  const groups = words === '' ? ['', 'secret', 'usage'] : [words];
  const [guess] = groups.flatMap((group) => guessIn(token, group) ?? []);
  const hint =
    guess === undefined ? helpHint(words, 'a list of commands') : `Did you mean \`arcade ${guess}\`?`;
  return usageError(`No such command ${repeatable(token) ? `'${token}'` : `(argument ${position})`}.`, hint);
}

function guessIn(token: string, words: string): string | undefined {
  const known = words === '' ? [...subcommandsOf(words), '--version'] : subcommandsOf(words);
  const word = token.toLowerCase();
  const guess =
    [word, ...(SYNONYMS.get(word) ?? [])].find((name) => known.includes(name)) ?? closest(word, known);
  return guess === undefined ? undefined : `${words} ${guess}`.trim();
}

const RECORD_ID = /^(\d+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

/** Positional arguments that are too few, too many, no ids of records or none of the choices. */
export function wrongPositionals(
  { usage = '', choices, completes }: Command,
  positionals: readonly string[],
): UserError | undefined {
  const names = usage.split(' ');
  const missing = names.slice(positionals.length).find((name) => name.startsWith('<'));
  if (missing !== undefined) return usageError(`Missing argument '${missing.replace(/[<>]/g, '')}'.`);
  const extra = positionals.length - mostOf(usage);
  if (extra > 0) return surplus(extra);
  if (completes === 'records' && !positionals.every((id) => RECORD_ID.test(id)))
    return usageError('ID must be the number or uuid of a record.');
  return (
    choices &&
    positionals.map((value) => noChoice(usage.replace(/[<>]/g, ''), choices, value)).find((error) => error)
  );
}

/** How many positional arguments a usage such as `<KEY>...` allows. */
export function mostOf(usage: string): number {
  return usage.endsWith('...') ? Number.POSITIVE_INFINITY : usage.split(' ').filter(Boolean).length;
}

/** Arguments behind the last one that is taken. */
export function surplus(count: number): UserError {
  return usageError(`Got ${count} unexpected extra argument(s).`);
}

/** A value that an option does not take. */
export function wrongValue(
  { choices, range, value: unit }: Option,
  given: string,
  shown: string,
): UserError | undefined {
  if (choices !== undefined) return noChoice(shown, choices, given);
  if (range === undefined) return undefined;
  const [min, max] = range;
  const isWhole = unit !== 'SECONDS';
  const number = (isWhole ? /^\d+$/ : /^\d+(\.\d+)?$/).test(given) ? Number(given) : Number.NaN;
  if (number >= min && number <= max) return undefined;
  const bounds = max === Number.POSITIVE_INFINITY ? `of at least ${min}` : `from ${min} to ${max}`;
  return usageError(`${shown} must be a ${isWhole ? 'whole number' : 'number of seconds'} ${bounds}.`);
}

/** Few choices are named; of many the one that was probably meant, or where they are listed. */
function noChoice(shown: string, choices: readonly string[], given: string): UserError | undefined {
  if (choices.includes(given)) return undefined;
  if (choices.length <= FEW_CHOICES)
    return usageError(`${shown} must be ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}.`);
  const guess = closest(given, choices);
  const hint = guess === undefined ? 'Add --help for the list of values.' : `Did you mean ${guess}?`;
  return usageError(`Invalid value for ${shown}.`, hint);
}

/** More have a list of their own in the command's help. */
export const FEW_CHOICES = 5;

/** A short word of letters, as commands and options are. A key that was pasted into the wrong place is not. */
function repeatable(word: string): boolean {
  return /^-{0,2}[a-z]+(-[a-z]+)*$/i.test(word) && word.length <= 20;
}
