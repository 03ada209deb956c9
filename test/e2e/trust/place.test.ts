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
import { type TestContext, test } from 'node:test';
import { checkFiles } from '../../../src/usage/inspect/doctor.ts';
import { PlaceError, placeProblems } from '../../../src/usage/spool/place.ts';
import { arcade, notRoot, type Ran, type Running, TRACKED, UNTRACKED } from '../../support/cli.ts';
import { directoryState } from '../../support/directory.ts';
import { fileSystemOf, withoutFault } from '../../support/faults.ts';
import { usage } from '../../support/inside.ts';
import { command, makeSpool } from '../../support/queue.ts';
import { openSandbox, type Sandbox, sandbox } from '../../support/sandbox.ts';
import { world } from '../../support/world.ts';

const modeOf = (path: string): number => lstatSync(path).mode & 0o777;

/** A user, whose home is theirs. */
const OWNER = 12345;
const giveAway = (path: string, owner = OWNER): void =>
  void execFileSync('chown', ['-Rh', `${owner}:${owner}`, path]);

/** A home; commands that are recorded there, by ARCADE_API_KEY; and as the user whose home it is. */
async function place(t: TestContext) {
  const { home, env, arcade: server, user } = await world(t);
  const list = (more: Running['env'] = {}, running: Running = {}): Promise<Ran> =>
    arcade(home, ['secret', 'list'], { ...running, env: { ...env, ...TRACKED, ...more } });
  const asOwner = (words: readonly string[], running: Running = {}): Promise<Ran> =>
    arcade(home, words, { ...running, user: OWNER });
  return { home, server, user, list, asOwner };
}

const FILES = ['db', 'db-wal', 'db-shm', 'db-journal', 'lock', 'repair.lock', 'key'].map(
  (end) => `usage.${end}`,
);

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

for (const [guise, [words, make]] of Object.entries(GUISES)) {
  test(`\`usage doctor\` of a file of the spool that is ${guise}: nothing is written anywhere, and the doctor says so`, {
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
      const { exitCode, stdout } = await usage(home, ['doctor']);
      assert.deepEqual([directoryState(home.directory), directoryState(outside)], before, name);
      assert.equal(exitCode, 1, name);
      assert.match(stdout, words, name);
      assert.ok(stdout.includes(`${name} `), stdout);
    }
  });
}

test('a command and a flusher beside a link in the place of usage.db do what they do, and follow it nowhere', async (t) => {
  const { home, list } = await place(t);
  await list();
  const other = join(home.home, 'other');
  renameSync(join(home.directory, 'usage.db'), other);
  symlinkSync(other, join(home.directory, 'usage.db'));
  const before = [directoryState(home.directory), readFileSync(other)];
  assert.deepEqual(await list(), await list(UNTRACKED));
  await usage(home, ['flush'], { env: { ARCADE_POSTHOG_API_KEY: 'phc_test' } });
  assert.deepEqual([directoryState(home.directory), readFileSync(other)], before);
});

for (const mode of [0o777, 0o770, 0o720]) {
  test(`a folder that others may write to (${mode.toString(8)}) is not used, and the doctor says so`, async (t) => {
    const { home, list } = await place(t);
    mkdirSync(home.directory);
    chmodSync(home.directory, mode);
    const ran = await list();
    assert.deepEqual([ran.exitCode, ran.stderr, readdirSync(home.directory)], [0, '', []]);
    const { exitCode, stdout } = await usage(home, ['doctor']);
    assert.equal(exitCode, 1);
    assert.match(stdout, /Other users may write to the \.arcade folder \(mode 07[0-7]0|7\)/);
    assert.match(stdout, /chmod 700/);
    const status = await usage(home, ['status']);
    assert.match(status.stdout, /^Recording +failing: Other users may write/);
    chmodSync(home.directory, 0o700);
    await list();
    assert.ok(existsSync(join(home.directory, 'usage.db')));
  });
}

for (const [title, fault, later] of [
  ['a file system keeps no modes', fileSystemOf(undefined, 'ignored'), false],
  ['a file system refuses modes', fileSystemOf(undefined, 'refused'), false],
  ['a folder cannot be closed but its files could be', fileSystemOf(undefined, 'folders'), true],
] as const) {
  test(`where ${title}, no event is written, not even the first, and nothing is left`, {
    skip: withoutFault(fault),
  }, async (t) => {
    const { home, list } = await place(t);
    const ran = await list({ ...fault.env?.(home), ARCADE_DEBUG: '1' });
    assert.equal(ran.exitCode, 0);
    assert.match(ran.stderr, /keeps no file modes/);
    assert.doesNotMatch(ran.stderr, /Arcade collects/);
    assert.equal(existsSync(home.directory), false);
    // A login has made the folder: then closed files are enough.
    mkdirSync(home.directory, { mode: 0o755 });
    await list(fault.env?.(home));
    assert.equal(readdirSync(home.directory).length > 0, later);
  });
}

const wsl = fileSystemOf(0x01021997, 'ignored');
test('on a drive of Windows in WSL the advice is another folder, for chmod does nothing there', {
  skip: withoutFault(wsl),
}, async (t) => {
  const { home, list } = await place(t);
  const env = wsl.env?.(home) ?? {};
  for (const folder of ['none', 'made by a login']) {
    if (folder !== 'none') mkdirSync(home.directory);
    for (const path of [home.home, home.directory]) if (existsSync(path)) chmodSync(path, 0o777);
    await list(env);
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
    const { home: own, list } = await place(t);
    assert.equal((await list({ HOME: home })).exitCode, 0);
    for (const words of ['status', 'list', 'doctor', 'flush', 'reset --yes', 'disable', 'enable']) {
      const { stdout, stderr } = await usage(own, words.split(' '), { env: { HOME: home } });
      assert.doesNotMatch(stdout + stderr, /bug in arcade/, words);
    }
  });
}

test('what was recorded before a folder was opened to others can be erased', async (t) => {
  const { home, list } = await place(t);
  await list();
  chmodSync(home.directory, 0o777);
  assert.notEqual((await usage(home, ['list'])).exitCode, 0, 'nothing is read there');
  const { exitCode, stdout, stderr } = await usage(home, ['disable']);
  assert.deepEqual([exitCode, stderr], [0, ''], stdout);
  assert.deepEqual(readdirSync(home.directory), ['usage.off']);
});

test('a folder of another user is not used, also where we may write to it', {
  skip: notRoot,
}, async (t) => {
  const { home, list, asOwner } = await place(t);
  chownSync(home.home, OWNER, OWNER);
  mkdirSync(home.directory);
  chownSync(home.directory, 0, OWNER);
  chmodSync(home.directory, 0o770);
  const ran = await list({}, { user: OWNER });
  assert.deepEqual([ran.exitCode, ran.stderr, readdirSync(home.directory)], [0, '', []]);
  const { exitCode, stdout } = await asOwner(['usage', 'doctor']);
  assert.equal(exitCode, 1);
  assert.match(stdout, /The \.arcade folder belongs to another user \(0\)/);
});

test('usage.json that is a link is replaced, and what it leads to stays as it is', async (t) => {
  const { home, list } = await place(t);
  const other = join(home.home, 'other');
  writeFileSync(other, 'not to be touched', { mode: 0o644 });
  mkdirSync(home.directory);
  symlinkSync(other, join(home.directory, 'usage.json'));
  await list();
  assert.equal(readFileSync(other, 'utf8'), 'not to be touched');
  assert.equal(statSync(other).mode & 0o777, 0o644);
  const found = lstatSync(join(home.directory, 'usage.json'));
  assert.ok(found.isFile());
  assert.equal(found.mode & 0o777, 0o600);
});

test('commands that look at usage.json do not wait for a FIFO in its place', async (t) => {
  const { home, list } = await place(t);
  await list();
  rmSync(join(home.directory, 'usage.json'));
  execFileSync('mkfifo', ['-m', '600', join(home.directory, 'usage.json')]);
  for (const words of [['doctor'], ['status'], ['identity'], ['reset', '--yes'], ['disable']])
    assert.equal((await usage(home, words)).exitCode, 0, words[0]);
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
  const { home, server, user, asOwner } = await place(t);
  home.signIn(server, user, { expiresInSeconds: 60 });
  giveAway(home.home);
  const owners = (): (readonly [string, number])[] =>
    readdirSync(home.home, { recursive: true }).map((name) => [
      String(name),
      lstatSync(join(home.home, String(name))).uid,
    ]);
  for (const first of ['sudo', 'user'] as const) {
    if (first === 'user') await asOwner(['whoami']);
    // The login has expired: root leaves even that to its owner.
    for (const line of ['whoami', `secret list --host ${server.engine.url}`, 'usage flush', 'usage disable'])
      await arcade(home, line.split(' '), { env: { ARCADE_POSTHOG_API_KEY: 'phc_test' } });
    for (const [name, uid] of owners()) assert.equal(uid, OWNER, name);
    const ran = await asOwner(['whoami']);
    assert.equal(ran.exitCode, 0, ran.stderr);
    const { stdout } = await asOwner(['usage', 'status', '--json']);
    const { ledger } = JSON.parse(stdout) as { ledger: { recorded: number } };
    assert.equal(ledger.recorded, first === 'sudo' ? 1 : 3);
  }
});

test('a person whose umask takes everything away has a folder of their own all the same', {
  skip: notRoot,
}, async (t) => {
  const { home, list } = await place(t);
  chownSync(home.home, OWNER, OWNER);
  await list({}, { user: OWNER, shell: 'umask 777; exec "$@"' });
  assert.equal(modeOf(home.directory), 0o700);
  const names = readdirSync(home.directory);
  assert.ok(names.includes('usage.db'), names.join());
  for (const name of names) assert.equal(modeOf(join(home.directory, name)), 0o600, name);
});

test('usage.json of the Python CLI is closed to others, and one of another user keeps events away', {
  skip: notRoot,
}, async (t) => {
  const { home, list } = await place(t);
  const path = home.write('usage.json', '{"anon_id": "a-1", "linked_principal_id": null}');
  chmodSync(path, 0o644);
  await list();
  assert.equal(modeOf(path), 0o600);
  assert.equal(JSON.parse(readFileSync(path, 'utf8')).anon_id, 'a-1');
  chownSync(path, OWNER, OWNER);
  const { stderr } = await list({ ARCADE_DEBUG: '1' });
  assert.match(stderr, /usage\.json belongs to another user \(12345\)/);
});

/** Homes of another user, as root meets them under sudo; `roots` is a folder of root's own. */
const BORROWED: Readonly<
  Record<string, (home: Sandbox, roots: string, list: () => Promise<Ran>) => unknown>
> = {
  'without .arcade': () => undefined,
  'with a folder of its owner': (home) => mkdirSync(home.directory, { mode: 0o700 }),
  'with a link to a folder of root, as the Python CLI leaves it': (home, roots) =>
    symlinkSync(roots, home.directory),
  'in which its owner has recorded': (_home, _roots, list) => list(),
};

for (const [title, make] of Object.entries(BORROWED)) {
  test(`root in a home ${title} changes nothing and follows nothing, and is told to run it without sudo`, {
    skip: notRoot,
  }, async (t) => {
    const { home, list } = await place(t);
    const roots = join(sandbox(t).home, 'of-root');
    mkdirSync(roots, { mode: 0o700 });
    await make(home, roots, list);
    giveAway(home.home);
    const before = directoryState(home.home);
    assert.equal((await list()).exitCode, 0);
    const views = [['status'], ['status', '--json'], ['doctor']];
    const changes = [['list'], ['flush'], ['enable'], ['disable'], ['reset', '--yes']];
    for (const words of [...views, ...changes]) {
      const { stdout, stderr } = await usage(home, words);
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
  chownSync(home.directory, OWNER, OWNER);
  const [problem] = placeProblems(home.directory, OWNER);
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
  const { home, list } = await place(t);
  await list();
  for (const path of [join(home.directory, 'usage.db'), home.directory]) {
    chownSync(path, OWNER, OWNER);
    const { stdout } = await usage(home, ['doctor', '--json']);
    assert.ok(stdout.includes(`sudo chown 0 '${path}'`), stdout);
  }
});
