/** Every way to say no to recording: nothing is written, and nothing is sent. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { execa, execaSync } from 'execa';
import { type Arcade, startArcade } from '../../support/arcade.ts';
import { arcade, baseEnvironment, PROGRAM } from '../../support/cli.ts';
import { directoryState } from '../../support/directory.ts';
import { flushersOf } from '../../support/flusher.ts';
import { type PostHog, startPostHog } from '../../support/posthog.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';
import { until } from '../../support/until.ts';

let server: Arcade;
let posthog: PostHog;
before(async () => {
  [server, posthog] = await Promise.all([startArcade(), startPostHog()]);
});
after(() => Promise.all([server.close(), posthog.close()]));

const environment = (): Record<string, string> => ({
  ARCADE_URL: server.url,
  ARCADE_API_KEY: server.user('A').api_keys[0] ?? '',
  ...posthog.env,
});

const noStrace = execaSync('strace', ['-V'], { reject: false }).exitCode !== 0 && 'strace is not installed';

const refusals: readonly Record<string, string>[] = [
  ...['0', 'false', 'NO', ' off ', 'n', 'F', 'disabled', 'None'].map((value) => ({
    ARCADE_USAGE_TRACKING: value,
  })),
  ...['1', 'true', 'yes', 'anything', ' x '].map((value) => ({ DO_NOT_TRACK: value })),
  { DO_NOT_TRACK: '1', ARCADE_USAGE_TRACKING: '1' },
  { DO_NOT_TRACK: '0', ARCADE_USAGE_TRACKING: '0' },
];

for (const refusal of refusals) {
  test(`nothing is made, shown or sent with ${JSON.stringify(refusal)}`, async (t) => {
    const home = sandbox(t);
    const { exitCode, stderr } = await arcade(home, ['secret', 'list'], {
      env: { ...environment(), ...refusal },
    });
    assert.equal(exitCode, 0);
    assert.equal(stderr, '');
    assert.ok(!existsSync(home.directory));
  });
}

for (const consent of [
  {},
  { ARCADE_USAGE_TRACKING: '' },
  { ARCADE_USAGE_TRACKING: 'yes' },
  { DO_NOT_TRACK: '' },
  { DO_NOT_TRACK: 'false' },
]) {
  test(`usage is recorded, after the notice, with ${JSON.stringify(consent)}`, async (t) => {
    const home = sandbox(t);
    const { stderr } = await arcade(home, ['secret', 'list'], { env: { ...environment(), ...consent } });
    assert.match(
      stderr,
      /^Arcade collects CLI usage data .* set the ARCADE_USAGE_TRACKING environment variable to 0\.\n$/,
    );
    assert.ok(existsSync(join(home.directory, 'usage.db')));
    const again = await arcade(home, ['secret', 'list'], { env: { ...environment(), ...consent } });
    assert.equal(again.stderr, '');
  });
}

interface Traced {
  readonly written: readonly string[];
  readonly connected: readonly string[];
  readonly started: number;
}

/** The system calls of one command that matter here. */
async function trace(home: Sandbox, extra: Record<string, string>): Promise<Traced> {
  const log = join(home.home, 'trace');
  const calls = 'trace=%file,%network,%process';
  const env = { ...baseEnvironment(home), ...environment(), ...extra };
  await execa(
    'strace',
    ['-f', '-qq', '-o', log, '-e', calls, process.execPath, '--', PROGRAM, 'secret', 'list'],
    { env, extendEnv: false },
  );
  const lines = readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => !/ = -1 /.test(line) || line.includes('EINPROGRESS'));
  const writes = lines.filter((line) =>
    /O_(?:WRONLY|RDWR|CREAT)|mkdir|mknod|rename|unlink|link\(|linkat\(|creat\(|chmod|chown|utime|truncate/.test(
      line,
    ),
  );
  return {
    written: writes.filter((line) => line.includes('.arcade')),
    connected: lines.filter((line) => line.includes('connect(') && line.includes('AF_INET')),
    started: lines.filter((line) => line.includes('execve(')).length,
  };
}

test('an opted-out command opens no socket but its own, starts nothing and writes nothing', {
  skip: noStrace,
}, async (t) => {
  const fresh = sandbox(t);
  const used = sandbox(t);
  await arcade(used, ['secret', 'list'], { env: environment() });
  const refused = sandbox(t);
  await arcade(refused, ['secret', 'list'], { env: environment() });
  await arcade(refused, ['usage', 'disable']);
  for (const [home, off] of [
    [fresh, { DO_NOT_TRACK: '1' }],
    [used, { ARCADE_USAGE_TRACKING: '0' }],
    [refused, {}],
  ] as const) {
    // Of the command that was recorded.
    await until(() => flushersOf(home).length === 0, { what: 'the flusher to end', timeoutMs: 11_000 });
    const before = directoryState(home.directory);
    const traced = await trace(home, off);
    assert.deepEqual(directoryState(home.directory), before);
    assert.deepEqual(traced.written, []);
    assert.equal(traced.started, 1);
    assert.ok(traced.connected.length > 0, 'its own call is seen');
    assert.ok(
      traced.connected.every((line) => line.includes(`htons(${server.engine.port})`)),
      traced.connected.join('\n'),
    );
  }
  const tracked = await trace(sandbox(t), {});
  assert.ok(
    tracked.written.some((line) => line.includes('usage.db')),
    'the trace would show what is written',
  );
  assert.equal(tracked.started, 2, 'and what is started');
});

for (const umask of ['000', '022', '077', '777']) {
  test(`every file of the spool is for its owner alone under umask ${umask}`, async (t) => {
    const home = sandbox(t);
    if (umask === '022') mkdirSync(home.directory, { mode: 0o755 });
    const script = `umask ${umask}; exec "$@"`;
    const env = { ...baseEnvironment(home), ...environment(), ARCADE_POSTHOG_API_KEY: '' };
    const run = ['-c', script, 'bash', process.execPath, '--', PROGRAM, 'secret', 'list'];
    await execa('bash', run, { env, extendEnv: false });
    const modes = readdirSync(home.directory).map((name) => [
      name,
      statSync(join(home.directory, name)).mode & 0o777,
    ]);
    assert.ok(modes.length >= 2);
    for (const [name, mode] of modes) assert.equal(mode, 0o600, String(name));
    assert.equal(statSync(home.directory).mode & 0o777, umask === '022' ? 0o755 : 0o700);
  });
}

test('a spool that others could read is closed to them at the next command', async (t) => {
  const home = sandbox(t);
  const env = { ...environment(), ARCADE_POSTHOG_API_KEY: '' };
  await arcade(home, ['secret', 'list'], { env });
  await execa('chmod', ['644', join(home.directory, 'usage.db')]);
  await arcade(home, ['secret', 'list'], { env });
  assert.equal(statSync(join(home.directory, 'usage.db')).mode & 0o777, 0o600);
});

test('root in the home of another user leaves no file behind', {
  skip: process.getuid?.() !== 0 && 'only root can be root',
}, async (t) => {
  const home = sandbox(t);
  await execa('chown', ['-R', '12345:12345', home.home]);
  await arcade(home, ['secret', 'list'], { env: environment() });
  assert.ok(!existsSync(home.directory));
  mkdirSync(home.directory);
  writeFileSync(join(home.directory, 'mine'), '');
  await execa('chown', ['-R', '12345:12345', home.directory]);
  await arcade(home, ['secret', 'list'], { env: environment() });
  assert.deepEqual(readdirSync(home.directory), ['mine']);
});

test('a flush leaves the folder as it is once usage is disabled', async (t) => {
  const home = sandbox(t);
  await arcade(home, ['secret', 'list'], { env: { ...environment(), ARCADE_POSTHOG_API_KEY: '' } });
  assert.equal((await arcade(home, ['usage', 'disable'])).exitCode, 0);
  const before = directoryState(home.directory);
  const { exitCode, stdout, stderr } = await arcade(home, ['usage', 'flush'], { env: environment() });
  assert.deepEqual([exitCode, stdout], [1, '']);
  assert.match(stderr, /usage disable/);
  assert.deepEqual(directoryState(home.directory), before);
});
