/** Command lines that cannot be run, in the original's words. What may be a secret is never repeated. */
import { type UserError, usageError } from '../errors.ts';
import { closest } from './closest.ts';
import type { OptionSpec, Shape, Shapes } from './parse.ts';

/** An option that the command does not have. `position` counts the arguments from 1. */
export function unknownOption(shown: string, position: number, options: readonly OptionSpec[]): UserError {
  const guess = closest(shown, options.map((option) => `--${option.name}`).concat('--help'));
  const hint = guess === undefined ? undefined : `Did you mean ${guess}?`;
  return usageError(`No such option: ${repeatable(shown) ? shown : `(argument ${position})`}`, hint);
}

/** A word that is no command of the group `words`. */
export function unknownCommand(token: string, position: number, words: string, shapes: Shapes): UserError {
  const prefix = words === '' ? '' : `${words} `;
  const known = [...shapes.keys()].filter((key) => key.startsWith(prefix) && key !== words);
  const guess = closest(
    token,
    known.map((key) => key.slice(prefix.length)).filter((key) => !key.includes(' ')),
  );
  const hint =
    guess === undefined
      ? `Run \`arcade ${prefix}--help\` for the list.`
      : `Did you mean \`arcade ${prefix}${guess}\`?`;
  return usageError(`No such command ${repeatable(token) ? `'${token}'` : `(argument ${position})`}.`, hint);
}

/** Positional arguments that are too few or too many. */
export function wrongCount(positionals: readonly string[], shape: Shape): UserError | undefined {
  if (shape.positionals === null) return undefined;
  const [least, most] = shape.positionals;
  if (positionals.length < least) {
    const missing = shape.usage?.replace(/[<>]/g, '');
    return usageError(`Missing argument '${missing}'.`, 'See --help for what to give.');
  }
  if (positionals.length > most)
    return usageError(`Got ${positionals.length - most} unexpected extra argument(s).`);
  return undefined;
}

/** A short word of letters, as commands and options are. A key that was pasted into the wrong place is not. */
function repeatable(word: string): boolean {
  return /^-{0,2}[a-z]+(-[a-z]+)*$/i.test(word) && word.length <= 20;
}
