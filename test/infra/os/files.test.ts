/** Folders: the nearest that exists, and private ones; files that another program has open. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join, posix, win32 } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { makePrivateDirectory, nearestExisting, whileHeldOpen } from '../../../src/infra/os/files.ts';
import { sandbox } from '../../support/sandbox.ts';

test('the nearest folder that exists is found upwards, and on a Windows drive that is not there none is', () => {
  const at = (path: string, dirname: (path: string) => string, ...there: string[]) =>
    nearestExisting(path, { dirname, existsSync: (found) => there.includes(String(found)) });
  assert.equal(at('/home/me/.arcade', posix.dirname, '/', '/home'), '/home');
  assert.equal(at('/home/me', posix.dirname, '/', '/home/me'), '/home/me');
  assert.equal(at('C:\\Users\\me\\.arcade', win32.dirname, 'C:\\', 'C:\\Users'), 'C:\\Users');
  assert.equal(at('Z:\\home\\.arcade', win32.dirname, 'C:\\'), undefined);
  assert.equal(at('\\\\server\\share\\me\\.arcade', win32.dirname), undefined);
});

test('a private directory is made with those above it, closed to others; one that is there stays as it is', (t) => {
  const { home } = sandbox(t);
  const path = join(home, 'a', 'b', '.arcade');
  assert.equal(makePrivateDirectory(path), true);
  for (const made of [path, join(home, 'a', 'b'), join(home, 'a')])
    assert.equal(statSync(made).mode & 0o777, 0o700);
  const open = join(home, 'open');
  mkdirSync(open, { mode: 0o755 });
  assert.equal(makePrivateDirectory(open), false);
  assert.equal(statSync(open).mode & 0o777, 0o755);
});

const ENDLESS = Number.POSITIVE_INFINITY;

for (const [code, platform, refusals, tries] of [
  ['EPERM', 'win32', 3, 4],
  ['EACCES', 'win32', 3, 4],
  ['EBUSY', 'win32', 3, 4],
  ['EBUSY', 'win32', ENDLESS, ENDLESS],
  ['ENOSPC', 'win32', ENDLESS, 1],
  ['EPERM', 'linux', ENDLESS, 1],
  ['EACCES', 'darwin', ENDLESS, 1],
] as const) {
  const what =
    tries === 1 ? 'is final' : refusals === 3 ? 'passes, and is waited for' : 'is not waited for without end';
  test(`replacing a file: ${code} on ${platform} ${what}`, () => {
    let tried = 0;
    const replace = () =>
      whileHeldOpen(() => {
        tried += 1;
        if (tried <= refusals) throw Object.assign(new Error(code), { code });
      }, platform);
    if (refusals === ENDLESS) assert.throws(replace, { code });
    else replace();
    assert.ok(tries === ENDLESS ? tried > 4 : tried === tries, `${tried} tries`);
  });
}

test('a file that is replaced as a whole, as credentials are, is waited for so', async (t) => {
  const { home } = sandbox(t);
  const module = join(import.meta.dirname, '..', '..', '..', 'src', 'infra', 'os', 'files.ts');
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
    const { replaceAtomically } = await import(${JSON.stringify(module)});
    replaceAtomically(${JSON.stringify(join(home, 'file'))}, 'whole');`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', script];
  const { stderr } = await execa(process.execPath, args, { reject: false });
  assert.deepEqual([stderr, readdirSync(home)], ['', ['file']]);
});
