/** `.arcade` is written to only where it is the user's alone; elsewhere nothing is recorded, and the doctor says why. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { execa } from 'execa';
import { checkFiles } from '../../../src/usage/inspect/doctor-files.ts';
import { PlaceError, placeProblems } from '../../../src/usage/spool/place.ts';
import { type Arcade, startArcade } from '../../support/arcade.ts';
import { arcade, asUser, baseEnvironment, everyones, notRoot } from '../../support/cli.ts';
import { directoryState } from '../../support/directory.ts';
import { FAULTS, fileSystemOf, withoutFault } from '../../support/faults.ts';
import { inside } from '../../support/inside.ts';
import { command, makeSpool } from '../../support/queue.ts';
import { openSandbox, type Sandbox, sandbox } from '../../support/sandbox.ts';

const modeOf = (path: string): number => lstatSync(path).mode & 0o777;

let server: Arcade;
before(async () => {
  server = await startArcade();
});
after(() => server.close());

const signedIn = (): Record<string, string> => ({
  ARCADE_URL: server.url,
  ARCADE_API_KEY: server.user('A').api_keys[0] ?? '',
});
const list = (home: Sandbox, env: Record<string, string> = {}) =>
  arcade(home, ['secret', 'list'], { env: { ...signedIn(), ...env } });
/** A user, whose home is theirs. */
const OWNER = 12345;
/** The program as that user; `shell` runs before it. */
async function asOwner(
  home: Sandbox,
  words: readonly string[],
  env: Record<string, string> = {},
  shell = ':',
) {
  const { node, program } = everyones();
  const started = ['sh', '-c', `${shell}; exec "$@"`, 'sh', node, '--', program];
  const [file = '', ...args] = [...asUser(OWNER), ...started, ...words];
  const options = { extendEnv: false, reject: false, cwd: home.home } as const;
  return await execa(file, args, { ...options, env: { ...baseEnvironment(home), ...env } });
}

const FILES = [
  'usage.db',
  'usage.db-wal',
  'usage.db-shm',
  'usage.db-journal',
  'usage.lock',
  'usage.repair.lock',
  'usage.key',
];

/** What can be in the place of a file of ours. `other` is a file outside of `.arcade`. */
const GUISES: Readonly<Record<string, readonly [RegExp, (path: string, other: string) => void]>> = {
  'a symbolic link': [/is a symbolic link/, (path, other) => symlinkSync(other, path)],
  'a symbolic link to nothing': [/is a symbolic link/, (path, other) => symlinkSync(`${other}.none`, path)],
  'a hard link': [/another name as well \(a hard link\)/, (path, other) => linkSync(other, path)],
  'a folder': [/is not a file/, (path) => mkdirSync(path)],
  'a FIFO': [/is not a file/, (path) => execFileSync('mkfifo', [path])],
  "somebody else's": [
    /belongs to another user \(12345\)/,
    (path) => {
      writeFileSync(path, '');
      chownSync(path, OWNER, OWNER);
    },
  ],
};

/** The views, in this process. */
const view = (home: Sandbox, ...words: string[]) =>
  inside(home, ['usage', ...words], { env: { ARCADE_USAGE_TRACKING: undefined } });

for (const [guise, [words, make]] of Object.entries(GUISES)) {
  test(`a file of the spool that is ${guise}: nothing is written anywhere, and the doctor says so`, {
    skip: guise === "somebody else's" && notRoot,
  }, async (t) => {
    for (const name of FILES) {
      const home = sandbox(t);
      const spool = makeSpool(home.directory);
      command(spool, Date.now(), {});
      spool.close();
      const outside = join(home.home, 'outside');
      mkdirSync(outside);
      writeFileSync(join(outside, 'other'), 'not to be touched');
      rmSync(join(home.directory, name), { force: true });
      make(join(home.directory, name), join(outside, 'other'));
      const before = [directoryState(home.directory), directoryState(outside)];
      assert.throws(() => makeSpool(home.directory), PlaceError, name);
      const { exitCode, stdout } = await view(home, 'doctor');
      assert.deepEqual([directoryState(home.directory), directoryState(outside)], before, name);
      assert.equal(exitCode, 1, name);
      assert.match(stdout, words, name);
      assert.ok(stdout.includes(`${name} `), stdout);
    }
  });
}

test('a command and a flusher beside a link in the place of usage.db do what they do, and follow it nowhere', async (t) => {
  const home = sandbox(t);
  await list(home);
  const other = join(home.home, 'other');
  renameSync(join(home.directory, 'usage.db'), other);
  symlinkSync(other, join(home.directory, 'usage.db'));
  const before = [directoryState(home.directory), readFileSync(other)];
  const untracked = await list(home, { ARCADE_USAGE_TRACKING: '0' });
  assert.deepEqual(await list(home), untracked);
  await arcade(home, ['usage', 'flush'], { env: { ARCADE_POSTHOG_API_KEY: 'phc_test' } });
  assert.deepEqual([directoryState(home.directory), readFileSync(other)], before);
});

for (const mode of [0o777, 0o770, 0o720]) {
  test(`a folder that others may write to (${mode.toString(8)}) is not used, and the doctor says so`, async (t) => {
    const home = sandbox(t);
    mkdirSync(home.directory);
    chmodSync(home.directory, mode);
    const ran = await list(home);
    assert.deepEqual([ran.exitCode, ran.stderr], [0, '']);
    assert.deepEqual(readdirSync(home.directory), []);
    const { exitCode, stdout } = await view(home, 'doctor');
    assert.equal(exitCode, 1);
    assert.match(stdout, /Other users may write to the \.arcade folder \(mode 07[0-7]0|7\)/);
    assert.match(stdout, /chmod 700/);
    const status = await view(home, 'status');
    assert.match(status.stdout, /^Recording +failing: Other users may write/);
    chmodSync(home.directory, 0o700);
    await list(home);
    assert.ok(existsSync(join(home.directory, 'usage.db')));
  });
}

for (const name of ['the file system keeps no modes', 'the file system refuses modes']) {
  const fault = FAULTS[name];
  test(`where ${name}, no event is written, not even the first, and nothing is left`, {
    skip: fault === undefined ? 'there is no such fault' : withoutFault(fault),
  }, async (t) => {
    const home = sandbox(t);
    const ran = await list(home, { ...(fault?.env?.(home) as Record<string, string>), ARCADE_DEBUG: '1' });
    assert.equal(ran.exitCode, 0);
    assert.match(ran.stderr, /keeps no file modes/);
    assert.doesNotMatch(ran.stderr, /Arcade collects/);
    assert.equal(existsSync(home.directory), false);
    // A login has made the folder.
    mkdirSync(home.directory, { mode: 0o755 });
    await list(home, fault?.env?.(home) as Record<string, string>);
    assert.deepEqual(readdirSync(home.directory), []);
  });
}

const openFolders = fileSystemOf(undefined, 'folders');
test('where a folder cannot be closed but its files could be, no event is written either', {
  skip: withoutFault(openFolders),
}, async (t) => {
  const home = sandbox(t);
  assert.equal((await list(home, openFolders.env?.(home) as Record<string, string>)).exitCode, 0);
  assert.equal(existsSync(home.directory), false);
});

const wsl = fileSystemOf(0x01021997, 'ignored');
test('on a drive of Windows in WSL the advice is another folder, for chmod does nothing there', {
  skip: withoutFault(wsl),
}, async (t) => {
  const home = sandbox(t);
  const env = wsl.env?.(home) as Record<string, string>;
  for (const folder of ['none', 'made by a login']) {
    if (folder !== 'none') mkdirSync(home.directory);
    for (const path of [home.home, home.directory]) if (existsSync(path)) chmodSync(path, 0o777);
    await list(home, env);
    for (const words of ['status', 'doctor']) {
      const { stdout } = await arcade(home, ['usage', words], { env });
      assert.match(stdout, /keeps no file modes/, folder);
      assert.doesNotMatch(stdout, /chmod/, folder);
    }
  }
});

for (const [title, home] of [
  ['in a device', '/dev/null'],
  ['with a name that is too long', `/tmp/${'x'.repeat(300)}`],
  ['in which nothing can be made', '/proc/self'],
] as const) {
  test(`a home ${title} keeps no command from ending, and every view tells it in words`, async (t) => {
    const env = { HOME: home, ARCADE_USAGE_TRACKING: undefined };
    assert.equal((await list(sandbox(t), { HOME: home })).exitCode, 0);
    for (const words of ['status', 'list', 'doctor', 'flush', 'reset --yes', 'disable', 'enable']) {
      const { stdout, stderr } = await inside(sandbox(t), ['usage', ...words.split(' ')], { env });
      assert.doesNotMatch(stdout + stderr, /bug in arcade/, words);
    }
  });
}

test('what was recorded before a folder was opened to others can be erased', async (t) => {
  const home = sandbox(t);
  await list(home);
  chmodSync(home.directory, 0o777);
  assert.notEqual((await view(home, 'list')).exitCode, 0, 'nothing is read there');
  const { exitCode, stdout, stderr } = await view(home, 'disable');
  assert.deepEqual([exitCode, stderr], [0, ''], stdout);
  assert.deepEqual(readdirSync(home.directory), ['usage.off']);
});

test('a folder of another user is not used, also where we may write to it', {
  skip: notRoot,
}, async (t) => {
  const home = sandbox(t);
  chownSync(home.home, OWNER, OWNER);
  mkdirSync(home.directory);
  chownSync(home.directory, 0, OWNER);
  chmodSync(home.directory, 0o770);
  const ran = await asOwner(home, ['secret', 'list'], signedIn());
  assert.deepEqual([ran.exitCode, ran.stderr], [0, '']);
  assert.deepEqual(readdirSync(home.directory), []);
  const { exitCode, stdout } = await asOwner(home, ['usage', 'doctor']);
  assert.equal(exitCode, 1);
  assert.match(stdout, /The \.arcade folder belongs to another user \(0\)/);
});

test('usage.json that is a link is replaced, and what it leads to stays as it is', async (t) => {
  const home = sandbox(t);
  const other = join(home.home, 'other');
  writeFileSync(other, 'not to be touched', { mode: 0o644 });
  mkdirSync(home.directory);
  symlinkSync(other, join(home.directory, 'usage.json'));
  await list(home);
  assert.equal(readFileSync(other, 'utf8'), 'not to be touched');
  assert.equal(statSync(other).mode & 0o777, 0o644);
  const found = lstatSync(join(home.directory, 'usage.json'));
  assert.ok(found.isFile());
  assert.equal(found.mode & 0o777, 0o600);
});

test('commands that look at usage.json do not wait for a FIFO in its place', async (t) => {
  const home = sandbox(t);
  await list(home);
  rmSync(join(home.directory, 'usage.json'));
  execFileSync('mkfifo', ['-m', '600', join(home.directory, 'usage.json')]);
  for (const words of [['doctor'], ['status'], ['identity'], ['reset', '--yes'], ['disable']])
    assert.equal((await arcade(home, ['usage', ...words])).exitCode, 0, words[0]);
});

const UMASKS = ['0', '2', '5', '7'].flatMap((a, _, all) =>
  all.flatMap((b) => all.map((c) => Number.parseInt(a + b + c, 8))),
);

test('every file is for its owner alone under umasks from 000 to 777', () => {
  const usual = process.umask();
  for (const umask of UMASKS) {
    const home = openSandbox();
    try {
      process.umask(umask);
      const spool = makeSpool(home.directory);
      command(spool, Date.now(), {});
      // While it is open, for its log is there.
      const names = readdirSync(home.directory);
      assert.ok(
        ['usage.db', 'usage.db-wal', 'usage.db-shm', 'usage.json'].every((name) => names.includes(name)),
      );
      for (const name of names)
        assert.equal(modeOf(join(home.directory, name)), 0o600, `${name}, umask ${umask.toString(8)}`);
      assert.equal(modeOf(home.directory), 0o700, `umask ${umask.toString(8)}`);
      spool.close();
    } finally {
      process.umask(usual);
      rmSync(home.home, { recursive: true });
    }
  }
});

test('sudo leaves nothing behind that is in the way of the next command', { skip: notRoot }, async (t) => {
  const home = sandbox(t);
  home.signIn(server, server.user('A'), { expiresInSeconds: 60 });
  execFileSync('chown', ['-R', `${OWNER}:${OWNER}`, home.home]);
  const owners = (): (readonly [string, number])[] =>
    readdirSync(home.home, { recursive: true }).map((name) => [
      String(name),
      lstatSync(join(home.home, String(name))).uid,
    ]);
  for (const first of ['sudo', 'user'] as const) {
    if (first === 'user') await asOwner(home, ['whoami']);
    // The login has expired: root leaves even that to its owner.
    for (const words of [
      ['whoami'],
      ['secret', 'list', '--host', server.engine.url],
      ['usage', 'flush'],
      ['usage', 'disable'],
    ])
      await arcade(home, words, { env: { ARCADE_POSTHOG_API_KEY: 'phc_test' } });
    for (const [name, uid] of owners()) assert.equal(uid, OWNER, name);
    const ran = await asOwner(home, ['whoami']);
    assert.equal(ran.exitCode, 0, ran.stderr);
    const { stdout } = await asOwner(home, ['usage', 'status', '--json']);
    const { ledger } = JSON.parse(stdout) as { ledger: { recorded: number } };
    assert.equal(ledger.recorded, first === 'sudo' ? 1 : 3);
  }
});

test('a person whose umask takes everything away has a folder of their own all the same', {
  skip: notRoot,
}, async (t) => {
  const home = sandbox(t);
  chownSync(home.home, OWNER, OWNER);
  await asOwner(home, ['secret', 'list'], signedIn(), 'umask 777');
  assert.equal(modeOf(home.directory), 0o700);
  const names = readdirSync(home.directory);
  assert.ok(names.includes('usage.db'), names.join());
  for (const name of names) assert.equal(modeOf(join(home.directory, name)), 0o600, name);
});

test('a login as root in the home of another user is refused, and makes nothing', {
  skip: notRoot,
}, async (t) => {
  const home = sandbox(t);
  chownSync(home.home, OWNER, OWNER);
  const input = `${server.user('A').api_keys[0] ?? ''}\n`;
  const login = await arcade(home, ['login', '--api-key'], { env: { ARCADE_URL: server.url }, input });
  assert.equal(login.exitCode, 1);
  assert.match(login.stderr, /without sudo/);
  assert.deepEqual(readdirSync(home.home), []);
});

test('usage.json of the Python CLI is closed to others, and one of another user keeps events away', {
  skip: notRoot,
}, async (t) => {
  const home = sandbox(t);
  const path = home.write('usage.json', '{"anon_id": "a-1", "linked_principal_id": null}');
  chmodSync(path, 0o644);
  await list(home);
  assert.equal(modeOf(path), 0o600);
  assert.equal(JSON.parse(readFileSync(path, 'utf8')).anon_id, 'a-1');
  chownSync(path, 12345, 12345);
  const { stderr } = await list(home, { ARCADE_DEBUG: '1' });
  assert.match(stderr, /usage\.json belongs to another user \(12345\)/);
});

/** Homes of user 12345, as root meets them under sudo; `roots` is a folder of root's own. */
const BORROWED: Readonly<Record<string, (home: Sandbox, roots: string) => unknown>> = {
  'without .arcade': () => undefined,
  'with a folder of its owner': (home) => mkdirSync(home.directory, { mode: 0o700 }),
  'with a link to a folder of root, as the Python CLI leaves it': (home, roots) =>
    symlinkSync(roots, home.directory),
  'in which its owner has recorded': (home) => list(home),
};

for (const [title, make] of Object.entries(BORROWED)) {
  test(`root in a home ${title} changes nothing and follows nothing, and is told to run it without sudo`, {
    skip: notRoot,
  }, async (t) => {
    const home = sandbox(t);
    const roots = join(sandbox(t).home, 'of-root');
    mkdirSync(roots, { mode: 0o700 });
    await make(home, roots);
    execFileSync('chown', ['-Rh', '12345:12345', home.home]);
    const before = directoryState(home.home);
    const views = [['status'], ['status', '--json'], ['doctor']];
    const changes = [['list'], ['flush'], ['enable'], ['disable'], ['reset', '--yes']];
    for (const words of [...views, ...changes]) {
      const { stdout, stderr } = await view(home, ...words);
      assert.match(stdout + stderr, /without sudo, as user 12345/, words.join(' '));
      assert.doesNotMatch(stdout + stderr, /chown|chmod|[Mm]ove it away/, words.join(' '));
    }
    assert.throws(() => makeSpool(home.directory), PlaceError);
    assert.deepEqual(readdirSync(roots), []);
    assert.deepEqual(directoryState(home.home), before);
  });
}

test('what an earlier sudo has left is told to the user whose home it is', { skip: notRoot }, (t) => {
  const home = sandbox(t);
  mkdirSync(home.directory, { mode: 0o700 });
  writeFileSync(join(home.directory, 'usage.db'), '', { mode: 0o600 });
  chownSync(home.directory, 12345, 12345);
  const [problem] = placeProblems(home.directory, 12345);
  assert.equal(problem?.finding.message, 'usage.db belongs to another user (0).');
  assert.match(problem?.finding.advice ?? '', /Give it back with `sudo chown/);
});

test('on Windows neither owners nor modes are looked at, and the doctor says so', (t) => {
  const home = sandbox(t);
  mkdirSync(home.directory);
  chmodSync(home.directory, 0o777);
  assert.deepEqual(placeProblems(home.directory, undefined), []);
  chmodSync(home.directory, 0o700);
  const [finding] = checkFiles(home.directory, 'win32');
  assert.match(finding?.message ?? '', /not checked on Windows/);
});

test("root's own home: the doctor says to give files of another user back to root", {
  skip: notRoot,
}, async (t) => {
  const home = sandbox(t);
  await list(home);
  for (const path of [join(home.directory, 'usage.db'), home.directory]) {
    chownSync(path, 12345, 12345);
    const { stdout } = await view(home, 'doctor', '--json');
    assert.ok(stdout.includes(`sudo chown 0 '${path}'`), stdout);
  }
});
