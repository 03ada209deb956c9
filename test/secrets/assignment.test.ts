/** KEY=VALUE, and what is said about one that is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/errors.ts';
import { keyWithoutValue, parseAssignment, tailOf } from '../../src/secrets/assignment.ts';

for (const [argument, key, value] of [
  ['A=1', 'A', '1'],
  ['A=b=c', 'A', 'b=c'],
  ['A==b', 'A', '=b'],
  ['\ufeffA=\ufeffb', 'A', 'b'],
  [' A =  padded  ', 'A', '  padded  '],
  ['A=x\ny\n', 'A', 'x\ny\n'],
  ['A=-', 'A', '-'],
  ['A', 'A', null],
  ['\tA\n', 'A', null],
  ['-A=1', '-A', '1'],
  ['a/b=1', 'a/b', '1'],
  ['../../v1/health=1', '../../v1/health', '1'],
  ['Q?z=1', 'Q?z', '1'],
  ['ключ🔑=1', 'ключ🔑', '1'],
  ['...=1', '...', '1'],
] as const) {
  test(`${JSON.stringify(argument)} is ${JSON.stringify([key, value])}`, () =>
    assert.deepEqual(parseAssignment(argument, 1), { key, value }));
}

const FORMAT = 'Invalid format (argument 3). Expected KEY=VALUE';
for (const [argument, code, message] of [
  ['', 'INVALID_PAIR', FORMAT],
  ['  ', 'INVALID_PAIR', FORMAT],
  ['=', 'INVALID_PAIR', FORMAT],
  ['=hidden', 'INVALID_PAIR', FORMAT],
  [' =hidden', 'INVALID_PAIR', FORMAT],
  ['hidden=', 'INVALID_PAIR', FORMAT],
  ['hidden= \t\n', 'INVALID_PAIR', FORMAT],
  ['hidden==', 'INVALID_PAIR', FORMAT],
  ['hidden===', 'INVALID_PAIR', FORMAT],
  ['correct hidden battery', 'INVALID_PAIR', FORMAT],
  ['hidden\nlines', 'INVALID_PAIR', FORMAT],
  ['A B=hidden', 'INVALID_KEY', "Secret key 'A B' cannot contain spaces"],
  ['A\tB=hidden', 'INVALID_KEY', 'Secret key (argument 3) cannot contain spaces'],
  ['-----BEGIN\nhidden==x', 'INVALID_KEY', 'Secret key (argument 3) cannot contain spaces'],
  [`${'long '.repeat(20)}=hidden`, 'INVALID_KEY', 'Secret key (argument 3) cannot contain spaces'],
  ['A\u200b=hidden', 'INVALID_KEY', 'Secret key (argument 3) cannot contain invisible characters'],
  ['A\0=hidden', 'INVALID_KEY', 'Secret key (argument 3) cannot contain invisible characters'],
  ['.=hidden', 'INVALID_KEY', "Secret key '.' is not allowed"],
  ['..', 'INVALID_KEY', "Secret key '..' is not allowed"],
  ['A=hid\ufffdden', 'INVALID_VALUE', 'Argument 3 is not UTF-8 text.'],
  ['hid\ufffdden=1', 'INVALID_VALUE', 'Argument 3 is not UTF-8 text.'],
] as const) {
  test(`${JSON.stringify(argument)} is refused without being repeated`, () => {
    assert.throws(
      () => parseAssignment(argument, 3),
      (error) => {
        assert.ok(error instanceof UserError);
        assert.deepEqual([error.code, error.message, error.exitCode], [code, message, 2]);
        assert.doesNotMatch(`${error.hint}`, /hid/);
        return true;
      },
    );
  });
}

for (const [key, value, hint] of [
  ['A', 'B', 'Did you mean A=B?'],
  ['DB_PASSWORD', 'sk-live-1', 'Did you mean DB_PASSWORD=VALUE?'],
  ['sk-live-1', 'API_KEY', 'Did you mean KEY=API_KEY?'],
  ['K', 'AKIA1234567890123456', 'Did you mean K=VALUE?'],
] as const) {
  test(`of ${key} ${value} only what looks like a name is repeated`, () =>
    assert.equal(keyWithoutValue(key, value).hint, hint));
}

for (const [value, tail] of [
  ['', null],
  ['12345678901', null],
  ['123456789012', '9012'],
  ['         short         ', null],
  ['  123456789012  ', '9012'],
  ['-----BEGIN KEY-----\nabcd\n', 'abcd'],
  ['🔑'.repeat(11), null],
  ['🔑'.repeat(12), '🔑🔑🔑🔑'],
  ['0123456789[/x]', '[/x]'],
  ['0123456789\n\u001b[0', '\n\u001b[0'],
] as const) {
  test(`of ${JSON.stringify(value)} ${tail === null ? 'nothing' : JSON.stringify(tail)} is shown`, () =>
    assert.equal(tailOf(value), tail));
}
