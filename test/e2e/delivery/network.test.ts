/** The way to PostHog as companies, hotels and servers on fire make it: real processes over real sockets. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { deliverTo } from '../../../src/infra/net/posthog.ts';
import { arcade } from '../../support/cli.ts';
import { accountOf, startFlusher } from '../../support/flusher.ts';
import type { Fault, FaultChoice } from '../../support/posthog/faults.ts';
import { fillSpool, openQueue } from '../../support/queue.ts';
import type { Sandbox } from '../../support/sandbox.ts';
import { makeAuthority, startProxy, startTls } from '../../support/tls.ts';
import { world } from '../../support/world.ts';

const EVENTS = 3;

async function prepare(t: TestContext) {
  const { home, posthog } = await world(t, { records: EVENTS });
  return { home, posthog, env: posthog.env };
}

const flush = async (home: Sandbox, env: Record<string, string>) => {
  const ran = await arcade(home, ['usage', 'flush', '--json'], { env });
  return { ...ran, report: JSON.parse(ran.stdout || '{}') as Record<string, unknown> };
};

describe('only PostHog saying yes settles an event', { concurrency: 3 }, () => {
  const kept: [Fault, string][] = [
    [{ kind: 'portal-page' }, 'portal'],
    [{ kind: 'portal-redirect' }, 'portal'],
    [{ kind: 'portal-json' }, 'portal'],
    [{ kind: 'wrong-json' }, 'portal'],
    [{ kind: 'wrong-json', body: 'null' }, 'portal'],
    [{ kind: 'empty-200' }, 'portal'],
    [{ kind: 'truncated' }, 'offline'],
    [{ kind: 'reset', when: 'before-reading' }, 'offline'],
    [{ kind: 'reset', when: 'after-reading' }, 'offline'],
    [{ kind: 'lost-ack' }, 'offline'],
    [{ kind: 'status', status: 202 }, 'portal'],
    [{ kind: 'status', status: 302, headers: { location: '/elsewhere' } }, 'portal'],
    [{ kind: 'status', status: 400, headers: { 'content-type': 'text/html' } }, 'portal'],
    [{ kind: 'status', status: 404 }, 'portal'],
    [{ kind: 'status', status: 511 }, 'portal'],
    [{ kind: 'status', status: 401 }, 'unauthorized'],
    [{ kind: 'status', status: 403 }, 'unauthorized'],
    [{ kind: 'status', status: 408 }, 'throttled'],
    [{ kind: 'status', status: 425 }, 'throttled'],
    [{ kind: 'status', status: 429, retryAfter: '60' }, 'throttled'],
    [{ kind: 'status', status: 500 }, 'throttled'],
    [{ kind: 'status', status: 503 }, 'throttled'],
  ];
  for (const [fault, reason] of kept) {
    const { kind, ...details } = fault;
    test(`${kind} ${JSON.stringify(details)} keeps every event, as ${reason}`, async (t) => {
      const { posthog } = await world(t);
      const queue = openQueue(t);
      queue.add(EVENTS);
      const deliver = deliverTo(posthog.url, 'phc_test');
      const send = () => queue.flush((batch) => deliver(batch, 5_000), { ignoreBackoff: true });
      posthog.fault(fault, Number.POSITIVE_INFINITY);
      assert.equal(await send(), 'backing off');
      assert.equal(posthog.requests.filter(({ method }) => method === 'POST').length, 1, 'one try');
      assert.equal(queue.one('SELECT reason FROM backoff'), reason);
      assert.equal(queue.one("SELECT count(*) FROM record WHERE state = 'pending'"), EVENTS);
      posthog.clearFaults();
      assert.equal(await send(), 'drained');
      assert.equal(posthog.stored().length, EVENTS, 'and a later try counts each once');
    });
  }
});

describe('PostHog behind what stands before it', { concurrency: 3 }, () => {
  const accepted: [string, FaultChoice][] = [
    [
      'a 308 that only takes the trailing slash away is followed',
      ({ path }) =>
        path === '/batch/' ? { kind: 'status', status: 308, headers: { location: '/batch' } } : undefined,
    ],
    [
      'a 415 to gzip is tried once without',
      ({ headers }) => (headers['content-encoding'] === 'gzip' ? { kind: 'status', status: 415 } : undefined),
    ],
    [
      '{"status": 1} is the answer of an older PostHog',
      () => ({ kind: 'wrong-json', body: '{"status": 1}', stores: true }),
    ],
  ];
  for (const [what, choose] of accepted)
    test(what, async (t) => {
      const { home, posthog, env } = await prepare(t);
      posthog.faultWhen(choose);
      assert.equal((await startFlusher(home, env).ended).code, 0);
      assert.equal(accountOf(home).delivered, EVENTS);
      assert.equal(posthog.stored().length, EVENTS);
    });

  test('a 308 to another place, or a 415 to what is not compressed, keeps every event', async (t) => {
    for (const fault of [
      { kind: 'status', status: 308, headers: { location: '/elsewhere/' } },
      { kind: 'status', status: 308, headers: { location: 'http://127.0.0.1:1/batch' } },
      { kind: 'status', status: 415 },
    ] as const) {
      const { home, posthog, env } = await prepare(t);
      posthog.fault(fault, Number.POSITIVE_INFINITY);
      await startFlusher(home, env).ended;
      const { pending, backoff } = accountOf(home);
      assert.deepEqual([pending, backoff], [EVENTS, 'portal']);
      assert.ok(posthog.requests.length <= 2, `${posthog.requests.length} requests`);
    }
  });

  test('a proxy variable that cannot be used is a failure with a back-off and a reason', async (t) => {
    const { home, env } = await prepare(t);
    const broken = { ...env, ARCADE_POSTHOG_HOST: 'http://posthog.test', HTTP_PROXY: 'socks4://127.0.0.1:9' };
    assert.equal((await startFlusher(home, broken).ended).code, 0);
    assert.equal(accountOf(home).backoff, 'proxy');
    const { stdout } = await arcade(home, ['usage', 'status'], { env: broken });
    assert.match(
      stdout,
      /The address of the proxy cannot be used.*Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY/,
    );
  });
});

describe('proxies and certificates', { concurrency: 3 }, () => {
  test('a proxy and a private CA are honoured', async (t) => {
    const { home, posthog, env } = await prepare(t);
    const authority = makeAuthority(t, 'posthog.test');
    const proxy = await startProxy(t, await startTls(t, posthog.port, authority));
    const there = { ...env, ARCADE_POSTHOG_HOST: 'https://posthog.test', HTTPS_PROXY: proxy.url };
    await startFlusher(home, { ...there, NODE_EXTRA_CA_CERTS: authority.ca }).ended;
    assert.equal(posthog.stored().length, EVENTS);
    assert.deepEqual(proxy.asked, ['CONNECT posthog.test:443']);
    assert.equal(accountOf(home).delivered, EVENTS);
  });

  test('a certificate of an unknown CA is not trusted, whatever NODE_TLS_REJECT_UNAUTHORIZED says', async (t) => {
    const { home, posthog, env } = await prepare(t);
    const port = await startTls(t, posthog.port, makeAuthority(t, 'posthog.test'));
    const there = {
      ...env,
      ARCADE_POSTHOG_HOST: `https://127.0.0.1:${port}`,
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
    };
    const { exitCode, report, stderr } = await flush(home, there);
    assert.deepEqual([exitCode, report.outcome, report.pending], [1, 'backing off', EVENTS]);
    await startFlusher(home, there).ended;
    assert.deepEqual([accountOf(home).backoff, posthog.requests.length], ['offline', 0]);
    assert.doesNotMatch(stderr, /Warning/, 'Node does not warn of what is not so');
  });

  test('a plain proxy is used for plain HTTP, except for hosts of NO_PROXY', async (t) => {
    const { home, posthog, env } = await prepare(t);
    const proxy = await startProxy(t, posthog.port);
    const there = { ...env, ARCADE_POSTHOG_HOST: 'http://posthog.test', HTTP_PROXY: proxy.url };
    await startFlusher(home, there).ended;
    assert.equal(posthog.stored().length, EVENTS);
    assert.deepEqual(proxy.asked, ['POST http://posthog.test/batch/']);
    fillSpool(home.directory, 1);
    await startFlusher(home, { ...env, HTTP_PROXY: proxy.url, NO_PROXY: '127.0.0.1' }).ended;
    assert.deepEqual([posthog.stored().length, proxy.asked.length], [EVENTS + 1, 1]);
  });

  test('POSTHOG_CAPTURE_MODE=v1 in the environment changes neither the protocol nor the verdict', async (t) => {
    const { home, posthog, env } = await prepare(t);
    const there = { ...env, POSTHOG_CAPTURE_MODE: 'v1' };
    await posthog.down();
    const failed = await flush(home, there);
    assert.deepEqual([failed.exitCode, failed.report.pending], [1, EVENTS]);
    await posthog.up();
    const { exitCode, report } = await flush(home, there);
    assert.deepEqual([exitCode, report.delivered], [0, EVENTS]);
    assert.deepEqual([posthog.requests.length, posthog.requests[0]?.kind], [1, 'batch']);
  });
});
