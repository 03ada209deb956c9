/** Files of secrets: encodings, JSON, key files, reserved names. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/errors.ts';
import { parseContents } from '../../src/secrets/contents.ts';

const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le');
const bigEndian = (text: string): Buffer => utf16(text).swap16();

/** Title, the file, its secrets, the warnings. */
const READ: readonly (readonly [string, string | Buffer, Record<string, string>, ...string[]])[] = [
  ['UTF-8 with a byte-order mark', '\ufeffK=ü', { K: 'ü' }],
  ['UTF-16 as PowerShell writes it', utf16('\ufeff# c\r\nK="ü🔑"\r\n'), { K: 'ü🔑' }],
  ['UTF-16, big-endian', bigEndian('\ufeffK=ü\r\n'), { K: 'ü' }],
  [
    'JSON',
    ' {"A": "x=y", "B": 12345678901234567890, "C": 1e3, "D": true}',
    { A: 'x=y', B: '12345678901234567890', C: '1e3', D: 'true' },
  ],
  ['JSON in UTF-16', utf16('\ufeff{"A": "1"}'), { A: '1' }],
  [
    'JSON with escapes',
    '{"A": "-----BEGIN\\n\\u00e9", "__proto__": "x"}',
    { A: '-----BEGIN\né', ['__proto__']: 'x' },
  ],
  [
    'JSON with empty values',
    '{"A": "", "B": "1", "C": " "}',
    { B: '1' },
    'Entries 1 and 3: empty value (skipped).',
  ],
  [
    'JSON with a name that is none',
    '{"A": "1", "sk-live=": "x"}',
    { A: '1' },
    'Entry 2: invalid name (skipped); a name has letters, digits, "_", "." and "-", and begins with a letter or "_".',
  ],
];

for (const [title, file, entries, ...warnings] of READ) {
  test(`a file of secrets may be ${title}`, () => {
    const read = parseContents(Buffer.from(file as string));
    assert.deepEqual([...read.entries], Object.entries(entries));
    assert.deepEqual([read.warnings, read.reserved], [warnings, []]);
  });
}

const PEM = '-----BEGIN KEY-----\nhidden==\n-----END KEY-----\n';
const NO_MARK = 'The environment file is UTF-16 without a byte-order mark.';
const NO_SCALAR = 'has a value in entry 1 that is not a string, a number or a boolean';
const asJson = (title: string, file: string, what: string): readonly [string, string, string, string] => [
  title,
  file,
  `The environment file begins with "{", but ${what}.`,
  'Write one JSON object of strings, numbers and booleans, or one KEY=VALUE per line.',
];

/** Title, the file, the message, the hint. */
const REFUSED: readonly (readonly [string, string | Buffer, string, string])[] = [
  ['UTF-16 without a mark', utf16('KEY=hidden\r\n'), NO_MARK, 'Save the file as UTF-8.'],
  ['big-endian UTF-16 without a mark', bigEndian('KEY=hidden\r\n'), NO_MARK, 'Save the file as UTF-8.'],
  [
    'half of UTF-16',
    utf16('\ufeffK=hidden').subarray(0, -1),
    'Line 1 of the environment file is not valid UTF-8.',
    'Save the file as UTF-8.',
  ],
  [
    'NUL',
    'A=1\nK=hid\0den',
    'Line 2 of the environment file contains a NUL character.',
    'Save the file as UTF-8 text.',
  ],
  [
    'a key file',
    `\n${PEM}`,
    'The environment file is a key or certificate, not a list of secrets.',
    'Set it as one secret: arcade secret set KEY --stdin < FILE',
  ],
  asJson('JSON with a list', '{"A": ["hidden"]}', NO_SCALAR),
  asJson('JSON with null', '{"A": null}', NO_SCALAR),
  asJson('JSON with NUL', '{"A": "hid\\u0000den"}', 'has a NUL character in entry 1'),
  asJson('JSON with half a character', '{"A": "hidden\\ud800"}', 'is not valid text in entry 1'),
  asJson('half of JSON', '{"A": "hidden",\n', 'is not valid JSON: see line 2'),
  asJson('two JSON objects', '{"A": "1"}\n{"B": "hidden"}', 'is not valid JSON: see line 2'),
  asJson('deep JSON', '{"a":'.repeat(100_000), 'is not valid JSON'),
];

for (const [title, file, message, hint] of REFUSED) {
  test(`a file of secrets that is ${title} is refused`, () =>
    assert.throws(
      () => parseContents(Buffer.from(file as string)),
      (error) => {
        assert.ok(error instanceof UserError);
        assert.deepEqual([error.code, error.message, error.hint], ['ENV_FILE_MALFORMED', message, hint]);
        return true;
      },
    ));
}

test("a file's credentials of Arcade itself are left out, and named", () => {
  for (const file of [
    'ARCADE_API_KEY=a\nK=1\nARCADE_WORKER_SECRET=b',
    '{"K": 1, "ARCADE_API_KEY": "a", "ARCADE_WORKER_SECRET": 2}',
  ]) {
    const { entries, reserved } = parseContents(Buffer.from(file));
    assert.deepEqual([[...entries], reserved], [[['K', '1']], ['ARCADE_API_KEY', 'ARCADE_WORKER_SECRET']]);
  }
});
