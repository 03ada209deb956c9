/** Which folders are on a network file system. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isNetworkFileSystem, opensToOthers } from '../../../src/infra/os/file-system.ts';
import { arcade } from '../../support/cli.ts';
import { type Fault, fileSystemOf, withoutFault } from '../../support/faults.ts';
import { sandbox } from '../../support/sandbox.ts';

const mounts = existsSync('/proc/mounts')
  ? readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' '))
  : [];
const mountedAs = (type: RegExp): string | undefined =>
  mounts.find((fields) => type.test(fields[2] ?? ''))?.[1];

test('what only this machine writes to is no network file system, nor is what is not there', () => {
  const local = mountedAs(/^(ext4|xfs|btrfs|tmpfs|overlay|proc)$/);
  for (const place of [local, '/nowhere/at/all', '']) {
    if (place !== undefined) assert.equal(isNetworkFileSystem(place), false, place);
  }
});

const nfs: Fault = fileSystemOf(0x6969);
for (const [where, fault, writeVersion] of [
  ['a network file system the spool has a rollback journal', nfs, 1],
  ['another one a write-ahead log', {}, 2],
] as [string, Fault, number][]) {
  test(`on ${where}`, { skip: withoutFault(nfs) }, async (t) => {
    const home = sandbox(t);
    await arcade(home, ['secret', 'list'], { env: fault.env?.(home) ?? {} });
    // https://sqlite.org/fileformat2.html: 1 for rollback, 2 for a log.
    assert.equal(readFileSync(join(home.directory, 'usage.db'))[18], writeVersion);
  });
}

test('on Windows a share is one, by its name and by a drive letter that stands for it', () => {
  const shares: Record<string, string> = { 'Z:\\me': '\\\\server\\homes\\me' };
  const is = (path: string) => isNetworkFileSystem(path, 'win32', (asked) => shares[asked] ?? asked);
  for (const path of ['Z:\\me', '\\\\server\\homes\\me', '\\\\?\\UNC\\server\\homes'])
    assert.equal(is(path), true, path);
  for (const path of ['C:\\Users\\me', '\\\\?\\C:\\Users\\me', '\\\\.\\pipe\\x', ''])
    assert.equal(is(path), false, path);
});

test('a file system without modes is told by its type and by what its folders look like', () => {
  const [fat, p9, ext4] = [0x4d44, 0x01021997, 0xef53];
  assert.ok(opensToOthers('/', fat, 0o755), 'a memory stick as it is usually mounted');
  assert.ok(!opensToOthers('/', fat, 0o700), 'one that is mounted for its user alone');
  assert.ok(opensToOthers('/', p9, 0o777), 'a drive of Windows in WSL');
  assert.ok(!opensToOthers('/', p9, 0o755), 'one with metadata, or a folder of a virtual machine');
  assert.ok(!opensToOthers('/', ext4, 0o777), 'its modes can be set');
});
