/** Times, lengths and numbers in words. */
import { repeated, type Safe, say, visible } from '../../terminal/visible.ts';

/** An instant in ISO 8601 for JSON; null for one that no calendar has, which a damaged database may hold. */
export function isoTime(at: number): string | null {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

/** An instant to read: "2026-01-31 12:00:05", in UTC. */
export function utcTime(at: number): Safe {
  return (isoTime(at)?.slice(0, 19).replace('T', ' ') ?? 'unknown time') as Safe;
}

/** How long ago, or ahead, in words: "3 min ago", "in 40 s". `at` and `now` in ms. */
export function relativeTime(at: number, now: number): Safe {
  const words = inWords(Math.abs(now - at));
  if (words === '0 s') return say`now`;
  return at <= now ? say`${words} ago` : say`in ${words}`;
}

/** A length of time in words, two digits or so of it. */
export function inWords(ms: number): Safe {
  const seconds = Math.round(ms / 1000);
  if (seconds < 90) return say`${seconds} s`;
  if (seconds < 90 * 60) return say`${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return say`${Math.round(seconds / 3600)} h`;
  return say`${Math.round(seconds / 86_400)} days`;
}

/** A short time with its unit: "85 ms", "1.2 s", "3 min". */
export function shortly(ms: number): Safe {
  if (ms < 1000) return say`${Math.round(ms)} ms`;
  return ms < 10_000 ? say`${(ms / 1000).toFixed(1) as Safe} s` : inWords(ms);
}

/** A number as people write it: "1,200". */
export function digits(value: number): Safe {
  return value.toLocaleString('en') as Safe;
}

/** A number with its noun: "1 event", "2 events". */
export function counted(number: number, noun: string): Safe {
  return say`${digits(number)} ${visible(noun)}${number === 1 ? say`` : say`s`}`;
}

/** A limit of time: "within 1 min"; null: none. */
export function limitInWords(ms: number | null): Safe {
  if (ms === null) return say`longer`;
  if (ms === 60_000) return say`within 1 min`;
  if (ms === 3600_000) return say`within 1 h`;
  return ms === 24 * 3600_000 ? say`within 1 day` : say`within ${inWords(ms)}`;
}

const COLOURS = /\u001b\[\d+m/g;

/** Columns of plain text that may be coloured. */
function columnsOf(text: string): number {
  return text.replace(COLOURS, '').length;
}

/** Lines of at most `width` columns, broken between words, or within one that is longer than a line; null: one line. */
export function wrapped(text: Safe, width: number | null): Safe[] {
  if (width === null) return [text];
  const lines: Safe[] = [];
  let line = say``;
  for (const word of text.split(' ').flatMap((long) => pieces(long, width))) {
    if (line !== '' && columnsOf(line) + 1 + columnsOf(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : say`${line} ${word}`;
  }
  return [...lines, line];
}

function pieces(word: string, width: number): Safe[] {
  if (columnsOf(word) <= width || word.length !== columnsOf(word)) return [word as Safe];
  return (word.match(new RegExp(`.{1,${Math.max(1, width)}}`, 'gu')) as Safe[] | null) ?? [];
}

/** With fewer columns a name has a line of its own. */
const ROOMY = 50;

/** A name and what is said of it: beside it, or below it on a narrow terminal. `label` is the name as it is printed. */
export function fieldLines(label: Safe, value: Safe, beside: number, width: number | null): Safe[] {
  if (width !== null && width < ROOMY)
    return [label, ...wrapped(value, width - 2).map((line) => say`  ${line}`)];
  const lines = wrapped(value, width === null ? null : width - beside);
  const indent = repeated(say` `, beside);
  const first = say`${label}${repeated(say` `, beside - columnsOf(label))}`;
  return lines.map((line, i) => say`${i === 0 ? first : indent}${line}`);
}
