/** dist/.cache: quicker starts for the owner of the program's folder, and nothing at all for anyone else. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { PROGRAM } from '../support/cli.ts';
import { everyones, NOBODY, notRoot } from '../support/everyones.ts';

const root = join(PROGRAM, '..', '..');
const skip = notRoot;

/** A copy of the built program without its cache, in a folder that all may look into. */
function installed(t: TestContext): { folder: string; cache: string } {
  const folder = mkdtempSync(join(tmpdir(), 'arcade-cache-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  for (const name of ['dist', 'migrations', 'package.json'])
    cpSync(join(root, name), join(folder, name), {
      recursive: true,
      filter: (path) => !path.endsWith('.cache'),
    });
  return { folder, cache: join(folder, 'dist', '.cache') };
}

async function version(folder: string, options: { uid?: number } = {}): Promise<void> {
  const script = join(folder, 'dist', 'arcade.js');
  const node = options.uid === undefined ? process.execPath : everyones().node;
  const ran = await execa(node, ['--', script, '--version'], {
    ...options,
    extendEnv: false,
    env: {},
  });
  assert.match(ran.stdout, /^arcade \d/);
  assert.equal(ran.stderr, '');
}

/** The files of the cache; Node has one folder for each version of its own and each user. */
const cached = (cache: string): string[] =>
  readdirSync(cache, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

test('a command leaves its compiled code beside the program', async (t) => {
  const { folder, cache } = installed(t);
  await version(folder);
  assert.ok(cached(cache).length > 0);
});

test('a damaged, empty or unreadable cache changes nothing', async (t) => {
  const { folder, cache } = installed(t);
  await version(folder);
  const files = cached(cache);
  for (const content of ['', 'not what V8 wrote', Buffer.alloc(300_000, 0xff)]) {
    for (const file of files) writeFileSync(file, content);
    await version(folder);
  }
  rmSync(cache, { recursive: true });
  writeFileSync(cache, 'a file in its place');
  await version(folder);
});

test('a program that belongs to another user gets no cache', { skip }, async (t) => {
  const { folder, cache } = installed(t);
  chownSync(join(folder, 'dist'), NOBODY, NOBODY);
  await version(folder);
  assert.equal(existsSync(cache), false, 'root leaves nothing in the folder of another user');
});

test('a program in a folder that cannot be written gets no cache', { skip }, async (t) => {
  const { folder, cache } = installed(t);
  chownSync(join(folder, 'dist'), NOBODY, NOBODY);
  chmodSync(join(folder, 'dist'), 0o555);
  await version(folder, { uid: NOBODY });
  assert.equal(existsSync(cache), false);
});

test('no other user can put code into the cache, whatever the umask', { skip }, async (t) => {
  const { folder, cache } = installed(t);
  const script = join(folder, 'dist', 'arcade.js');
  await execa('/bin/sh', ['-c', 'umask 0; exec "$@"', 'sh', process.execPath, '--', script, '--version']);
  assert.ok(cached(cache).length > 0);
  assert.equal(statSync(cache).mode & 0o077, 0);
});

test('a cache into which another user could have put code is not used', { skip }, async (t) => {
  for (const make of [
    (cache: string) => chmodSync(cache, 0o777),
    (cache: string) => chownSync(cache, NOBODY, NOBODY),
  ]) {
    const { folder, cache } = installed(t);
    mkdirSync(cache, { mode: 0o700 });
    make(cache);
    await version(folder);
    assert.deepEqual(cached(cache), []);
  }
});
