/** Folders: the nearest that exists, and private ones. */
import assert from 'node:assert/strict';
import { mkdirSync, statSync } from 'node:fs';
import { join, posix, win32 } from 'node:path';
import { test } from 'node:test';
import { makePrivateDirectory, nearestExisting } from '../../../src/infra/os/files.ts';
import { sandbox } from '../../support/sandbox.ts';

test('the nearest folder that exists is found upwards, and on a Windows drive that is not there none is', () => {
  const at = (path: string, dirname: (path: string) => string, ...there: string[]) =>
    nearestExisting(path, { dirname, exists: (found) => there.includes(found) });
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
