/** Every way to say no to recording: nothing is written, and nothing is sent. What the variables may hold: test/settings.test.ts. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { execaSync } from 'execa';
import { arcade, type Ran, TRACKED } from '../../support/cli.ts';
import { directoryState } from '../../support/directory.ts';
import { flushersEnded } from '../../support/flusher.ts';
import { usage } from '../../support/inside.ts';
import { sandbox } from '../../support/sandbox.ts';
import { world } from '../../support/world.ts';

const noStrace = execaSync('strace', ['-V'], { reject: false }).exitCode !== 0 && 'strace is not installed';
const LIST = ['secret', 'list'];

/** A world in which events are recorded, and sent; `env` says how. */
async function recording(t: TestContext) {
  const at = await world(t);
  const env = { ...at.env, ...TRACKED, ...at.posthog.env };
  const list = (more = {}, home = at.home): Promise<Ran> => arcade(home, LIST, { env: { ...env, ...more } });
  return { ...at, env, list };
}

for (const refusal of [{ ARCADE_USAGE_TRACKING: '0' }, { DO_NOT_TRACK: '1', ARCADE_USAGE_TRACKING: '1' }]) {
  test(`a command with ${JSON.stringify(refusal)} makes, shows and sends nothing`, async (t) => {
    const { home, list } = await recording(t);
    const { exitCode, stderr } = await list(refusal);
    assert.deepEqual([exitCode, stderr, existsSync(home.directory)], [0, '', false]);
  });
}

test('a command that nobody refused is recorded after the notice, which is shown once', async (t) => {
  const { home, list } = await recording(t);
  assert.match(
    (await list()).stderr,
    /^Arcade collects CLI usage data .* set the ARCADE_USAGE_TRACKING environment variable to 0\.\n$/,
  );
  assert.ok(existsSync(join(home.directory, 'usage.db')));
  assert.equal((await list()).stderr, '');
});

test('an opted-out command opens no socket but its own, starts nothing and writes nothing', {
  skip: noStrace,
}, async (t) => {
  const { arcade: server, home: used, list, env } = await recording(t);
  /** The system calls of one command that matter here. */
  const trace = async (home = used, off = {}) => {
    const log = join(home.home, 'trace');
    const shell = `strace -f -qq -o '${log}' -e trace=%file,%network,%process "$@"`;
    await arcade(home, LIST, { env: { ...env, ...off }, shell: `exec ${shell}` });
    const lines = readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => !/ = -1 /.test(line) || line.includes('EINPROGRESS'));
    const writes =
      /O_(?:WRONLY|RDWR|CREAT)|mkdir|mknod|rename|unlink|link\(|linkat\(|creat\(|chmod|chown|utime|truncate/;
    return {
      written: lines.filter((line) => writes.test(line) && line.includes('.arcade')),
      connected: lines.filter((line) => line.includes('connect(') && line.includes('AF_INET')),
      started: lines.filter((line) => line.includes('execve(')).length,
    };
  };
  const refused = sandbox(t);
  for (const home of [used, refused]) await list({}, home);
  await usage(refused, ['disable']);
  for (const [home, off] of [
    [sandbox(t), { DO_NOT_TRACK: '1' }],
    [used, { ARCADE_USAGE_TRACKING: '0' }],
    [refused, {}],
  ] as const) {
    await flushersEnded(home);
    const before = directoryState(home.directory);
    const { written, started, connected } = await trace(home, off);
    assert.deepEqual(directoryState(home.directory), before);
    assert.deepEqual([written, started], [[], 1]);
    assert.ok(connected.length > 0, 'its own call is seen');
    for (const line of connected) assert.ok(line.includes(`htons(${server.engine.port})`), line);
  }
  const { written, started } = await trace(sandbox(t));
  assert.ok(
    written.some((line) => line.includes('usage.db')),
    'the trace would show what is written',
  );
  assert.equal(started, 2, 'and what is started');
});

test('`usage flush` leaves the folder as it is once usage is disabled', async (t) => {
  const { home, list, env } = await recording(t);
  await list({ ARCADE_POSTHOG_API_KEY: '' });
  assert.equal((await usage(home, ['disable'])).exitCode, 0);
  const before = directoryState(home.directory);
  const { exitCode, stdout, stderr } = await usage(home, ['flush'], { env });
  assert.deepEqual([exitCode, stdout], [1, '']);
  assert.match(stderr, /usage disable/);
  assert.deepEqual(directoryState(home.directory), before);
});
