/**
 * The `.env` format: text to names and values, in one pass and in linear time.
 * Nothing is lost silently: a line that is skipped or doubtful is named by its number, and a file that cannot be
 * parsed, or of whose value only a part would be read, is refused. No warning and no error ever repeats what the file says.
 */
import { UserError } from '../errors.ts';
import { isDamaged } from '../infra/text.ts';
import { isName } from './names.ts';
import type { Warning } from './warnings.ts';

interface Dotenv {
  /** In the order of the file; of a name given twice the last value, in the place of the first. */
  readonly entries: Map<string, string>;
  readonly warnings: Warning[];
}

/**
 * Reads the text of a `.env` file. Line ends are LF, CRLF or CR, and LF in the values. A value without quotes ends at
 * white space and `#`; one in quotes ("", '', ``, or three of the first two) may span lines. Double quotes know `\"`,
 * `\\`, `\n`, `\r` and `\t`, single quotes and backticks their own quote behind a backslash.
 * Throws `ENV_FILE_MALFORMED` for a quote that is not closed, text after a closing quote, a value without quotes of which
 * the next lines are a part, NUL, and content that is not valid text.
 */
export function parseDotenv(decoded: string): Dotenv {
  const text = decoded.replace(/\r\n?/g, '\n');
  const nul = text.indexOf('\0');
  if (nul !== -1) {
    throw malformed(
      countLines(text.slice(0, nul)) + 1,
      'contains a NUL character',
      'Save the file as UTF-8 text.',
    );
  }
  const entries = new Map<string, string>();
  const warnings: Warning[] = [];
  let line = 1;
  for (let at = 0; at < text.length; ) {
    const { entry, reasons = [], end } = readStatement(text, at, line);
    if (entry !== undefined) entries.set(...entry);
    for (const reason of reasons) warnings.push({ at: line, reason });
    line += countLines(text.slice(at, end)) + 1;
    at = end + 1;
  }
  return { entries, warnings };
}

type Reasons = readonly Warning['reason'][];

interface Statement {
  readonly entry?: readonly [name: string, value: string];
  readonly reasons?: Reasons;
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
    requireValid(statement, lineNumber);
    return { reasons: ['no-equals'], end };
  }
  // The value comes first: also a line with a useless name owns the lines that its quotes span.
  const value = readValue(text, start + equals + 1, end, lineNumber);
  requireValid(text.slice(start, value.contentEnd), lineNumber);
  const name = strip(statement.slice(0, equals)).replace(/^export[ \t]+/, '');
  if (!isName(name)) return { reasons: ['invalid-name'], end: value.end };
  // Blanks alone are no secret: `secret set KEY=' '` is refused too.
  if (strip(value.value) === '') return { reasons: ['empty-value'], end: value.end };
  if (value.reasons?.includes('only-equals')) return { reasons: value.reasons, end: value.end };
  return { entry: [name, value.value], reasons: value.reasons ?? [], end: value.end };
}

interface Value extends Pick<Statement, 'reasons' | 'end'> {
  readonly value: string;
  /** Where a comment, or nothing, follows. */
  readonly contentEnd: number;
}

function readValue(text: string, from: number, lineEnd: number, lineNumber: number): Value {
  let start = from;
  while (start < lineEnd && (text[start] === '\ufeff' || isWhite(text, start))) start++;
  if (`"'\``.includes(text[start] ?? ' ')) return readQuoted(text, start, lineNumber);
  // From the `=` on, so that a comment behind it leaves nothing.
  const raw = withoutComment(text.slice(from, lineEnd));
  const value = strip(raw.slice(start - from));
  const next = text.slice(lineEnd + 1, endOfLine(text, lineEnd + 1));
  const part = partOfMore(value, next);
  if (part !== undefined) throw malformed(lineNumber, ...part);
  const reasons: Reasons = /^=+$/.test(value)
    ? ['only-equals']
    : [...expansions(value), ...joins(value, next)];
  return { value, reasons, contentEnd: from + raw.length, end: lineEnd };
}

/** What begins without quotes and goes on behind the line, and what to do; undefined for what ends on it. */
function partOfMore(value: string, next: string): readonly [what: string, hint: string] | undefined {
  if (/^-{4,5} ?BEGIN /.test(value) && !/-{4,5} ?END /.test(value))
    return ['begins a key or certificate without quotes', `${QUOTE_IT}${KEY_FILE_HINT}`];
  if (isPartOfJson(value)) return ['begins JSON that does not end on that line', `${QUOTE_IT}.`];
  if (/^<<[-~]?["']?[A-Za-z_]/.test(value))
    return ['begins a here-document', `Here-documents are not read. ${QUOTE_IT}.`];
  if (value.startsWith('$(') && value.split('(').length > value.split(')').length)
    return [
      'begins a command that does not end on that line',
      'Commands are not run: write the value itself.',
    ];
  if (/^(?:[A-Za-z0-9+/]{4}){15,}$/.test(value) && REST_OF_BASE64.test(strip(next)))
    return ['begins base64 that goes on in the next line', `${QUOTE_IT}, or on one line (base64 -w 0).`];
  return undefined;
}

/** A line of base64. One that could be a name without a value is that. */
const REST_OF_BASE64 =
  /^(?![A-Za-z][A-Za-z0-9]{0,38}=$)(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$/;

/** A name in `${}`, or a command in `$()`, is what other programs put something else for. */
function expansions(value: string): Reasons {
  return /\$(?:\{[A-Za-z_]|\()/.test(value) ? ['not-expanded'] : [];
}

/** A shell joins the next line behind a backslash. In a path it is a backslash. */
function joins(value: string, next: string): Reasons {
  return /^[^\\]+\\$/.test(value) && strip(next) !== '' ? ['backslash-at-end'] : [];
}

/** Whether an object or list begins that goes on behind the end of the line, or behind what looks like a comment. */
function isPartOfJson(value: string): boolean {
  if (!/^[[{]\s*(?:["'[{\]}]|$)/.test(value)) return false;
  let depth = 0;
  for (const [token] of value.matchAll(/"(?:\\.|[^"\\])*"?|[[\]{}]/g)) {
    if (token === '[' || token === '{') depth += 1;
    else if (token === ']' || token === '}') depth -= 1;
    else if (token.length === 1 || !token.endsWith('"')) return true;
  }
  return depth > 0;
}

function readQuoted(text: string, open: number, lineNumber: number): Value {
  const quote = text.charAt(open);
  const three = quote.repeat(3);
  if (quote !== '`' && text.startsWith(three, open)) return readInThree(text, open, three, lineNumber);
  const close = quote === '"' ? closingDoubleQuote(text, open + 1) : closingQuote(text, open + 1, quote);
  if (close === -1) throw malformed(lineNumber, 'opens a quote that is never closed', QUOTE_HINT);
  const end = endOfLine(text, close);
  const inner = text.slice(open + 1, close);
  const read = unescaped(inner, quote);
  const reasons = quote === "'" ? [] : expansions(inner);
  const value = { value: read, reasons, contentEnd: close, end };
  const tail = text.slice(close + 1, end);
  if (strip(withoutComment(tail)) === '') return value;

  requireOneLine(inner, lineNumber);
  // A comment may follow the outermost pair as it may follow any other.
  const outer = [tail, withoutComment(tail)].find((part) => strip(part).endsWith(quote)) ?? '';
  const last = close + 1 + outer.lastIndexOf(quote);
  if (outer !== '' && text.slice(open, last).replaceAll(quote, '') !== '') {
    // Backslashes stay: who leaves the inner quotes bare, as in "{"a":"b\n"}", does not escape for us.
    return { value: text.slice(open + 1, last), contentEnd: last, end, reasons: ['inner-quotes'] };
  }
  if (strip(tail).startsWith('#')) return { ...value, reasons: ['text-after-quote'] };
  throw malformed(lineNumber, 'has text after its closing quote', QUOTE_HINT);
}

/** A line end right behind the opening quotes is no part of the value. */
function readInThree(text: string, open: number, three: string, lineNumber: number): Value {
  let close = text.indexOf(three, open + 3);
  if (close === -1) throw malformed(lineNumber, 'opens a quote that is never closed', QUOTE_HINT);
  // The last three of several close: """say "hi"""" ends with a quote.
  while (text[close + 3] === three[0]) close += 1;
  const end = endOfLine(text, close);
  const inner = text.slice(open + 3, close).replace(/^\n/, '');
  if (strip(withoutComment(text.slice(close + 3, end))) !== '') {
    requireOneLine(inner, lineNumber);
    throw malformed(lineNumber, 'has text after its closing quote', QUOTE_HINT);
  }
  const isDouble = three === '"""';
  const value = isDouble ? unescaped(inner, '"') : inner;
  return { value, reasons: isDouble ? expansions(inner) : [], contentEnd: close, end };
}

/** Throws for a quote of several lines that text follows. */
function requireOneLine(inner: string, lineNumber: number): void {
  const lines = countLines(inner);
  if (lines === 0) return;
  const what = `opens a quote that closes on line ${lineNumber + lines}, with text after it`;
  throw malformed(lineNumber, what, QUOTE_HINT);
}

function closingDoubleQuote(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '"') return at;
    if (text[at] === '\\') at++;
  }
  return -1;
}

/** How a shell writes an apostrophe in single quotes. */
const SHELL_APOSTROPHES = ["'\\''", `'"'"'`];

/** A backslash before the quote makes it text, but at the end of the line, where a path such as 'C:\dir\' ends. */
function closingQuote(text: string, from: number, quote: string): number {
  for (let at = text.indexOf(quote, from); at !== -1; at = text.indexOf(quote, at + 1)) {
    const apostrophe =
      quote === "'" ? SHELL_APOSTROPHES.find((each) => text.startsWith(each, at)) : undefined;
    if (apostrophe !== undefined) at += apostrophe.length - 1;
    else if (text[at - 1] !== '\\' || endsBehind(text, at)) return at;
  }
  return -1;
}

/** Whether nothing but blanks, or a comment behind them, follows on the line. */
function endsBehind(text: string, at: number): boolean {
  let next = at + 1;
  while (text[next] === ' ' || text[next] === '\t') next++;
  return next >= text.length || text[next] === '\n' || (text[next] === '#' && next > at + 1);
}

function unescaped(inner: string, quote: string): string {
  if (quote === '`') return inner.replaceAll('\\`', '`');
  if (quote === "'") return inner.replace(/'\\''|'"'"'|\\'/g, "'");
  // Someone who writes a path such as "C:\new\table" means no line end.
  const letters = /^[A-Za-z]:\\/.test(inner) ? {} : { n: '\n', r: '\r', t: '\t' };
  const meanings: Record<string, string> = { '"': '"', '\\': '\\', ...letters };
  return inner.replace(/\\(["\\nrt])/g, (all, letter: string) => meanings[letter] ?? all);
}

function withoutComment(line: string): string {
  const comment = line.search(/[ \t]#/);
  return comment === -1 ? line : line.slice(0, comment);
}

function requireValid(content: string, lineNumber: number): void {
  if (!isDamaged(content)) return;
  const line = lineNumber + countLines(content.slice(0, content.search(/\p{Surrogate}/u)));
  throw malformed(line, 'is not valid UTF-8', 'Save the file as UTF-8.');
}

const QUOTE_HINT =
  'A value that begins with a quote must end with it; in double quotes \\" is a quote and \\\\ a backslash.';
const QUOTE_IT = 'Put the whole value in single quotes';
const KEY_FILE_HINT = ', or set it from its own file: arcade secret set KEY --stdin < FILE';

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
