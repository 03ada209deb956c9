/**
 * Takes a command line apart before sade sees it: options of a group may stand before or after its
 * subcommand, `-h` is the host where it has a value and help where it has none, and what is wrong is a usage
 * error instead of the end of the process.
 */

import { type UserError, usageError } from '../errors.ts';
import { closest } from './closest.ts';

export interface OptionSpec {
  readonly name: string;
  readonly short?: string;
  /** Name of its value in help; without it the option is a switch. */
  readonly value?: string;
  readonly describe: string;
}

/** A command or a group, by its words. */
export interface Shape {
  readonly options: readonly OptionSpec[];
  /** Least and most positional arguments. Null: a group, which takes none. */
  readonly positionals: readonly [number, number] | null;
  /** A group that does something of its own when it is given no subcommand. */
  readonly runs?: boolean;
  /** Everything after `--` or the first positional is handed over untouched. */
  readonly verbatim?: boolean;
}

export type Parsed =
  | {
      readonly kind: 'run';
      readonly words: string;
      readonly argv: readonly string[];
      readonly options: Options;
      readonly positionals: readonly string[];
    }
  | { readonly kind: 'help'; readonly words: string }
  | { readonly kind: 'version' }
  /** `words` names the command whose arguments are wrong; null when no command was recognized. */
  | {
      readonly kind: 'wrong';
      readonly words: string | null;
      readonly error: UserError;
      readonly options: Options;
    };

/** Values by option name; switches are `true`. The last of several wins. */
export type Options = Readonly<Record<string, string | true | undefined>>;

export type Shapes = ReadonlyMap<string, Shape>;

/** Reads `argv` (without node and script). Throws nothing. */
export function parseArguments(argv: readonly string[], shapes: Shapes): Parsed {
  const options: Record<string, string | true> = {};
  const positionals: string[] = [];
  let words = '';
  let help = false;
  const wrong = (error: UserError): Parsed => ({
    kind: 'wrong',
    words: shapes.get(words)?.positionals ? words : null,
    error,
    options,
  });
  for (let i = 0; i < argv.length; i += 1) {
    const token = argv[i] ?? '';
    const shape = shapes.get(words);
    if (shape === undefined) break;
    if (token === '--') {
      positionals.push(...argv.slice(i + 1));
      break;
    }
    if (token.startsWith('-') && token !== '-') {
      if (token === '--help') help = true;
      else if (words === '' && (token === '--version' || token === '-v')) return { kind: 'version' };
      else {
        const read = readOption(token, argv[i + 1], shape, (next) => shapes.has(join(words, next)));
        if (read.kind === 'help') help = true;
        else if (read.kind === 'wrong') return help ? { kind: 'help', words } : wrong(read.error);
        else {
          options[read.name] = read.value;
          i += read.used;
        }
      }
      continue;
    }
    if (positionals.length === 0 && shapes.has(join(words, token)) && !shape.verbatim) {
      words = join(words, token);
    } else if (shape.positionals === null && !help) {
      return wrong(unknownCommand(token, words, shapes));
    } else {
      positionals.push(token);
      if (shape.verbatim) {
        positionals.push(...argv.slice(i + 1));
        break;
      }
    }
  }
  const shape = shapes.get(words);
  if (help || shape === undefined) return { kind: 'help', words };
  const error = wrongOptions(options, shape) ?? wrongCount(positionals, shape);
  if (error !== undefined) return wrong(error);
  if (shape.positionals === null && shape.runs !== true) return { kind: 'help', words };
  return { kind: 'run', words, argv: normalized(words, options, positionals), options, positionals };
}

type Read =
  | { readonly kind: 'option'; readonly name: string; readonly value: string | true; readonly used: 0 | 1 }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly error: UserError };

function readOption(
  token: string,
  next: string | undefined,
  shape: Shape,
  isCommand: (word: string) => boolean,
): Read {
  const long = /^--([^=]+)(?:=(.*))?$/s.exec(token);
  const name = long ? long[1] : token[1];
  const attached = long ? long[2] : token.slice(2) || undefined;
  const option = shape.options.find((known) => (long ? known.name : known.short) === name);
  // Without a value `-h` asks for help, wherever it may also be the host.
  const bare = attached === undefined && (next === undefined || next.startsWith('-') || isCommand(next));
  if (token === '-h' && (option === undefined || bare)) return { kind: 'help' };
  const shown = long ? `--${name}` : `-${name}`;
  if (option === undefined) return { kind: 'wrong', error: unknownOption(shown, shape) };
  if (option.value === undefined) {
    if (attached === undefined) return { kind: 'option', name: option.name, value: true, used: 0 };
    return { kind: 'wrong', error: usageError(`Option '${shown}' does not take a value.`) };
  }
  if (attached !== undefined) return { kind: 'option', name: option.name, value: attached, used: 0 };
  if (next === undefined || next === '--') {
    return { kind: 'wrong', error: usageError(`Option '${shown}' requires an argument.`) };
  }
  return { kind: 'option', name: option.name, value: next, used: 1 };
}

function unknownOption(shown: string, shape: Shape): UserError {
  const guess = closest(shown, shape.options.map((option) => `--${option.name}`).concat('--help'));
  return usageError(`No such option: ${shown}`, guess && `Did you mean ${guess}?`);
}

function unknownCommand(token: string, words: string, shapes: Shapes): UserError {
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
  return usageError(`No such command '${token}'.`, hint);
}

/** Options before the subcommand were read by the group's list; the command must know them too. */
function wrongOptions(options: Options, shape: Shape): UserError | undefined {
  const stray = Object.keys(options).find((name) => !shape.options.some((option) => option.name === name));
  return stray === undefined ? undefined : unknownOption(`--${stray}`, shape);
}

function wrongCount(positionals: readonly string[], shape: Shape): UserError | undefined {
  if (shape.positionals === null) return undefined;
  const [least, most] = shape.positionals;
  if (positionals.length < least) return usageError('Missing argument.', 'See --help for what to give.');
  if (positionals.length > most)
    return usageError(`Got ${positionals.length - most} unexpected extra argument(s).`);
  return undefined;
}

function normalized(words: string, options: Options, positionals: readonly string[]): string[] {
  const flags = Object.entries(options).map(([name, value]) =>
    value === true ? `--${name}` : `--${name}=${value}`,
  );
  return [...words.split(' '), ...flags, '--', ...positionals];
}

function join(words: string, token: string): string {
  return words === '' ? token : `${words} ${token}`;
}
