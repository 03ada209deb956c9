/** A flusher and `usage flush` asking whose events these are: whom they ask, and a proxy on the way that does not work. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { accountOf as accountOfCredentials } from '../../../src/auth/credentials.ts';
import { append } from '../../../src/usage/append/append.ts';
import { BAD_PROXIES, startBadProxy } from '../../support/bad-proxies.ts';
import { arcade } from '../../support/cli.ts';
import { accountOf, startFlusher } from '../../support/flusher.ts';
import { credentialsOf, makeSpool, sampleEntry } from '../../support/queue.ts';
import { world } from '../../support/world.ts';

const BOUND = 3;
const KEY = 'arc_key';
const COORDINATOR = 'https://coordinator.test';
const KINDS = ['FIN after the request', 'FIN at once', 'RST after the request', 'silence', 'half an answer'];

/** Three events that are bound, and one of a key whose account only the coordinator knows. */
async function prepare(t: TestContext, coordinatorUrl = COORDINATOR) {
  const { home, posthog } = await world(t, { records: BOUND });
  home.signInWithKey(KEY, coordinatorUrl);
  const account = accountOfCredentials({
    kind: 'api_key',
    source: 'file',
    apiKey: KEY,
    email: null,
    accountId: null,
    coordinatorUrl,
  });
  const spool = makeSpool(home.directory);
  append(spool, sampleEntry(Date.now(), { credentials: credentialsOf(account ?? undefined) }));
  spool.close();
  return { home, posthog };
}

test('a flusher shows a stored login to its own coordinator alone, whatever ARCADE_URL says', async (t) => {
  const [{ arcade: own }, { arcade: other }] = [await world(t), await world(t)];
  const { home, posthog } = await prepare(t, own.coordinator.url);
  await startFlusher(home, { ...posthog.env, ARCADE_URL: other.url }).ended;
  assert.equal(accountOf(home).pending, 0);
  assert.deepEqual(
    [own.requests, other.requests].map((asked) => new Set(asked.map(({ headers }) => headers.authorization))),
    [new Set([`Bearer ${KEY}`]), new Set()],
  );
});

for (const kind of KINDS) {
  describe(`a proxy that gives ${kind}`, { concurrency: true }, () => {
    const behave = BAD_PROXIES[kind];
    assert.ok(behave !== undefined);

    test('a coordinator behind it does not keep bound events from being sent', async (t) => {
      const { home, posthog } = await prepare(t);
      const { url, connections } = await startBadProxy(t, behave);
      const env = { ...posthog.env, HTTPS_PROXY: url };
      const { code, ms } = await startFlusher(home, env).ended;
      assert.equal(code, 0);
      assert.ok(ms <= 15_000, `${ms} ms`);
      const { delivered, pending } = accountOf(home);
      assert.deepEqual([delivered, pending], [BOUND, 1]);
      assert.deepEqual(
        home.rows('SELECT target FROM backoff'),
        [{ target: 'coordinator' }],
        'which is then left alone',
      );
      assert.ok(connections() <= 3, `${connections()} connections`);
    });

    test('`usage flush --timeout` ends in time, with everything behind it and with the coordinator alone', async (t) => {
      const { home, posthog } = await prepare(t);
      const { url } = await startBadProxy(t, behave);
      const env = { ARCADE_POSTHOG_API_KEY: 'phc_test', HTTPS_PROXY: url };
      for (const [host, delivered, seconds] of [
        ['https://posthog.test', 0, '2'],
        [posthog.url, BOUND, '8'],
      ] as const) {
        const started = performance.now();
        const words = ['usage', 'flush', '--timeout', seconds, '--json'];
        const { stdout } = await arcade(home, words, { env: { ...env, ARCADE_POSTHOG_HOST: host } });
        const ranMs = performance.now() - started;
        // Long before the 30 s of a flush without --timeout; a busy machine takes its time to start and end it.
        assert.ok(ranMs < 20_000, `${ranMs} ms`);
        assert.equal((JSON.parse(stdout) as { delivered: number }).delivered, delivered);
      }
    });
  });
}
