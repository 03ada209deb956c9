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
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { openSpool } from '../../../src/usage/spool/spool.ts';
import { type Arcade, startArcade } from '../../support/arcade.ts';
import { arcade, baseEnvironment, PROGRAM } from '../../support/cli.ts';
import { directoryState } from '../../support/directory.ts';
import { command, MIGRATIONS } from '../../support/queue.ts';
import { openSandbox, type Sandbox, sandbox } from '../../support/sandbox.ts';
import { refreshes, signedIn as staleLogin } from '../../support/stale-login.ts';

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
const notRoot = process.getuid?.() !== 0 && 'only root can make files of others and become somebody else';

const FILES = [
  'usage.db',
  'usage.db-wal',
  'usage.db-shm',
  'usage.db-journal',
  'usage.lock',
  'usage.repair.lock',
];

/** How a file of ours can be somebody else's. `other` is a file outside of `.arcade`. */
const GUISES: Readonly<Record<string, { make: (path: string, other: string) => void; words: RegExp }>> = {
  'a symbolic link': {
    make: (path, other) => {
      rmSync(path, { force: true });
      symlinkSync(other, path);
    },
    words: /is a symbolic link/,
  },
  'a symbolic link to nothing': {
    make: (path, other) => {
      rmSync(path, { force: true });
      symlinkSync(`${other}.none`, path);
    },
    words: /is a symbolic link/,
  },
  'a hard link': {
    make: (path, other) => {
      if (existsSync(path)) renameSync(path, other);
      linkSync(other, path);
    },
    words: /under another name/,
  },
  'a folder': {
    make: (path) => {
      rmSync(path, { force: true });
      mkdirSync(path);
    },
    words: /is not a file/,
  },
  'a FIFO': {
    make: (path) => {
      rmSync(path, { force: true });
      execFileSync('mkfifo', [path]);
    },
    words: /is not a file/,
  },
  "somebody else's": {
    make: (path) => {
      if (!existsSync(path)) writeFileSync(path, '');
      chownSync(path, 12345, 12345);
    },
    words: /belongs to another user \(12345\)/,
  },
};

describe('a file of the spool that is not ours', { concurrency: 3 }, () => {
  for (const name of FILES) {
    for (const [guise, { make, words }] of Object.entries(GUISES)) {
      test(`${name} as ${guise}: nothing is written anywhere, and the doctor says so`, {
        skip: guise === "somebody else's" && notRoot,
      }, async (t) => {
        const home = sandbox(t);
        await list(home);
        const outside = join(home.home, 'outside');
        mkdirSync(outside);
        writeFileSync(join(outside, 'other'), 'not to be touched');
        make(join(home.directory, name), join(outside, 'other'));
        const before = [directoryState(home.directory), directoryState(outside)];
        const untracked = await list(home, { ARCADE_USAGE_TRACKING: '0' });
        assert.deepEqual(await list(home), untracked);
        assert.equal(untracked.exitCode, 0);
        await arcade(home, ['usage', 'flush'], { env: { ARCADE_POSTHOG_API_KEY: 'phc_test' } });
        assert.deepEqual([directoryState(home.directory), directoryState(outside)], before);
        const { exitCode, stdout } = await arcade(home, ['usage', 'doctor']);
        assert.equal(exitCode, 1);
        assert.match(stdout, words);
        assert.ok(stdout.includes(`${name} `), stdout);
      });
    }
  }
});

test('a folder that anybody may write to is not used, and the doctor says so', async (t) => {
  const home = sandbox(t);
  mkdirSync(home.directory);
  chmodSync(home.directory, 0o777);
  const ran = await list(home);
  assert.deepEqual([ran.exitCode, ran.stderr], [0, '']);
  assert.deepEqual(readdirSync(home.directory), []);
  const { exitCode, stdout } = await arcade(home, ['usage', 'doctor']);
  assert.equal(exitCode, 1);
  assert.match(stdout, /anybody may write to the \.arcade folder/);
  chmodSync(home.directory, 0o700);
  await list(home);
  assert.ok(existsSync(join(home.directory, 'usage.db')));
});

test("a folder that is somebody else's is not used, also where we may write to it", {
  skip: notRoot,
}, async (t) => {
  const home = sandbox(t);
  const id = 12345;
  chownSync(home.home, id, id);
  mkdirSync(home.directory);
  chownSync(home.directory, 0, id);
  chmodSync(home.directory, 0o770);
  const asUser = (words: readonly string[]) =>
    execa(
      'setpriv',
      [`--reuid=${id}`, `--regid=${id}`, '--clear-groups', process.execPath, '--', PROGRAM, ...words],
      { env: { ...baseEnvironment(home), ...signedIn() }, extendEnv: false, reject: false, cwd: home.home },
    );
  const ran = await asUser(['secret', 'list']);
  assert.deepEqual([ran.exitCode, ran.stderr], [0, '']);
  assert.deepEqual(readdirSync(home.directory), []);
  const { exitCode, stdout } = await asUser(['usage', 'doctor']);
  assert.equal(exitCode, 1);
  assert.match(stdout, /the \.arcade folder belongs to another user \(0\)/);
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
      const spool = openSpool(home.directory, MIGRATIONS);
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
  staleLogin(home, server, { expiresInSeconds: 60 });
  const id = 12345;
  execFileSync('chown', ['-R', `${id}:${id}`, home.home]);
  const asUser = (words: readonly string[]) =>
    execa(
      'setpriv',
      [`--reuid=${id}`, `--regid=${id}`, '--clear-groups', process.execPath, '--', PROGRAM, ...words],
      { env: baseEnvironment(home), extendEnv: false, reject: false, cwd: home.home },
    );
  const owners = (): (readonly [string, number])[] =>
    readdirSync(home.home, { recursive: true }).map((name) => [
      String(name),
      lstatSync(join(home.home, String(name))).uid,
    ]);
  for (const first of ['sudo', 'user'] as const) {
    if (first === 'user') await asUser(['whoami']);
    // The login has expired: root renews it.
    for (const words of [
      ['whoami'],
      ['secret', 'list', '--host', server.engine.url],
      ['usage', 'flush'],
      ['usage', 'disable'],
    ])
      await arcade(home, words, { env: { ARCADE_POSTHOG_API_KEY: 'phc_test' } });
    assert.equal(refreshes(server), 1, 'root has renewed the login');
    for (const [name, uid] of owners()) assert.equal(uid, id, name);
    const ran = await asUser(['whoami']);
    assert.equal(ran.exitCode, 0, ran.stderr);
    const { stdout } = await asUser(['usage', 'status', '--json']);
    const { ledger } = JSON.parse(stdout) as { ledger: { recorded: number } };
    assert.equal(ledger.recorded, first === 'sudo' ? 1 : 3);
  }
});

test('a person whose umask takes everything away has a folder of their own all the same', {
  skip: notRoot,
}, async (t) => {
  const home = sandbox(t);
  chownSync(home.home, 12345, 12345);
  const user = ['--reuid=12345', '--regid=12345', '--clear-groups', 'sh', '-c', 'umask 777; exec "$@"', 'sh'];
  await execa('setpriv', [...user, process.execPath, '--', PROGRAM, 'secret', 'list'], {
    env: { ...baseEnvironment(home), ...signedIn() },
    extendEnv: false,
    cwd: home.home,
  });
  assert.equal(modeOf(home.directory), 0o700);
  const names = readdirSync(home.directory);
  assert.ok(names.includes('usage.db'), names.join());
  for (const name of names) assert.equal(modeOf(join(home.directory, name)), 0o600, name);
});

test("a login under sudo as the first command of all is the person's own", { skip: notRoot }, async (t) => {
  const id = 12345;
  for (const place of ['.arcade', join('a', 'b', '.arcade')]) {
    const home = sandbox(t);
    execFileSync('chown', [`${id}:${id}`, home.home]);
    const env = { ARCADE_URL: server.url, ARCADE_WORK_DIR: join(home.home, place, '..') };
    const key = server.user('A').api_keys[0] ?? '';
    const login = await arcade(home, ['login', '--api-key'], { env, input: `${key}\n` });
    assert.equal(login.exitCode, 0, login.stderr);
    const made = readdirSync(home.home, { recursive: true }).map(String);
    assert.ok(made.includes(join(place, 'credentials.yaml')), made.join());
    for (const name of made) {
      const { uid, mode } = lstatSync(join(home.home, name));
      assert.deepEqual([uid, mode & 0o077], [id, 0], name);
    }
    const user = [
      `--reuid=${id}`,
      `--regid=${id}`,
      '--clear-groups',
      process.execPath,
      '--',
      PROGRAM,
      'whoami',
    ];
    const ran = await execa('setpriv', user, {
      env: { ...baseEnvironment(home), ...env },
      extendEnv: false,
      cwd: home.home,
    });
    assert.match(ran.stdout, /^Logged in as: /);
  }
});

test("the other program's usage.json is closed to others, and one of somebody else's keeps events away", {
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

/** What the doctor finds, run by root. */
async function diagnose(home: Sandbox) {
  const { exitCode, stdout } = await arcade(home, ['usage', 'doctor', '--json']);
  const { findings } = JSON.parse(stdout) as {
    findings: { code: string; message: string; advice: string }[];
  };
  return { exitCode, stdout, findings, advice: findings.map(({ advice }) => advice).join('\n') };
}

test("the doctor tells root in somebody's home that nothing is recorded there, and to run it without sudo", {
  skip: notRoot,
}, async (t) => {
  const home = sandbox(t);
  chownSync(home.home, 12345, 12345);
  const { exitCode, findings, advice } = await diagnose(home);
  assert.equal(exitCode, 1);
  assert.ok(
    findings.some(({ code, message }) => code === 'borrowed-home' && /nothing is recorded/.test(message)),
  );
  assert.match(advice, /Run it without sudo, as user 12345/);
  assert.doesNotMatch(advice, /chown|chmod/);
  assert.equal(existsSync(home.directory), false);
});

test("nobody is told to give root what is in somebody's home", { skip: notRoot }, async (t) => {
  const home = sandbox(t);
  await list(home);
  execFileSync('chown', ['-R', '12345:12345', home.home]);
  const whole = await diagnose(home);
  assert.equal(whole.exitCode, 1);
  assert.match(whole.advice, /Run it without sudo, as user 12345/);
  assert.doesNotMatch(whole.stdout, /chown|[Mm]ove it away/);
  const status = await arcade(home, ['usage', 'status']);
  assert.match(status.stdout, /Run it without sudo, as user 12345/);
  for (const words of [
    ['status', '--json'],
    ['list'],
    ['flush'],
    ['reset', '--yes'],
    ['enable'],
    ['disable'],
  ]) {
    const { stdout, stderr } = await arcade(home, ['usage', ...words], {
      env: { ARCADE_POSTHOG_API_KEY: 'phc_x' },
    });
    assert.match(stdout + stderr, /Run it without sudo, as user 12345/, words.join(' '));
    assert.doesNotMatch(stdout + stderr, /[Mm]ove it away/, words.join(' '));
  }
  // What an earlier sudo has left is in that person's way, and is to be theirs again.
  const left = join(home.directory, 'usage.db');
  chownSync(left, 0, 0);
  const { findings } = await diagnose(home);
  const found = findings.filter(({ code }) => code === 'owner');
  assert.deepEqual(
    found.map(({ advice }) => advice.includes(`sudo chown 12345 '${left}'`)),
    [true],
  );
});

test("in root's own home what is somebody else's is to be root's again", { skip: notRoot }, async (t) => {
  const home = sandbox(t);
  await list(home);
  const path = join(home.directory, 'usage.db');
  chownSync(path, 12345, 12345);
  assert.ok((await diagnose(home)).advice.includes(`sudo chown 0 '${path}'`));
  chownSync(home.directory, 12345, 12345);
  assert.ok((await diagnose(home)).advice.includes(`sudo chown 0 '${home.directory}'`));
});
