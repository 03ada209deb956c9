/**
 * Takes a command line apart, once: global options anywhere, those of a group before or after its subcommand, `-h`
 * as the host where it has a value and as help where it has none. A wrong line is a usage error.
 */
import { type UserError, usageError } from '../errors.ts';
import type { Options } from '../invocation.ts';
import { COMMANDS, GROUPS, optionsOf, wordsBelow } from './commands.ts';
import { helpHint, oneOf, unknownCommand, unknownOption, wrongPositionals } from './misuse.ts';

export type Parsed =
  | {
      readonly kind: 'run';
      readonly words: string;
      readonly options: Options;
      readonly positionals: readonly string[];
    }
  | { readonly kind: 'help'; readonly words: string; readonly options: Options }
  | { readonly kind: 'version' }
  /** `words` names the command whose arguments are wrong; null when no command was recognized. */
  | {
      readonly kind: 'wrong';
      readonly words: string | null;
      readonly error: UserError;
      readonly options: Options;
    };

/** Reads `argv` (without node and script). Throws nothing. */
export function parseLine(argv: readonly string[]): Parsed {
  const line: Line = { argv, words: '', options: {}, positionals: [], help: null };
  for (let at = 0; at < argv.length; ) {
    const next = readArgument(line, at);
    if (typeof next === 'object') return next;
    at = next;
  }
  const { options, positionals } = line;
  if (line.help !== null) return { kind: 'help', words: line.words, options };
  const words = GROUPS.get(line.words)?.runs ?? line.words;
  const command = COMMANDS.get(words);
  if (command === undefined) return { kind: 'help', words, options };
  const error = wrongOptions(options, words) ?? wrongPositionals(words, command, positionals);
  return error === undefined ? { kind: 'run', words, options, positionals } : wrong(line, error);
}

/** What is known of a command line so far. */
interface Line {
  readonly argv: readonly string[];
  words: string;
  readonly options: Record<string, string | true>;
  readonly positionals: string[];
  /** How help was asked for: by the word, whose command must exist, or by an option. */
  help: 'word' | 'option' | null;
}

/** Reads the argument at `at`, and its value. Returns where to go on, or what the line turned out to be. */
function readArgument(line: Line, at: number): number | Parsed {
  const { argv, words, positionals } = line;
  const token = argv[at] ?? '';
  const command = COMMANDS.get(words);
  if (token === '--') {
    // It ends the options of a group, whose command has its own.
    if (command === undefined) return at + 1;
    positionals.push(...argv.slice(at + 1));
    return argv.length;
  }
  if (token.startsWith('-') && token !== '-') return readOption(line, at);
  if (command === undefined) {
    const below = wordsBelow(words, token);
    if (below !== undefined) {
      line.words = below;
      return at + 1;
    }
    if (token === 'help' && line.help === null) {
      line.help = 'word';
      return at + 1;
    }
    return line.help === 'option' ? at + 1 : wrong(line, unknownCommand(token, at + 1, words));
  }
  const taken = command.verbatim ? argv.slice(at) : [token];
  positionals.push(...taken);
  return at + taken.length;
}

function readOption(line: Line, at: number): number | Parsed {
  const { argv, words } = line;
  const token = argv[at];
  if (words === '' && (token === '--version' || token === '-v')) return { kind: 'version' };
  const read = optionAt(line, at);
  if (read.kind === 'wrong')
    return line.help === null ? wrong(line, read.error) : { kind: 'help', words, options: line.options };
  if (read.kind === 'help') {
    line.help ??= 'option';
    return at + 1;
  }
  line.options[read.name] = read.value;
  return at + 1 + read.used;
}

/** Wherever `--json` stands, what is wrong with the line is printed as JSON. */
function wrong({ argv, words, options }: Line, error: UserError): Parsed {
  const end = argv.indexOf('--');
  const json = argv.slice(0, end < 0 ? argv.length : end).includes('--json');
  const named = GROUPS.get(words)?.runs ?? words;
  return {
    kind: 'wrong',
    words: COMMANDS.has(words) ? named : null,
    error,
    options: json ? { ...options, json } : options,
  };
}

type Read =
  | { readonly kind: 'option'; readonly name: string; readonly value: string | true; readonly used: 0 | 1 }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly error: UserError };

function optionAt({ argv, words }: Line, at: number): Read {
  const token = argv[at] ?? '';
  const next = argv[at + 1];
  if (token === '--help') return { kind: 'help' };
  const long = /^--([^=]+)(?:=(.*))?$/s.exec(token);
  const name = long ? long[1] : token[1];
  const attached = long ? long[2] : token.slice(2) || undefined;
  const option = optionsOf(words).find((known) => (long ? known.name : known.short) === name);
  // Without a value `-h` asks for help, wherever it may also be the host.
  const isBare =
    attached === undefined &&
    (next === undefined || next.startsWith('-') || wordsBelow(words, next) !== undefined);
  if (token === '-h' && (option === undefined || isBare)) return { kind: 'help' };
  const shown = long ? `--${name}` : `-${name}`;
  const invalid = (message: string): Read => ({ kind: 'wrong', error: usageError(message, helpHint(words)) });
  if (option === undefined && name !== 'help')
    return { kind: 'wrong', error: unknownOption(shown, at + 1, words) };
  if (option?.value === undefined) {
    if (attached !== undefined) return invalid(`Option '${shown}' does not take a value.`);
    return { kind: 'option', name: option?.name ?? '', value: true, used: 0 };
  }
  // Values that start with `--` must be written as `--x=--y`; otherwise the value was probably forgotten.
  const value = attached ?? (next?.startsWith('--') ? undefined : next);
  if (value === undefined || (value === '' && option.completes === 'files'))
    return invalid(`Option '${shown}' requires an argument.`);
  const { choices } = option;
  if (choices !== undefined && !choices.includes(value))
    return invalid(`${shown} must be ${oneOf(choices)}.`);
  return { kind: 'option', name: option.name, value, used: attached === undefined ? 1 : 0 };
}

/** Options that stood before the command's name: the command must know them too. */
function wrongOptions(options: Options, words: string): UserError | undefined {
  const known = optionsOf(words);
  const stray = Object.keys(options).find((name) => !known.some((option) => option.name === name));
  return stray === undefined ? undefined : unknownOption(`--${stray}`, 0, words);
}
