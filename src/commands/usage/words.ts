/** Times, lengths and numbers in words. */

/** An instant for JSON. */
export function isoTime(at: number): string {
  return new Date(at).toISOString();
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

/** Lines of at most `width` columns, broken between words; null: one line. */
export function wrapped(text: string, width: number | null): string[] {
  if (width === null) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
