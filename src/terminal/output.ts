/** The only writer to the terminal: results on stdout, everything else on stderr. */
import { escapeJson, harmless, type Safe } from './visible.ts';

/** Colors text, or leaves it as it is. */
export type Paint = Readonly<
  Record<'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', (text: Safe) => Safe>
>;

export interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
  on?(event: 'error', listener: () => void): unknown;
}

export interface Output {
  /** A line of the result. */
  line(text?: Safe): void;
  /** The result as one JSON document. */
  json(value: unknown): void;
  /** Prints a part of the result over the last `lines` lines of the terminal, or over the whole screen. */
  redraw(lines: number | 'all', text: Safe): void;
  /** A line beside the result, which --quiet hides. */
  note(text: Safe): void;
  /** A line on stderr that --quiet does not hide: what is wrong, or what a person has to do. */
  warn(text: Safe): void;
  /** Replaces the line of progress on a terminal; does nothing elsewhere. Empty, or any other output: removes it. */
  progress(text: Safe): void;
  /** A question, which --quiet does not hide; the answer is typed behind it. */
  ask(text: Safe): void;
  /** Columns to keep to; null when the result goes to a file or a pipe and is to be whole. */
  readonly width: number | null;
  /** Rows of the terminal; null where there is none. */
  readonly height: number | null;
  readonly stderrIsTerminal: boolean;
  /** Discards all further output; used after an interruption. */
  mute(): void;
  /** Whether the result still has a reader. */
  readonly isOpen: boolean;
  /** Writes a blank, which JSON allows: only a write shows that a pipe has lost its reader. */
  blank(): void;
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
  // Such a terminal shows every control sequence as text.
  const isDumb = env.TERM === 'dumb';
  // The process's own streams come back to life after an error, and would be written to for ever.
  let isOpen = true;
  stdout.on?.('error', () => {
    isOpen = false;
  });
  let isMute = false;
  let shown = '';
  const progress = (text: string): void => {
    if (stderrIsTerminal && text !== shown && !isMute && !quiet && !isDumb)
      stderr.write(`\r\u001b[2K${harmless(text)}`);
    shown = text;
  };
  const write = (stream: Stream, text: string, first = ''): void => {
    if (isMute) return;
    progress('');
    stream.write(`${first}${harmless(text)}\n`);
  };
  return {
    line: (text) => write(stdout, text ?? ''),
    json: (value) => write(stdout, escapeJson(JSON.stringify(value, null, 2))),
    redraw: (lines, text) => write(stdout, text, lines === 0 || isDumb ? '' : upTo(lines)),
    note: (text) => {
      if (!quiet) write(stderr, text);
    },
    warn: (text) => write(stderr, text),
    progress,
    ask: (text) => {
      progress('');
      if (!isMute) stderr.write(harmless(text));
    },
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
    unicode: isUnicode(env),
    async paint(stream) {
      return wantsColour(streams[stream], env) ? await colours() : PLAIN;
    },
  };
}

/** On a terminal of fewer columns than this nothing can be shown. */
const NARROWEST = 20;
/** Nor of fewer rows. */
const LOWEST = 3;

function upTo(lines: number | 'all'): string {
  return lines === 'all' ? '\u001b[2J\u001b[H' : `\u001b[${lines}A\u001b[0J`;
}

const same = (text: Safe): Safe => text;
const PLAIN: Paint = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same };

async function colours(): Promise<Paint> {
  const { default: kleur } = await import('kleur');
  kleur.enabled = true;
  return kleur as unknown as Paint;
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
