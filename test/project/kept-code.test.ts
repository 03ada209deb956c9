/** dist/.cache, or a user's own cache folder: quicker starts from code that no other user can have left there. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa, execaSync } from 'execa';
import { everyones, NOBODY, notRoot, PROGRAM } from '../support/cli.ts';

const root = join(PROGRAM, '..', '..');
const skip = notRoot;
const noMounts =
  execaSync('unshare', ['--mount', 'true'], { reject: false }).exitCode !== 0 &&
  'mount namespaces are not permitted here';

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

interface Running {
  readonly uid?: number;
  readonly env?: Readonly<Record<string, string>>;
}

async function version(folder: string, options: Running = {}): Promise<void> {
  const script = join(folder, 'dist', 'arcade.js');
  const node = options.uid === undefined ? process.execPath : everyones().node;
  const ran = await execa(node, ['--', script, '--version'], {
    env: {},
    ...options,
    extendEnv: false,
    timeout: 60_000,
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

test('the first eight commands add to it, and no later one', async (t) => {
  const { folder, cache } = installed(t);
  const counts: unknown[] = [];
  for (let i = 0; i < 10; i += 1) {
    await version(folder);
    counts.push(...cached(cache).map((file) => readFileSync(file)[0]));
  }
  assert.deepEqual(counts, [1, 2, 3, 4, 5, 6, 7, 8, 8, 8]);
});

test('a damaged, empty or unreadable cache changes nothing', async (t) => {
  const { folder, cache } = installed(t);
  await version(folder);
  const files = cached(cache);
  const flipped = (place: number) => (sound: Buffer) => {
    const bytes = Buffer.from(sound);
    const at = Math.floor((bytes.length - 1) * place);
    bytes[at] = 255 - Number(bytes[at]);
    return bytes;
  };
  const flippedTwice = (place: number) => (sound: Buffer) => {
    const half = sound.length / 2;
    return Buffer.concat([sound.subarray(0, half), sound.subarray(half)].map(flipped(place)));
  };
  const damages: ((sound: Buffer) => string | Uint8Array)[] = [
    () => '',
    () => 'not what V8 wrote',
    () => Buffer.alloc(300_000, 0xff),
    (sound) => sound.subarray(0, sound.length / 2),
    ...[0, 0.1, 0.3, 0.7, 1].map(flipped),
    ...[0.1, 0.3, 0.5, 0.7, 0.9].map(flippedTwice),
  ];
  const sound = new Map(files.map((file) => [file, readFileSync(file)]));
  for (const damage of damages) {
    for (const [file, content] of sound) writeFileSync(file, damage(content));
    await version(folder);
    for (const [file, content] of sound)
      assert.ok(readFileSync(file).length > content.length / 2, 'the next command has it again');
  }
  for (const file of files) {
    rmSync(file);
    if (process.platform !== 'win32') execaSync('mkfifo', [file]);
  }
  await version(folder);
  for (const file of files) assert.ok(statSync(file).isFile(), 'a pipe in its place is not waited for');
  rmSync(cache, { recursive: true });
  writeFileSync(cache, 'a file in its place');
  await version(folder);
});

test('where nothing can be written, no command spends time on what it would write', async (t) => {
  const { folder, cache } = installed(t);
  const counting = `const { Script } = process.getBuiltinModule('node:vm');
    const { createCachedData } = Script.prototype;
    Script.prototype.createCachedData = function () {
      process.stdout.write('written');
      return createCachedData.call(this);
    };`;
  const words = ['--import', `data:text/javascript,${encodeURIComponent(counting)}`, '--'];
  const run = [process.execPath, ...words, join(folder, 'dist', 'arcade.js'), '--version'];
  const written = async ([file = '', ...args]: string[]) => /written/.test((await execa(file, args)).stdout);
  assert.ok(await written(run), 'the first command writes');
  const [build = ''] = readdirSync(cache);
  rmSync(join(cache, build), { recursive: true });
  writeFileSync(join(cache, build), 'a file in its place');
  assert.equal(await written(run), false);
  if (noMounts) return t.diagnostic(`not tried on a full disk: ${noMounts}`);
  rmSync(join(cache, build));
  const full =
    'mount -t tmpfs -o size=4k,mode=700 tmpfs "$0" && head -c 4096 /dev/zero >"$0/filler" && exec "$@"';
  assert.equal(await written(['unshare', '--mount', '/bin/sh', '-c', full, cache, ...run]), false);
});

/** A home of this user's. */
function homeOf(t: TestContext, uid: number): string {
  const home = mkdtempSync(join(tmpdir(), 'arcade-home-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  chownSync(home, uid, uid);
  return home;
}

test('a program that root has installed has its cache in the user’s own cache folder', {
  skip,
}, async (t) => {
  const { folder, cache } = installed(t);
  const [home, elsewhere] = [homeOf(t, NOBODY), homeOf(t, NOBODY)];
  await version(folder, { uid: NOBODY, env: { HOME: home } });
  await version(folder, { uid: NOBODY, env: { HOME: home, XDG_CACHE_HOME: elsewhere } });
  for (const own of [join(home, '.cache', 'arcade'), join(elsewhere, 'arcade')]) {
    const [file = ''] = cached(own);
    assert.equal(readFileSync(file)[0], 1, own);
    assert.deepEqual([statSync(own).mode & 0o077, statSync(file).mode & 0o077], [0, 0]);
  }
  await version(folder, { uid: NOBODY, env: { HOME: home } });
  assert.equal(readFileSync(cached(join(home, '.cache'))[0] ?? '')[0], 2, 'the next command uses it');
  assert.equal(existsSync(cache), false);
});

test('what other versions have left goes after a month', { skip }, async (t) => {
  const { folder, cache } = installed(t);
  const [old, young, another] = ['0123456789abcdef-v22.1.0-x64', 'fedcba9876543210-v22.1.0-x64', 'theirs'];
  for (const [name, days] of [
    [old, 31],
    [young, 29],
    [another, 31],
  ] as const) {
    mkdirSync(join(cache, name), { recursive: true, mode: 0o700 });
    const then = new Date(Date.now() - days * 24 * 3600_000);
    utimesSync(join(cache, name), then, then);
  }
  await version(folder);
  assert.equal(cached(cache).length, 1);
  assert.deepEqual(
    [old, young, another].map((name) => existsSync(join(cache, name))),
    [false, true, true],
  );
});

test('a program of another user’s leaves nothing in a home of another user’s, or without a home', {
  skip,
}, async (t) => {
  const { folder, cache } = installed(t);
  chownSync(join(folder, 'dist'), NOBODY, NOBODY);
  const home = homeOf(t, NOBODY);
  for (const env of [{ HOME: home }, { HOME: 'home' }, { HOME: '/nowhere' }, {}])
    await version(folder, { env });
  assert.deepEqual([readdirSync(home), existsSync(cache)], [[], false], 'root as under sudo');
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
