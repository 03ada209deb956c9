/**
 * Takes a command line apart before sade sees it: options of a group may stand before or after its
 * subcommand, `-h` is the host where it has a value and help where it has none, and what is wrong is a usage
 * error instead of the end of the process.
 */

import { type UserError, usageError } from '../errors.ts';
import { unknownCommand, unknownOption, wrongCount } from './misuse.ts';

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
  /** The positional arguments as help shows them. */
  readonly usage?: string;
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
  const line: Line = { argv, shapes, words: '', options: {}, positionals: [], help: false };
  for (let at = 0; at < argv.length; ) {
    const next = take(line, at);
    if (typeof next === 'object') return next;
    at = next;
  }
  const { words, options, positionals } = line;
  const shape = shapes.get(words);
  if (line.help || shape === undefined) return { kind: 'help', words };
  const error = wrongOptions(options, shape) ?? wrongCount(positionals, shape);
  if (error !== undefined) return wrong(line, error);
  if (shape.positionals === null && shape.runs !== true) return { kind: 'help', words };
  return { kind: 'run', words, argv: normalized(words, options, positionals), options, positionals };
}

/** What is known of a command line so far. */
interface Line {
  readonly argv: readonly string[];
  readonly shapes: Shapes;
  words: string;
  readonly options: Record<string, string | true>;
  readonly positionals: string[];
  help: boolean;
}

/** Takes the argument at `at`, and its value; where to go on, or what the line turned out to be. */
function take(line: Line, at: number): number | Parsed {
  const { argv, shapes, words, positionals } = line;
  const token = argv[at] ?? '';
  const shape = shapes.get(words);
  if (shape === undefined) return argv.length;
  if (token === '--') {
    // It ends the options of a group, whose command has its own.
    if (shape.positionals === null) return at + 1;
    positionals.push(...argv.slice(at + 1));
    return argv.length;
  }
  if (token.startsWith('-') && token !== '-') return takeOption(line, at, shape);
  if (positionals.length === 0 && shapes.has(join(words, token)) && !shape.verbatim) {
    line.words = join(words, token);
    return at + 1;
  }
  if (shape.positionals === null && !line.help) {
    return wrong(line, unknownCommand(token, at + 1, words, shapes));
  }
  const taken = shape.verbatim ? argv.slice(at) : [token];
  positionals.push(...taken);
  return at + taken.length;
}

function takeOption(line: Line, at: number, shape: Shape): number | Parsed {
  const { argv, shapes, words } = line;
  const token = argv[at];
  if (words === '' && (token === '--version' || token === '-v')) return { kind: 'version' };
  const read = readOption(argv, at, shape, (next) => shapes.has(join(words, next)));
  if (read.kind === 'wrong') return line.help ? { kind: 'help', words } : wrong(line, read.error);
  if (read.kind === 'help') {
    line.help = true;
    return at + 1;
  }
  line.options[read.name] = read.value;
  return at + 1 + read.used;
}

function wrong({ words, shapes, options }: Line, error: UserError): Parsed {
  return { kind: 'wrong', words: shapes.get(words)?.positionals ? words : null, error, options };
}

type Read =
  | { readonly kind: 'option'; readonly name: string; readonly value: string | true; readonly used: 0 | 1 }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly error: UserError };

function readOption(
  argv: readonly string[],
  at: number,
  shape: Shape,
  isCommand: (word: string) => boolean,
): Read {
  const token = argv[at] ?? '';
  const next = argv[at + 1];
  if (token === '--help') return { kind: 'help' };
  const long = /^--([^=]+)(?:=(.*))?$/s.exec(token);
  const name = long ? long[1] : token[1];
  const attached = long ? long[2] : token.slice(2) || undefined;
  const option = shape.options.find((known) => (long ? known.name : known.short) === name);
  // Without a value `-h` asks for help, wherever it may also be the host.
  const bare = attached === undefined && (next === undefined || next.startsWith('-') || isCommand(next));
  if (token === '-h' && (option === undefined || bare)) return { kind: 'help' };
  const shown = long ? `--${name}` : `-${name}`;
  if (option === undefined) return { kind: 'wrong', error: unknownOption(shown, at + 1, shape.options) };
  if (option.value === undefined) {
    if (attached === undefined) return { kind: 'option', name: option.name, value: true, used: 0 };
    return { kind: 'wrong', error: usageError(`Option '${shown}' does not take a value.`) };
  }
  if (attached !== undefined) return { kind: 'option', name: option.name, value: attached, used: 0 };
  // A value that begins so can be given behind a `=`; an option in its place is a value that was forgotten.
  if (next === undefined || next.startsWith('--')) {
    return { kind: 'wrong', error: usageError(`Option '${shown}' requires an argument.`) };
  }
  return { kind: 'option', name: option.name, value: next, used: 1 };
}

/** Options before the subcommand were read by the group's list; the command must know them too. */
function wrongOptions(options: Options, shape: Shape): UserError | undefined {
  const stray = Object.keys(options).find((name) => !shape.options.some((option) => option.name === name));
  return stray === undefined ? undefined : unknownOption(`--${stray}`, 0, shape.options);
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
