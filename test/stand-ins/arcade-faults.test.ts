/** The stand-in for Arcade fails in every way that a test asks for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, call, keyOf, keySecretsUrl, put } from '../support/arcade/client.ts';
import type { Fault } from '../support/arcade/faults.ts';
import { until } from '../support/until.ts';
import { world } from '../support/world.ts';

test('answers that are wrong, and nothing done', async (t) => {
  const { arcade } = await world(t);
  const a = arcade.user('A');
  const url = `${keySecretsUrl(arcade)}/K`;
  const retryAfter = { 'retry-after': '7' };
  for (const [fault, status, pattern] of [
    [{ kind: 'status', status: 503 }, 503, /service_unavailable/],
    [{ kind: 'status', status: 429, headers: retryAfter }, 429, /too_many_requests/],
    [{ kind: 'status', status: 502, body: '<h1>Bad Gateway</h1>' }, 502, /<h1>/],
    [{ kind: 'html' }, 200, /<!doctype html>/],
    [{ kind: 'wrong-json' }, 200, /unexpected/],
    [{ kind: 'wrong-json', body: { items: {} } }, 200, /"items":\{\}/],
    [{ kind: 'redirect', location: 'http://127.0.0.1:1/' }, 302, /^$/],
  ] as [Fault, number, RegExp][]) {
    arcade.fault({ method: 'PUT' }, fault);
    const init = { method: 'PUT', body: '{"value":"v"}', redirect: 'manual' } as const;
    const { body, headers, ...answer } = await call(url, keyOf(a), init);
    assert.equal(answer.status, status);
    assert.match(typeof body === 'string' ? body : JSON.stringify(body), pattern);
    if (status === 429) assert.equal(headers.get('retry-after'), '7');
  }
  assert.deepEqual(arcade.secretsOf(a), []);
  assert.equal((await put(url, keyOf(a), 'v')).status, 200);
  arcade.fault(({ query }) => query === 'x=1', { kind: 'status', status: 500 }, Number.POSITIVE_INFINITY);
  for (const _ of [1, 2]) assert.equal((await call(`${url}?x=1`)).status, 500);
  arcade.clearFaults();
  assert.equal((await call(`${url}?x=1`)).status, 401);
});

test('answers that do not arrive', async (t) => {
  const { arcade } = await world(t);
  const a = arcade.user('A');
  const set = (key: string, init?: RequestInit): Promise<Answer> =>
    put(`${keySecretsUrl(arcade)}/${key}`, keyOf(a), 'v', init);
  arcade.fault({}, { kind: 'reset' });
  await assert.rejects(set('never'));
  arcade.fault({}, { kind: 'lost-answer' });
  await assert.rejects(set('lost'));
  arcade.fault({}, { kind: 'cut-off' });
  await assert.rejects(set('cut'), { message: 'terminated' });
  arcade.fault({}, { kind: 'truncated' });
  await assert.rejects(set('short'), SyntaxError);
  arcade.fault({}, { kind: 'delay', ms: 50 });
  const leaving = new AbortController();
  const left = assert.rejects(set('left', { signal: leaving.signal }), { name: 'AbortError' });
  await until(() => arcade.requests.at(-1)?.fault?.kind === 'delay');
  leaving.abort();
  await left;
  await until(() => arcade.requests.at(-1)?.status === 'aborted');
  arcade.fault({}, { kind: 'hang' });
  const hung = assert.rejects(set('hung'));
  await until(() => arcade.requests.at(-1)?.status === 'hung');
  await arcade.down();
  await hung;
  assert.deepEqual(
    arcade.secretsOf(a).map(({ key }) => key),
    ['lost', 'cut', 'short'],
  );
  assert.deepEqual(
    arcade.requests.map(({ status }) => status),
    ['reset', 'reset', 200, 200, 'aborted', 'hung'],
  );
});

test('answers that are late, slow or endless', async (t) => {
  const { arcade } = await world(t);
  const url = `${arcade.engine.url}/v1/health`;
  for (const fault of [{ kind: 'delay', ms: 60 } as const, { kind: 'trickle', everyMs: 5 } as const]) {
    arcade.fault({ path: /health/ }, fault);
    const begun = performance.now();
    assert.deepEqual((await call(url)).body, { healthy: true });
    assert.ok(performance.now() - begun >= 50);
  }
  arcade.settings.latencyMs = 20;
  const begun = performance.now();
  assert.equal((await call(url)).status, 200);
  assert.ok(performance.now() - begun >= 15);
  arcade.fault({}, { kind: 'huge', bytes: 3_000_000 });
  assert.equal((await call(url)).body.padding.length, 3_000_000);
  arcade.fault({}, { kind: 'huge', bytes: 1e12 });
  const endless = await fetch(url);
  await endless.body?.cancel();
  assert.equal((await call(url)).status, 200);
});
