/**
 * Takes a command line apart, once: global options anywhere, those of a group before or after its subcommand, `-h`
 * as the host where it has a value and as help where it has none. A wrong line is a usage error.
 */
import { type UserError, usageError } from '../errors.ts';
import type { Options } from '../invocation.ts';
import { COMMANDS, GROUPS, optionsOf, wordsBelow } from './commands.ts';
import { surplus, unknownCommand, unknownOption, wrongPositionals, wrongValue } from './misuse.ts';

export type Parsed =
  | {
      readonly kind: 'run';
      readonly words: string;
      readonly options: Options;
      readonly positionals: readonly string[];
    }
  | { readonly kind: 'help'; readonly words: string; readonly options: Options }
  | { readonly kind: 'version' }
  | Wrong;

interface Wrong {
  readonly kind: 'wrong';
  /** The command whose arguments are wrong; null when no command was recognized. */
  readonly words: string | null;
  readonly error: UserError;
  readonly options: Options;
}

/** Reads `argv` (without node and script). Throws nothing. */
export function parseLine(argv: readonly string[]): Parsed {
  const line: Line = { argv, words: '', options: {}, positionals: [], help: null };
  for (let at = 0; at < argv.length; ) {
    const next = readArgument(line, at);
    if (typeof next === 'object') return next;
    at = next;
  }
  const { options, positionals } = line;
  if (line.help === 'word' && positionals.length > 0)
    return { ...wrong(line, surplus(positionals.length)), words: null };
  if (line.help !== null) return { kind: 'help', words: line.words, options };
  const words = GROUPS.get(line.words)?.runs ?? line.words;
  const command = COMMANDS.get(words);
  if (command === undefined) return { kind: 'help', words, options };
  const error = wrongOptions(options, words) ?? wrongPositionals(command, positionals);
  return error === undefined ? { kind: 'run', words, options, positionals } : wrong(line, error);
}

/** What is known of a command line so far. */
interface Line {
  readonly argv: readonly string[];
  words: string;
  readonly options: Record<string, string | number | true>;
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

/** Reads `--name`, `--name=VALUE`, `-n`, `-nVALUE`, or the first of several short ones, such as `-qd`. */
function readOption(line: Line, at: number, token = line.argv[at] ?? ''): number | Parsed {
  const { argv, words, options } = line;
  if (words === '' && (token === '--version' || token === '-v')) return { kind: 'version' };
  const isLong = token.startsWith('--');
  const [, name = '', attached] = (isLong ? /^--([^=]*)(?:=(.*))?$/s : /^-(.)(.+)?$/su).exec(token) ?? [];
  const option = optionsOf(words).find((known) => (isLong ? known.name : known.short) === name);
  const next = argv[at + 1];
  // Without a value `-h` asks for help, wherever it may also be the host.
  const isBare = next === undefined || next.startsWith('-') || wordsBelow(words, next) !== undefined;
  if (token === '--help' || (token === '-h' && (option === undefined || isBare))) {
    line.help ??= 'option';
    return at + 1;
  }
  const stop = (error: UserError): Parsed =>
    line.help === null ? wrong(line, error) : { kind: 'help', words, options };
  const shown = isLong ? `--${name}` : `-${name}`;
  if (option === undefined && name !== 'help') return stop(unknownOption(shown, at + 1, words));
  if (option?.value === undefined) {
    if (option === undefined || (attached !== undefined && (isLong || attached.startsWith('='))))
      return stop(usageError(`Option '${shown}' does not take a value.`));
    options[option.name] = true;
    return attached === undefined ? at + 1 : readOption(line, at, `-${attached}`);
  }
  // Values that start with `--` must be written as `--x=--y`; otherwise the value was probably forgotten.
  const value = attached ?? (next?.startsWith('--') ? undefined : next);
  if (value === undefined || (value === '' && option.completes === 'files'))
    return stop(usageError(`Option '${shown}' requires an argument.`));
  const error = wrongValue(option, value, shown);
  if (error !== undefined) return stop(error);
  options[option.name] = option.range === undefined ? value : Number(value);
  return at + (attached === undefined ? 2 : 1);
}

/** Wherever `--json` stands, what is wrong with the line is printed as JSON. */
function wrong({ argv, words, options }: Line, error: UserError): Wrong {
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

/** Options that stood before the command's name must be known to it; some rule each other out. */
function wrongOptions(options: Line['options'], words: string): UserError | undefined {
  const known = optionsOf(words);
  const stray = Object.keys(options).find((name) => !known.some((option) => option.name === name));
  if (stray !== undefined) return unknownOption(`--${stray}`, 0, words);
  const torn = known.find(({ name, not = '' }) => name in options && not in options);
  return torn && usageError(`--${torn.not} and --${torn.name} cannot be combined.`);
}
