/**
 * Where Rust's JSON reader is stricter than JavaScript's: half of a surrogate pair, and depth.
 * The raw text is scanned, because a parsed value hides what a repeated key has overwritten. A half pair can
 * only stand there as an escape: the text itself was decoded from valid UTF-8.
 */

/** PostHog reads 127 levels of arrays and objects, the outermost included. */
const MAX_DEPTH = 127;

/** Why the text is refused although JavaScript would read it, or `undefined`. */
export function objectionTo(text: string): string | undefined {
  let depth = 0;
  let quoted = false;
  let at = 0;
  while (at < text.length) {
    const char = text[at];
    let width = 1;
    if (char === '"') quoted = !quoted;
    else if (quoted && char === '\\') width = escapeWidth(text, at);
    else if (!quoted && (char === '{' || char === '[')) depth += 1;
    else if (!quoted && (char === '}' || char === ']')) depth -= 1;
    if (width === 0) return 'lone surrogate in hex escape';
    if (depth > MAX_DEPTH) return 'recursion limit exceeded';
    at += width;
  }
  return undefined;
}

/** Characters of the escape (or the pair of escapes) at `at`; 0 for half a pair. */
function escapeWidth(text: string, at: number): number {
  const [first, second] = [text.slice(at, at + 6), text.slice(at + 6, at + 12)];
  if (!/^\\u/.test(first)) return 2;
  if (/^\\ud[89ab]/i.test(first)) return /^\\ud[c-f]/i.test(second) ? 12 : 0;
  return /^\\ud[c-f]/i.test(first) ? 0 : 6;
}
