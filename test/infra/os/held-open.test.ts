/** On Windows, replacing a file that another program has open. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { whileHeldOpen } from '../../../src/infra/os/files.ts';
import { sandbox } from '../../support/sandbox.ts';

const MODULE = join(import.meta.dirname, '..', '..', '..', 'src', 'infra', 'os', 'files.ts');

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

test('a file is replaced so where it is written whole, as credentials are', async (t) => {
  const { home } = sandbox(t);
  const script = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const { renameSync } = fs;
    let left = 3;
    fs.renameSync = (...paths) => {
      if (left-- > 0) throw Object.assign(new Error('held'), { code: 'EBUSY' });
      renameSync(...paths);
    };
    syncBuiltinESMExports();
    Object.defineProperty(process, 'platform', { value: 'win32' });
    const { replaceAtomically } = await import(${JSON.stringify(MODULE)});
    replaceAtomically(${JSON.stringify(join(home, 'file'))}, 'whole');`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', script];
  const { stderr } = await execa(process.execPath, args, { reject: false });
  assert.deepEqual([stderr, readdirSync(home)], ['', ['file']]);
});
