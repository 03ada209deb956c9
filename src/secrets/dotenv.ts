/**
 * The `.env` format: bytes to keys and values, in one pass and in linear time.
 * Nothing is lost silently: a line that is skipped or doubtful is named by its number, and a file that cannot be
 * understood is refused. No warning and no error ever repeats what the file says.
 */

import { isUtf8 } from 'node:buffer';
import { UserError } from '../errors.ts';

interface DotenvWarning {
  /** Counted from 1; of a value over several lines, the first. */
  readonly line: number;
  readonly reason: keyof typeof WARNINGS;
}

interface Dotenv {
  /** In the order of the file; of a key given twice the last value, in the place of the first. */
  readonly entries: Map<string, string>;
  readonly warnings: DotenvWarning[];
}

const WARNINGS = {
  'no-equals': 'has no "=" and was skipped',
  'empty-key': 'has no key before the "=" and was skipped',
  'space-in-key': 'has a key with white space in it and was skipped',
  'empty-value': 'has an empty or blank value and was skipped',
  'inner-quotes': 'has quotes within its quotes; the outermost pair was taken',
  'text-after-quote': 'has a "#" right after its closing quote; it was taken for a comment',
} as const;

/**
 * Reads a `.env` file. Line ends are LF, CRLF or CR, and LF in the values. A value without quotes ends at white
 * space and `#`; one in quotes may span lines, and double quotes know `\"`, `\\`, `\n`, `\r` and `\t`.
 * Throws `ENV_FILE_MALFORMED` for a quote that is not closed, text after a closing quote, and content that is
 * not UTF-8.
 */
export function parseDotenv(bytes: Uint8Array): Dotenv {
  const text = decode(bytes).replace(/\r\n?/g, '\n');
  const entries = new Map<string, string>();
  const warnings: DotenvWarning[] = [];
  let line = 1;
  for (let at = 0; at < text.length; ) {
    const { entry, reason, end } = readStatement(text, at, line);
    if (entry !== undefined) entries.set(...entry);
    if (reason !== undefined) warnings.push({ line, reason });
    line += countLines(text.slice(at, end)) + 1;
    at = end + 1;
  }
  return { entries, warnings };
}

/** A warning in words, without any of the file's content. */
export function describeWarning({ line, reason }: DotenvWarning): string {
  return `Line ${line} ${WARNINGS[reason]}.`;
}

/** A lone surrogate: no valid UTF-8 decodes to one, so it can stand for bytes that are not UTF-8. */
const NOT_UTF8 = '\ud800';

/** Never fails, because bytes in a comment do not matter; a U+FFFD that the file does contain stays one. */
function decode(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  const pieces = buffer.toString('latin1').split('\xef\xbf\xbd');
  const decoded = pieces.map((piece) => Buffer.from(piece, 'latin1').toString('utf8'));
  return decoded.map((piece) => piece.replaceAll('\ufffd', NOT_UTF8)).join('\ufffd');
}

interface Statement {
  readonly entry?: readonly [key: string, value: string];
  readonly reason?: DotenvWarning['reason'] | undefined;
  /** Where the line, or the last of several, ends. */
  readonly end: number;
}

function readStatement(text: string, at: number, lineNumber: number): Statement {
  const end = endOfLine(text, at);
  let start = at;
  // Files that were joined bring a byte order mark each.
  while (start < end && (text[start] === '\ufeff' || isWhite(text, start))) start++;
  if (start === end || text[start] === '#') return { end };

  const statement = withoutComment(text.slice(start, end));
  const equals = statement.indexOf('=');
  if (equals === -1) {
    requireUtf8(statement, lineNumber);
    return { reason: 'no-equals', end };
  }
  // The value comes first: also a line with a useless key owns the lines that its quotes span.
  const value = readValue(text, start + equals + 1, end, lineNumber);
  requireUtf8(text.slice(start, value.contentEnd), lineNumber);
  const key = strip(statement.slice(0, equals)).replace(/^export[ \t]+/, '');
  if (key === '') return { reason: 'empty-key', end: value.end };
  if (WHITE.test(key)) return { reason: 'space-in-key', end: value.end };
  // Blanks alone are no secret: `secret set KEY=' '` is refused too.
  if (strip(value.value) === '') return { reason: 'empty-value', end: value.end };
  return { entry: [key, value.value], reason: value.reason, end: value.end };
}

interface Value extends Pick<Statement, 'reason' | 'end'> {
  readonly value: string;
  /** Where a comment, or nothing, follows. */
  readonly contentEnd: number;
}

function readValue(text: string, from: number, lineEnd: number, lineNumber: number): Value {
  let start = from;
  while (start < lineEnd && isWhite(text, start)) start++;
  if (text[start] === '"' || text[start] === "'") return readQuoted(text, start, lineNumber);
  // From the `=` on, so that a comment behind it leaves nothing.
  const raw = withoutComment(text.slice(from, lineEnd));
  return { value: strip(raw), contentEnd: from + raw.length, end: lineEnd };
}

function readQuoted(text: string, open: number, lineNumber: number): Value {
  const quote = text.charAt(open);
  const close = quote === '"' ? closingDoubleQuote(text, open + 1) : text.indexOf(quote, open + 1);
  if (close === -1) throw malformed(lineNumber, 'opens a quote that is never closed', QUOTE_HINT);
  const end = endOfLine(text, close);
  const inner = text.slice(open + 1, close);
  const value = { value: quote === '"' ? resolveEscapes(inner) : inner, contentEnd: close, end };
  const tail = text.slice(close + 1, end);
  if (strip(withoutComment(tail)) === '') return value;

  const lines = countLines(inner);
  if (lines > 0) {
    const what = `opens a quote that closes on line ${lineNumber + lines}, with text after it`;
    throw malformed(lineNumber, what, QUOTE_HINT);
  }
  // A comment may follow the outermost pair as it may follow any other.
  const outer = [tail, withoutComment(tail)].find((part) => strip(part).endsWith(quote)) ?? '';
  const last = close + 1 + outer.lastIndexOf(quote);
  // Quotes alone open a text in triple quotes, which this format does not have.
  if (outer !== '' && text.slice(open, last).replaceAll(quote, '') !== '') {
    // Backslashes stay: who leaves the inner quotes bare, as in "{"a":"b\n"}", does not escape for us.
    return { value: text.slice(open + 1, last), contentEnd: last, end, reason: 'inner-quotes' };
  }
  if (strip(tail).startsWith('#')) return { ...value, reason: 'text-after-quote' };
  throw malformed(lineNumber, 'has text after its closing quote', QUOTE_HINT);
}

function closingDoubleQuote(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '"') return at;
    if (text[at] === '\\') at++;
  }
  return -1;
}

function resolveEscapes(text: string): string {
  const meaning: Record<string, string> = { n: '\n', r: '\r', t: '\t' };
  return text.replace(/\\(["\\nrt])/g, (_, letter: string) => meaning[letter] ?? letter);
}

function withoutComment(line: string): string {
  const comment = line.search(/[ \t]#/);
  return comment === -1 ? line : line.slice(0, comment);
}

function requireUtf8(content: string, lineNumber: number): void {
  const at = content.search(/\p{Surrogate}/u);
  if (at === -1) return;
  const line = lineNumber + countLines(content.slice(0, at));
  throw malformed(line, 'is not valid UTF-8', 'Save the file as UTF-8.');
}

const QUOTE_HINT =
  'A value that begins with a quote must end with it; in double quotes \\" is a quote and \\\\ a backslash.';

function malformed(line: number, what: string, hint: string): UserError {
  return new UserError('ENV_FILE_MALFORMED', `Line ${line} of the environment file ${what}.`, { hint });
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end;
}

function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

/** White space as Python's `str.strip()` has it; JavaScript's adds U+FEFF and lacks U+001C-1F and U+0085. */
const WHITE = /[\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

function isWhite(text: string, at: number): boolean {
  return WHITE.test(text.charAt(at));
}

function strip(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isWhite(text, start)) start++;
  while (end > start && isWhite(text, end - 1)) end--;
  return text.slice(start, end);
}
