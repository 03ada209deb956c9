/** The `.env` format: what is read, what is skipped by line, what is refused. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: files say it
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { UserError } from '../../src/errors.ts';
import { decodeText } from '../../src/infra/text.ts';
import { parseDotenv } from '../../src/secrets/dotenv.ts';
import { describeWarnings } from '../../src/secrets/warnings.ts';

interface Case {
  readonly id: string;
  readonly name: string;
  readonly input?: string;
  readonly base64?: string;
  readonly entries?: readonly [string, string][];
  readonly error?: string;
}

const fixture = new URL('../fixtures/dotenv.json', import.meta.url);
const cases: readonly Case[] = JSON.parse(readFileSync(fixture, 'utf8')).cases;

/** Where this program reads a file differently on purpose: case, its result (or the line that it refuses), why. */
const DIFFERENCES: readonly (readonly [
  id: string,
  expected: Record<string, string> | string,
  why: string,
])[] = [
  ['013', {}, 'a name does not begin with a digit'],
  ['027', {}, 'a name has no space'],
  ['031', { KEY: '  padded  ' }, 'blanks inside quotes are kept'],
  ['041', {}, 'white space before # starts a comment, also right behind the ='],
  ['057', { KEY: 'value' }, 'backticks are quotes'],
  ['063', { KEY: "a'b" }, 'a backslash before the quote makes it text'],
  ['065', { KEY: 'a\nb\tc' }, 'double quotes know escapes'],
  ['069', { KEY: 'a" "b' }, 'the outermost quotes count'],
  ['071', 'line 1', 'a quote that is never closed is refused'],
  ['073', 'line 1', 'a quote that is never closed is refused'],
  ['075', { KEY: 'abc' }, 'three quotes are quotes'],
  ['079', 'line 1', 'a quote that is never closed is refused'],
  ['081', 'line 1', 'text after a closing quote is refused'],
  ['091', {}, 'a name has no "+"'],
  ['093', { KEY: 'value' }, 'export is no part of the name'],
  ['095', { KEY: 'value' }, 'export is no part of the name'],
  ['113', 'line 1', 'NUL is refused'],
  ['115', { KEY: 'a\nb', B: '2' }, 'quoted values span lines'],
  ['117', 'line 1', 'JSON that goes on behind its line is refused, not cut'],
  ['119', { KEY: '-----BEGIN-----\nabc\n-----END-----\n' }, 'double quotes know escapes'],
  ['127', { KEY: 'v' }, 'a byte-order mark is no part of the name'],
  ['129', { KEY: 'v' }, 'a comment is no content, also behind a byte-order mark'],
  ['137', {}, 'a name has no "/"'],
  ['139', {}, 'a name has no "/"'],
  ['141', {}, 'a name has no space'],
  ['143', {}, 'a name has no space'],
];

for (const { id, name, input, base64 = '', entries = [], error } of cases) {
  const [, ours, why] = DIFFERENCES.find((difference) => difference[0] === id) ?? [];
  const original = error === undefined ? entries : 'line 1';
  const expected = typeof ours === 'object' ? Object.entries(ours) : ours;
  test(`case ${id}, ${name}, ${why === undefined ? 'equals the original' : `differs: ${why}`}`, () => {
    assert.notDeepEqual(expected, original, 'the difference is stale');
    const file = input === undefined ? Buffer.from(base64, 'base64') : Buffer.from(input);
    assert.deepEqual(outcome(file), expected ?? original);
  });
}

test('every difference names a case', () => {
  const ids = cases.map(({ id }) => id);
  for (const [id] of DIFFERENCES) assert.ok(ids.includes(id), id);
});

const PEM = '-----BEGIN KEY-----\nMIIB=\nabc==\n-----END KEY-----\n';

const invalid = (...lines: number[]): string[] => lines.map((line) => `${line} invalid-name`);

/** What a person may write: title, the file, the entries as an object, the warnings as `line reason`. */
const READ: readonly (readonly [string, string, Record<string, string>, ...string[]])[] = [
  ['an apostrophe in a bare value is text', "K=it's\nL=don't # isn't", { K: "it's", L: "don't" }],
  ['quotes in the middle of a bare value are text', 'K=a"b"c\nL=a "b # c"', { K: 'a"b"c', L: 'a "b' }],
  ['a comment may hold quotes', 'K="a" # it\'s "x"\nL=\'b\' # it\'s', { K: 'a', L: 'b' }],
  ['a tab before # starts a comment', 'K=a\t# c\nL="b"\t# c', { K: 'a', L: 'b' }],
  ['a # without white space before it is text', 'K=#a\nL=a#b', { K: '#a', L: 'a#b' }],
  ['a # behind a closing quote is a doubtful comment', 'K="a"#b', { K: 'a' }, '1 text-after-quote'],
  ['a comment behind = leaves nothing', 'K= # c\nL=\t# c', {}, '1 empty-value', '2 empty-value'],
  ['escapes end where they are known', 'K="\\"\\\\\\n\\r\\t\\x\\$\\\'"', { K: '"\\\n\r\t\\x\\$\\\'' }],
  ['an escaped backslash does not escape', 'K="a\\\\"\nL="\\\\n"', { K: 'a\\', L: '\\n' }],
  ['an escaped quote does not close', 'K="a\\"b"\nL="\\""', { K: 'a"b', L: '"' }],
  ['single quotes take no escapes', "K='a\\nb\\\\'", { K: 'a\\nb\\\\' }],
  ['JSON in bare quotes arrives whole', 'K="{"a":"b\\n"}"', { K: '{"a":"b\\n"}' }, '1 inner-quotes'],
  ['an apostrophe in single quotes is kept', "K='it's'  ", { K: "it's" }, '1 inner-quotes'],
  ['a comment may follow inner quotes', 'K="{"a":1}" # "c" d', { K: '{"a":1}' }, '1 inner-quotes'],
  ['outermost quotes may hold a #', 'K="a"#"b"', { K: 'a"#"b' }, '1 inner-quotes'],
  ['a PEM key arrives whole in double quotes', `K="${PEM}"\nL=1`, { K: PEM, L: '1' }],
  ['a PEM key arrives whole in single quotes', `K='${PEM}' # c\nL=1`, { K: PEM, L: '1' }],
  ['a PEM key with CRLF has LF', `K="${PEM.replaceAll('\n', '\r\n')}"\r\nL=1`, { K: PEM, L: '1' }],
  ['lines of a skipped name are not read', 'A B="\nC=1\n"\nD=2', { D: '2' }, '1 invalid-name'],
  ['blanks in quotes are kept', 'K=" a "\nL=\'\ta\t\'', { K: ' a ', L: '\ta\t' }],
  ['blanks alone are no value', 'K="  "\nL=\'\n\'', {}, '1 empty-value', '2 empty-value'],
  ['empty quotes are no value', 'K=""\nL=\'\' # c', {}, '1 empty-value', '2 empty-value'],
  ['a later empty value changes nothing', 'K=1\nK=', { K: '1' }, '2 empty-value'],
  ['white space is what Python strips', '\x1c\u3000K\x85=\x1f\xa0v\u2028', { K: 'v' }],
  ['a zero-width space is no white space', 'K=\u200bv\ufeff', { K: '\u200bv\ufeff' }],
  ['white space before a quote is skipped', 'K= \u3000"a"', { K: 'a' }],
  ['a lone CR ends a line', 'K=1\rL="2"\rM=3\r', { K: '1', L: '2', M: '3' }],
  ['U+0085 and U+2028 end no line', 'K=1\x85L=2\nM=1\u2028N=2', { K: '1\x85L=2', M: '1\u2028N=2' }],
  ['export goes with its white space', 'export K=1\nexport\tL=2\nexport  M="3"', { K: '1', L: '2', M: '3' }],
  ['export alone is a name', 'export=1\nexportK=2', { export: '1', exportK: '2' }],
  ['letters, digits, _ . and - are names', 'a.B-1_=1\n_=2', { 'a.B-1_': '1', _: '2' }],
  ['other names are skipped', 'A\tB=1\nA\xa0B=2\n1A=3\n"K"=4\n+K=5\nü=6', {}, ...invalid(1, 2, 3, 4, 5, 6)],
  ['a name with an invisible character is skipped', 'A\u200b=1\n\u200eB=2', {}, ...invalid(1, 2)],
  ['an empty name is skipped', '=v\n  ="a\nb"\nK=1', { K: '1' }, ...invalid(1, 2)],
  [
    'a line of base64 is no secret',
    'QkFT==\nQkFT=\n K= == # c',
    {},
    '1 only-equals',
    '2 empty-value',
    '3 only-equals',
  ],
  ['= in quotes is a value', 'K="="', { K: '=' }],
  [
    'backticks are quotes',
    'K=`one\ntoken=1\n`\nL=`it\'s "x" # y` # c\nM=`a\\`b`',
    { K: 'one\ntoken=1\n', L: 'it\'s "x" # y', M: 'a`b' },
  ],
  ['an apostrophe behind a backslash is text', "K='it\\'s'\nL='a\n\\'b'", { K: "it's", L: "a\n'b" }],
  [
    'a path in single quotes may end in a backslash',
    "K='C:\\new\\'\nL='D:\\' # it's",
    { K: 'C:\\new\\', L: 'D:\\' },
  ],
  ['an apostrophe as a shell writes it', `K='it'\\''s'\nL='a'"'"'b\nc'`, { K: "it's", L: "a'b\nc" }],
  [
    'a path of Windows in double quotes has no line ends',
    'K="C:\\new\\table"\nL="C:\\\\new"',
    { K: 'C:\\new\\table', L: 'C:\\new' },
  ],
  [
    'three quotes span lines',
    'K="""\nsay "hi"\n"""\nL=\'\'\'a\\n\'\'\' # c\nM="""say "hi""""',
    { K: 'say "hi"\n', L: 'a\\n', M: 'say "hi"' },
  ],
  [
    'JSON on one line needs no quotes',
    'K={"a":{"b":["}"]}}\nL=[1]\nM={}\nN={abc',
    { K: '{"a":{"b":["}"]}}', L: '[1]', M: '{}', N: '{abc' },
  ],
  [
    'a key on one line needs no quotes',
    'K=-----BEGIN A-----\\nMIIB\\n-----END A-----',
    { K: '-----BEGIN A-----\\nMIIB\\n-----END A-----' },
  ],
  [
    'variables stay as they are',
    'A=${B}/c\nC="x${D:-y}"\nE=\'${F}\'\nG=$H${1}',
    { A: '${B}/c', C: 'x${D:-y}', E: '${F}', G: '$H${1}' },
    '1 not-expanded',
    '2 not-expanded',
  ],
  [
    'commands stay as they are',
    'A=$(cat k)\nB="x $(k)"\nC=\'$(k)\'\nD=$((1+2))\nE=a$',
    { A: '$(cat k)', B: 'x $(k)', C: '$(k)', D: '$((1+2))', E: 'a$' },
    '1 not-expanded',
    '2 not-expanded',
    '4 not-expanded',
  ],
  [
    'a backslash at the end joins no lines',
    'A=one\\\nB=2\nC=C:\\dir\\\nD=\\\\x\\\nE=a\\\n\nF="a\\\\"\nG=b\\',
    { A: 'one\\', B: '2', C: 'C:\\dir\\', D: '\\\\x\\', E: 'a\\', F: 'a\\', G: 'b\\' },
    '1 backslash-at-end',
  ],
  [
    'base64 on one line needs no quotes',
    `A=${'QUJD'.repeat(20)}\nkey=\nB=${'0a'.repeat(32)}\nC=1\n\nQkFT`,
    { A: 'QUJD'.repeat(20), B: '0a'.repeat(32), C: '1' },
    '2 empty-value',
    '6 no-equals',
  ],
  ['an equals sign in a comment is none', 'K # a=b\n#c=d', {}, '1 no-equals'],
  [
    'byte-order marks begin no name and no value',
    '\ufeffK=1\n\ufeff# a=b\n \ufeffL=2\nM=\ufeff"3"',
    { K: '1', L: '2', M: '3' },
  ],
  ['an astral character is no invalid byte', 'K=\u{10000}\u{1f511}', { K: '\u{10000}\u{1f511}' }],
  ['a warning names the first of several lines', '\n\nA B="\n\n"\nC', {}, '3 invalid-name', '6 no-equals'],
];

for (const [title, file, entries, ...warnings] of READ) {
  test(title, () => {
    const result = parse(Buffer.from(file));
    const reasons = result.warnings.map(({ at, reason }) => `${at} ${reason}`);
    assert.deepEqual([Object.fromEntries(result.entries), reasons], [entries, warnings]);
  });
}

/** What is refused: title, the file (one byte per character), the line that is named. */
const REFUSED: readonly (readonly [string, string, number])[] = [
  ['a single quote that is never closed', "A=1\nK='hidden\nB=2", 2],
  ['an escape before the only closing quote', 'K="C:\\hidden\\"\nB=2', 1],
  ['an escape at the very end', 'K="hidden\\', 1],
  ['a quote that another value would close', 'K="hidden\nB="2"', 1],
  ['a quote that an apostrophe would close', "K='hidden\nB=it's", 1],
  ['text after a closing quote', 'A=1\n\nK="hidden" text', 3],
  ['text and a comment after a closing quote', 'K="hidden" text # "c"x', 1],
  ['text after a quote of several lines', 'A=1\nK="hidden\n" text"', 2],
  ['a # right after a quote of several lines', 'K="hidden\nB="# c', 1],
  ['text after three quotes', 'K="""hidden\n""" x', 1],
  ['three quotes that are never closed', 'A=1\nK="""hidden""', 2],
  ['a backtick that is never closed', 'K=`hidden\nB=2', 1],
  ['a key of several lines without quotes', 'A=1\nK=-----BEGIN KEY-----\nhidden==\n-----END KEY-----', 2],
  ['an SSH2 key without quotes', 'K=---- BEGIN SSH2 PUBLIC KEY ----\nhidden', 1],
  ['JSON of several lines without quotes', 'A=1\nK={\n  "hidden": 1\n}', 2],
  ['a list of several lines without quotes', 'K=["hidden",\n"b"]', 1],
  ['JSON that a comment would cut', 'K={"hidden": "b #c"}', 1],
  ['a here-document', "A=1\nK=<<'EOF'\nhidden=1\nEOF", 2],
  ['a command of several lines', 'A=1\nK=$(cat <<E\nhidden=1\nE\n)', 2],
  ['base64 of several lines without quotes', `A=1\nK=${'QUJD'.repeat(19)}\nhidden==`, 2],
  ['base64 whose last line is full', `K=${'QUJD'.repeat(16)}\nhidden12`, 1],
  ['NUL', 'A=1\nK="\nhidden\0"', 3],
  ['NUL in a comment', '# hidden\0', 1],
  ['a quote left open behind a useless name', 'A B="hidden', 1],
  ['an invalid byte in a bare value', 'A=1\nK=hidden\xff', 2],
  ['an invalid byte in a quoted value', 'A=1\nK="hidden\n\n\xe9"', 4],
  ['an invalid byte in the outermost quotes', 'K="hidden" \xe9"', 1],
  ['an invalid byte in a skipped line', 'hidden\xe9', 1],
  ['an encoded surrogate', 'K=\xed\xa0\x80hidden', 1],
];

for (const [title, file, line] of REFUSED) {
  test(`${title} is refused by line, without its content`, () => {
    const refused = (error: unknown) =>
      error instanceof UserError && !/hidden/.test(error.message + error.hint);
    assert.throws(() => parse(Buffer.from(file, 'latin1')), refused);
    assert.equal(outcome(Buffer.from(file, 'latin1')), `line ${line}`);
  });
}

test('an invalid byte in a comment does no harm, and U+FFFD is a character like any other', () => {
  const file = Buffer.from('#\xe9\nK=a # \xe9\nL="b" # \xe9=\nM=\xef\xbf\xbd # \xe9\nN # \xe9', 'latin1');
  const { entries, warnings } = parse(file);
  assert.deepEqual(Object.fromEntries(entries), { K: 'a', L: 'b', M: '\ufffd' });
  assert.deepEqual(warnings, [{ at: 5, reason: 'no-equals' }]);
});

test('names that mean something to the language are names like any other', () => {
  const { entries } = parseDotenv('__proto__=1\nconstructor=2');
  assert.deepEqual([...entries.keys()], ['__proto__', 'constructor']);
});

test('a view into a larger buffer is read within its bounds', () => {
  const { entries } = parse(new Uint8Array(Buffer.from('A=1\nB=2\nC=3')).subarray(4, 7));
  assert.deepEqual([...entries], [['B', '2']]);
});

test('warnings are one line a reason, with ten numbers at most and nothing of the file', () => {
  const lines = [
    'hidden',
    '=hidden',
    'hidden=',
    'hidden==',
    'hidden="hi"dd"en"',
    'hidden="hi"#dden',
    `hidden=\${HIDDEN}`,
  ];
  const file = [...lines, 'hi dden=1', ...Array(1_010).fill('hidden=')].join('\n');
  assert.deepEqual(describeWarnings(parseDotenv(file).warnings, 'Line'), [
    'Line 1: no "=" (skipped).',
    'Lines 2 and 8: invalid name (skipped); a name has letters, digits, "_", "." and "-", and begins with a letter or "_".',
    'Lines 3, 9, 10, 11, 12, 13, 14, 15, 16, 17 and 1,001 more: empty value (skipped).',
    'Line 4: the value is only "=", like the end of base64 (skipped).',
    'Line 5: nested quotes; the outermost pair was used.',
    'Line 6: "#" right after the closing quote; treated as a comment.',
    'Line 7: ${...} or $(...) is not expanded; the value is sent as written.',
  ]);
});

/** A scan that starts over at each line, quote or blank would take minutes over any of these 2 MB. */
const LONG: Record<string, string> = {
  'lines without =': 'a\n'.repeat(1_000_000),
  'skipped lines with quotes': 'a b="\'"\n'.repeat(300_000),
  'values of two lines': 'K="\n"\n'.repeat(300_000),
  'one value of many lines': `K="${'line\n'.repeat(400_000)}"`,
  'escaped quotes': `K="${'\\"'.repeat(1_000_000)}"`,
  'inner quotes': `K="${'"a'.repeat(1_000_000)}"`,
  'escaped apostrophes': `K='${"\\'".repeat(1_000_000)}'`,
  'JSON without quotes': `K=[${'[{"a'.repeat(500_000)}`,
  'shell apostrophes': `K='${"'\\''".repeat(500_000)}'`,
  'blanks within a value': `K=a${' '.repeat(2_000_000)}b`,
  'blanks after a quote': `K="a"${' '.repeat(2_000_000)}# c`,
  'invalid bytes in comments': '#\xff\n'.repeat(300_000),
};

for (const [title, file] of Object.entries(LONG)) {
  test(`large files are read in linear time: ${title}`, () => {
    const start = performance.now();
    outcome(Buffer.from(file, 'latin1'));
    assert.ok(performance.now() - start < 10_000);
  });
}

function parse(bytes: Uint8Array): ReturnType<typeof parseDotenv> {
  return parseDotenv(decodeText(bytes) ?? assert.fail('UTF-16'));
}

function outcome(file: Buffer): [string, string][] | string {
  try {
    return [...parse(file).entries];
  } catch (error) {
    assert.ok(error instanceof UserError);
    assert.deepEqual([error.code, error.exitCode], ['ENV_FILE_MALFORMED', 1]);
    return error.message.replace(/^Line (\d+) of the environment file .*$/, 'line $1');
  }
}
