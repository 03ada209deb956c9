/** `arcade usage flush`: it says what is so, ends when it was told to, and waits for whoever is at work. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { arcade, startArcadeCli } from '../../support/cli.ts';
import { accountOf, startFlusher } from '../../support/flusher.ts';
import { usage } from '../../support/inside.ts';
import { until } from '../../support/until.ts';
import { world } from '../../support/world.ts';

const DRAINED = { delivered: 3, rejected: 0, pending: 0, quarantined: 0, outcome: 'drained' };

async function prepare(t: TestContext, records: number) {
  const { home, posthog } = await world(t, { records });
  return { home, posthog, env: posthog.env };
}

describe('arcade usage flush', { concurrency: 3 }, () => {
  test('delivers all pending events and says so', async (t) => {
    const { home, posthog, env } = await prepare(t, 1_200);
    const { exitCode, stdout, stderr } = await arcade(home, ['usage', 'flush'], { env });
    assert.deepEqual([exitCode, stdout], [0, 'Delivered 1,200, quarantined 0, pending 0.\n'], stderr);
    assert.equal(posthog.stored().length, 1_200);
  });

  test('fails where events are still pending, and says why', async (t) => {
    const { home, posthog, env } = await prepare(t, 3);
    await posthog.down();
    const { exitCode, stdout } = await arcade(home, ['usage', 'flush'], { env });
    assert.equal(exitCode, 1);
    assert.match(stdout, /^Delivered 0, quarantined 0, pending 3: see `arcade usage status`/);
    await posthog.up();
    const json = await arcade(home, ['usage', 'flush', '--json'], { env });
    assert.deepEqual(JSON.parse(json.stdout), DRAINED);
    assert.equal(json.exitCode, 0, 'the back-off did not keep it from trying');
  });

  test('ends within --timeout, and what it did not manage is still there', async (t) => {
    const { home, posthog, env } = await prepare(t, 3);
    posthog.fault({ kind: 'hang' });
    const started = performance.now();
    const { exitCode, stdout } = await arcade(home, ['usage', 'flush', '--timeout', '1', '--json'], { env });
    assert.ok(performance.now() - started < 20_000);
    assert.deepEqual([exitCode, JSON.parse(stdout).outcome, accountOf(home).pending], [1, 'out of time', 3]);
  });

  test('waits for a flusher that is at work, and counts what that one delivered', async (t) => {
    const { home, posthog, env } = await prepare(t, 3);
    posthog.fault({ kind: 'delay', ms: 2_000 });
    const flusher = startFlusher(home, env);
    await until(() => posthog.requests.length > 0, { what: 'the flusher to send' });
    // In this process: on a busy machine another one would start only once the flusher has ended.
    const { exitCode, stdout } = await usage(home, ['flush', '--json'], { env });
    assert.deepEqual([exitCode, JSON.parse(stdout)], [0, DRAINED]);
    await flusher.ended;
    assert.equal(posthog.requests.length, 1);
  });

  test('says that another flusher is at work when that takes longer than it may wait', async (t) => {
    const { home, posthog, env } = await prepare(t, 3);
    posthog.fault({ kind: 'hang' });
    const flusher = startFlusher(home, env);
    await until(() => posthog.requests.length > 0, { what: 'the flusher to send' });
    const { exitCode, stdout } = await arcade(home, ['usage', 'flush', '--timeout', '0.5'], { env });
    assert.equal(exitCode, 1);
    assert.match(stdout, /another flusher is running/);
    await flusher.ended;
  });

  test('while it drains, commands record and start no flusher', async (t) => {
    const { home, posthog, env } = await prepare(t, 3);
    posthog.fault({ kind: 'delay', ms: 1_500 });
    const flushing = startArcadeCli(home, ['usage', 'flush', '--json'], { env });
    await until(() => posthog.requests.length > 0, { what: 'the request' });
    await arcade(home, ['secret', 'list'], { env });
    const { stdout } = await flushing;
    assert.equal(JSON.parse(String(stdout)).delivered, 4, 'what came meanwhile went along');
  });

  test('reports a spool that stays locked in one line', async (t) => {
    const { home, env } = await prepare(t, 3);
    const other = home.hold();
    const { exitCode, stderr } = await arcade(home, ['usage', 'flush', '--timeout', '1'], { env });
    other.close();
    assert.equal(exitCode, 1);
    assert.match(stderr, /^Error: Another process is using the usage spool\.\n/);
  });

  test('reports a lock file that is none in one line, and keeps the events', async (t) => {
    const { home, env } = await prepare(t, 3);
    home.write('usage.lock', 'this is no database, and longer than a header of one would be. '.repeat(20));
    const { exitCode, stderr } = await arcade(home, ['usage', 'flush'], { env });
    assert.equal(exitCode, 1);
    assert.match(stderr, /^Error: usage\.lock is not a lock file: nothing is sent\.\n/);
    assert.equal(accountOf(home).pending, 3);
    assert.equal((await startFlusher(home, env).ended).code, 0);
  });
});
