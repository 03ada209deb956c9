/** On Windows, replacing a file that another program has open. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whileHeldOpen } from '../../../src/infra/os/files.ts';

/** Fails with `code` as often as that, then works. */
function refusing(code: string, times: number): { work: () => void; tries: () => number } {
  let tries = 0;
  const work = (): void => {
    tries += 1;
    if (tries <= times) throw Object.assign(new Error(code), { code });
  };
  return { work, tries: () => tries };
}

for (const code of ['EPERM', 'EACCES', 'EBUSY']) {
  test(`on Windows a file that another program has open is replaced once it lets go (${code})`, () => {
    const held = refusing(code, 3);
    whileHeldOpen(held.work, 'win32');
    assert.equal(held.tries(), 4);
  });
}

test('any other refusal is final, and elsewhere all are', () => {
  for (const [code, platform] of [
    ['ENOSPC', 'win32'],
    ['EPERM', 'linux'],
    ['EACCES', 'darwin'],
  ] as const) {
    const refused = refusing(code, 1);
    assert.throws(() => whileHeldOpen(refused.work, platform), { code });
    assert.equal(refused.tries(), 1);
  }
});

test('it is not waited for without end', () => {
  assert.throws(() => whileHeldOpen(refusing('EBUSY', Number.POSITIVE_INFINITY).work, 'win32'), {
    code: 'EBUSY',
  });
});
