/** Times, lengths and numbers in words. */

/** An instant for JSON; a damaged database may hold one that no calendar has. */
export function isoTime(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? 'never' : date.toISOString();
}

/** How long ago, or ahead, in words: "3 min ago", "in 40 s". `at` and `now` in ms. */
export function relativeTime(at: number, now: number): string {
  const words = inWords(Math.abs(now - at));
  if (words === '0 s') return 'now';
  return at <= now ? `${words} ago` : `in ${words}`;
}

/** A length of time in words, two digits or so of it. */
export function inWords(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** A short time with its unit: "85 ms", "1.2 s", "3 min". */
export function shortly(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : inWords(ms);
}

/** A number with its noun: "1 event", "2 events". */
export function counted(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}

/** A limit of time: "within 1 min"; null: none. */
export function limitInWords(ms: number | null): string {
  if (ms === null) return 'longer';
  if (ms === 60_000) return 'within 1 min';
  if (ms === 3600_000) return 'within 1 h';
  return ms === 24 * 3600_000 ? 'within 1 day' : `within ${inWords(ms)}`;
}

const COLOURS = /\u001b\[\d+m/g;

/** Columns of plain text that may be coloured. */
function columnsOf(text: string): number {
  return text.replace(COLOURS, '').length;
}

/** Lines of at most `width` columns, broken between words, or within one that is longer than a line; null: one line. */
export function wrapped(text: string, width: number | null): string[] {
  if (width === null) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').flatMap((long) => pieces(long, width))) {
    if (line !== '' && columnsOf(line) + 1 + columnsOf(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function pieces(word: string, width: number): string[] {
  if (columnsOf(word) <= width || word.length !== columnsOf(word)) return [word];
  return word.match(new RegExp(`.{1,${Math.max(1, width)}}`, 'gu')) ?? [word];
}

/** With fewer columns a name has a line of its own. */
const ROOMY = 50;

/** A name and what is said of it: beside it, or below it on a narrow terminal. `label` is the name as it is printed. */
export function fieldLines(label: string, value: string, beside: number, width: number | null): string[] {
  if (width !== null && width < ROOMY)
    return [label, ...wrapped(value, width - 2).map((line) => `  ${line}`)];
  const lines = wrapped(value, width === null ? null : width - beside);
  const indent = ' '.repeat(beside);
  return lines.map((line, i) => (i === 0 ? label + ' '.repeat(beside - columnsOf(label)) : indent) + line);
}
