/** The only writer to the terminal: results on stdout, everything else on stderr. */
import type { Kleur } from 'kleur';

export type Paint = Pick<Kleur, 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'>;

export interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  readonly writableNeedDrain?: boolean;
  write(text: string): unknown;
  on?(event: 'error', listener: () => void): unknown;
  once?(event: 'drain' | 'close', listener: () => void): unknown;
  off?(event: 'drain' | 'close', listener: () => void): unknown;
}

export interface Output {
  /** A line of the result. */
  line(text?: string): void;
  /** The result as one JSON document. */
  json(value: unknown): void;
  /** A line of the result in the place of the last `lines` on the terminal, or of all that it shows. */
  redraw(lines: number | 'all', text: string): void;
  /** A line beside the result, which --quiet hides. */
  note(text: string): void;
  /** A line about something that is wrong, on stderr. */
  warn(text: string): void;
  /** Replaces the line of progress on a terminal; does nothing elsewhere. Empty, or any other output: removes it. */
  progress(text: string): void;
  /** Columns to keep to; null when the result goes to a file or a pipe and is to be whole. */
  readonly width: number | null;
  /** Rows of the terminal; null where there is none. */
  readonly height: number | null;
  readonly stderrIsTerminal: boolean;
  /** Writes nothing more from here on: what an interrupted command still comes to is of no interest. */
  mute(): void;
  /** Whether somebody still reads the result. */
  readonly isOpen: boolean;
  /** Writes a blank, which no reader of JSON minds: only a write tells that a pipe has no reader any more. */
  blank(): void;
  /** Waits until more of the result can be written; false when nobody reads any more. */
  ready(): Promise<boolean>;
  /** Whether the terminal's character set has more than ASCII. */
  readonly unicode: boolean;
  /** The colours of a stream: none unless it is a terminal that wants them. Read only when first asked for. */
  paint(stream: 'stdout' | 'stderr'): Promise<Paint>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Opens the terminal. `env` is looked at for NO_COLOR, FORCE_COLOR, TERM and the locale; `quiet` hides notes and progress. */
export function openOutput(stdout: Stream, stderr: Stream, env: Environment, quiet = false): Output {
  const streams = { stdout, stderr };
  const stderrIsTerminal = stderr.isTTY === true;
  // The process's own streams come back to life after an error, and would be written to for ever.
  let isOpen = true;
  stdout.on?.('error', () => {
    isOpen = false;
  });
  let isMute = false;
  let shown = '';
  const progress = (text: string): void => {
    if (stderrIsTerminal && text !== shown && !isMute && !quiet) stderr.write(`\r\u001b[2K${harmless(text)}`);
    shown = text;
  };
  const write = (stream: Stream, text: string, first = ''): void => {
    if (isMute) return;
    progress('');
    stream.write(`${first}${harmless(text)}\n`);
  };
  return {
    line: (text = '') => write(stdout, text),
    json: (value) => write(stdout, escapeJson(JSON.stringify(value, null, 2))),
    redraw: (lines, text) => write(stdout, text, lines === 0 ? '' : upTo(lines)),
    note: (text) => {
      if (!quiet) write(stderr, text);
    },
    warn: (text) => write(stderr, text),
    progress,
    mute() {
      progress('');
      isMute = true;
    },
    // A terminal that does not know its size says 0.
    get width() {
      return stdout.isTTY === true ? Math.max(NARROWEST, stdout.columns || 80) : null;
    },
    get height() {
      return stdout.isTTY === true ? Math.max(LOWEST, stdout.rows || 24) : null;
    },
    stderrIsTerminal,
    get isOpen() {
      return isOpen;
    },
    blank: () => void stdout.write(' '),
    async ready() {
      // Pipes and files take everything at once, but on Windows; a stream tells of an error in the next turn.
      if (stdout.writableNeedDrain === true && isOpen) await drained(stdout);
      await new Promise((resolve) => setImmediate(resolve));
      return isOpen;
    },
    unicode: isUnicode(env),
    async paint(stream) {
      return wantsColour(streams[stream], env) ? await colours() : PLAIN;
    },
  };
}

/** Nothing can be told on a terminal of fewer columns than this. */
const NARROWEST = 20;
/** Nor of fewer rows. */
const LOWEST = 3;

function upTo(lines: number | 'all'): string {
  return lines === 'all' ? '\u001b[2J\u001b[H' : `\u001b[${lines}A\u001b[0J`;
}

function drained(stream: Stream): Promise<void> {
  const events = ['drain', 'close'] as const;
  return new Promise((resolve) => {
    const end = (): void => {
      for (const event of events) stream.off?.(event, end);
      resolve();
    };
    for (const event of events) stream.once?.(event, end);
  });
}

/** Controls, marks that reorder a line, characters that cannot be seen, and halves of surrogate pairs. */
const UNSAFE =
  /[\p{Cc}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2028\u2029\u2800\ufff9-\ufffb]/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\u001b': '\\e' };

/** Text from outside, safe to print: what a terminal would obey, or nobody could see, is shown instead. */
export function visible(text: string): string {
  return text.replace(UNSAFE, (character, at: number) => {
    if (isOfItsNeighbours(text, at)) return character;
    return SHORT[character] ?? `\\u{${character.codePointAt(0)?.toString(16)}}`;
  });
}

/** Whether an invisible character says how those beside it are drawn, as they are in common writing. */
function isOfItsNeighbours(text: string, at: number): boolean {
  return isStyleOfEmoji(text, at) || isJoiner(text, at);
}

/** Scripts that are not written well without joiners. */
const JOINING =
  '\\p{sc=Arab}\\p{sc=Syrc}\\p{sc=Deva}\\p{sc=Beng}\\p{sc=Guru}\\p{sc=Gujr}\\p{sc=Orya}\\p{sc=Taml}\\p{sc=Telu}\\p{sc=Knda}\\p{sc=Mlym}\\p{sc=Sinh}\\p{sc=Khmr}';
const EMOJI = '\\p{Extended_Pictographic}';

/** Between letters of such a script, or the parts of one emoji. Between other letters it only tells two names apart that look alike. */
function isJoiner(text: string, at: number): boolean {
  if (text[at] !== '\u200c' && text[at] !== '\u200d') return false;
  const [before, after] = [text.slice(Math.max(0, at - 3), at), text.slice(at + 1, at + 3)];
  const isBetween = (first: string, second: string): boolean =>
    new RegExp(`${first}$`, 'u').test(before) && new RegExp(`^${second}`, 'u').test(after);
  return (
    isBetween(`[${JOINING}]`, `[${JOINING}]`) ||
    (text[at] === '\u200d' && isBetween(`(?:${EMOJI}|\\p{Emoji_Modifier}|${EMOJI}\\ufe0f)`, `${EMOJI}`))
  );
}

/** Of the variation selectors, which spell out a hidden text, the two that say how the emoji before them looks. */
function isStyleOfEmoji(text: string, at: number): boolean {
  if (text[at] !== '\ufe0e' && text[at] !== '\ufe0f') return false;
  const before = text.slice(Math.max(0, at - 2), at);
  // Digits count as emoji; they are part of one only on a key.
  return /[\d#*]$/.test(before) ? text[at + 1] === '\u20e3' : /\p{Emoji}$/u.test(before);
}

/**
 * The net below `visible`: of all that is written, a terminal obeys nothing but our own colours and line ends,
 * also where a text from outside was not made visible.
 */
function harmless(text: string): string {
  return text
    .split(/(\n|\u001b\[\d{1,3}m)/)
    .map((part, i) => (i % 2 === 1 ? part : visible(part)))
    .join('');
}

/** A value as JSON on one line, safe to print. */
export function compactJson(value: unknown): string {
  return escapeJson(JSON.stringify(value));
}

/** JSON leaves much as it is that some terminals obey. It says the same with it escaped. */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE, (character, at: number) => {
    if (character === '\n' || isOfItsNeighbours(json, at)) return character;
    const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  });
}

const same = (text: string | number): string => String(text);
const PLAIN = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same } as unknown as Paint;

async function colours(): Promise<Paint> {
  const { default: kleur } = await import('kleur');
  kleur.enabled = true;
  return kleur;
}

/** https://no-color.org and https://force-color.org */
function wantsColour(stream: Stream, env: Environment): boolean {
  if ((env.NO_COLOR ?? '') !== '') return false;
  if ((env.FORCE_COLOR ?? '') !== '') return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  return stream.isTTY === true && env.TERM !== 'dumb';
}

/** The first of these that is set decides, as in setlocale(3); none is the C locale, but for systems that have none. */
function isUnicode(env: Environment): boolean {
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find((value) => (value ?? '') !== '');
  if (locale !== undefined) return /utf-?8/i.test(locale);
  return process.platform === 'darwin' || (env.WT_SESSION ?? '') !== '';
}
