/** The engine's API: what is asked of it, and what each wrong answer comes to. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import pLimit from 'p-limit';
import { UserError } from '../../src/errors.ts';
import { deleteSecret, type Engine, listSecrets, type Secret, setSecret } from '../../src/secrets/api.ts';
import { contextOf, keyOf } from '../support/arcade/accounts.ts';
import type { Fault } from '../support/arcade/faults.ts';
import type { Arcade, ArcadeOptions } from '../support/arcade.ts';
import { world } from '../support/world.ts';

async function connected(
  t: TestContext,
  options?: ArcadeOptions,
): Promise<{ arcade: Arcade; engine: Engine }> {
  const { arcade } = await world(t, options);
  const engine = { url: arcade.engine.url, bearer: keyOf(arcade.user('A')), project: null };
  return { arcade, engine };
}

async function found(engine: Engine, key: string): Promise<Secret> {
  const secret = (await listSecrets(engine)).find((each) => each.key === key);
  assert.ok(secret);
  return secret;
}

test('both eras reach the secrets of the same project', async (t) => {
  const { arcade, engine } = await connected(t);
  const user = arcade.user('A');
  const { org_id: orgId, project_id: projectId } = contextOf(user);
  const login = { ...engine, bearer: arcade.issueTokens(user).access_token, project: { orgId, projectId } };
  await setSecret(engine, 'OLD', 'v');
  await setSecret(login, 'NEW', 'v');
  for (const each of [engine, login]) {
    assert.deepEqual(
      (await listSecrets(each)).map(({ key }) => key),
      ['OLD', 'NEW'],
    );
  }
  await deleteSecret(login, await found(engine, 'OLD'));
  await deleteSecret(engine, await found(login, 'NEW'));
  assert.deepEqual(arcade.secretsOf(user), []);
  const org = `/v1/orgs/${orgId}/projects/${projectId}/secrets`;
  assert.deepEqual(
    new Set(arcade.requests.map(({ path }) => path.replace(/secrets\/.*/, 'secrets'))),
    new Set(['/v1/admin/secrets', org]),
  );
});

test('a key reaches the secret of that name, whatever characters it has', async (t) => {
  const { arcade, engine } = await connected(t);
  const keys = [
    'Q?z',
    'H#h',
    'a/b',
    '../../v1/health',
    '%2e%2e',
    '%',
    'a b',
    'ü',
    '🔑',
    '...',
    '+',
    '&=;',
    '\\',
    'K',
  ];
  for (const key of keys) await setSecret(engine, key, `value of ${key}`);
  const stored = arcade.secretsOf(arcade.user('A')).map(({ key, value }) => [key, value]);
  assert.deepEqual(
    stored,
    keys.map((key) => [key, `value of ${key}`]),
  );
  for (const { method, path, query } of arcade.requests) {
    assert.deepEqual([method, query, path.split('/').length], ['PUT', '', 5]);
  }
  for (const key of keys) await deleteSecret(engine, await found(engine, key));
  assert.deepEqual(arcade.secretsOf(arcade.user('A')), []);
});

test('what a secret is sent with', async (t) => {
  const { arcade, engine } = await connected(t);
  await setSecret(engine, 'K', ' v\n"\u{1f511}\u0000');
  const [request] = arcade.requests;
  assert.deepEqual(request?.json, { description: 'Secret set via CLI', value: ' v\n"\u{1f511}\u0000' });
  assert.equal(request?.headers.authorization, `Bearer ${engine.bearer}`);
});

test('all pages are read', async (t) => {
  const { arcade, engine } = await connected(t, { pageSize: 3 });
  const keys = Array.from({ length: 10 }, (_, i) => `K${i}`);
  for (const key of keys) arcade.store(arcade.user('A'), { key, value: 'v' });
  assert.deepEqual(
    (await listSecrets(engine)).map(({ key }) => key),
    keys,
  );
  assert.deepEqual(
    arcade.requests.map(({ query }) => query),
    ['', 'offset=3', 'offset=6', 'offset=9'],
  );
});

test('a list without an end is an error, and not gigabytes in memory', async (t) => {
  let sent = 0;
  const server = createServer((_request, response) => {
    sent += 1;
    const items = [{ key: `K${sent}`, description: 'x'.repeat(4 * 1024 * 1024) }];
    response.end(JSON.stringify({ items, total_count: 1e9 }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const engine = { url: `http://127.0.0.1:${port}`, bearer: 'k', project: null };
  await assert.rejects(listSecrets(engine), { code: 'UNEXPECTED_ANSWER' });
  assert.ok(sent < 20, `${sent} pages of 4 MB`);
});

test('a page that is empty is the last one, whatever the total says', async (t) => {
  const { arcade, engine } = await connected(t);
  arcade.fault({}, { kind: 'wrong-json', body: { items: [{ key: 'K' }], total_count: 5 } });
  arcade.fault({}, { kind: 'wrong-json', body: { items: [], total_count: 5 } });
  assert.deepEqual(
    (await listSecrets(engine)).map(({ key }) => key),
    ['K'],
  );
});

test('fields that are missing or of another type are tolerated', async (t) => {
  const { arcade, engine } = await connected(t);
  const odd = { key: 'ODD', id: 7, binding: 'x', description: null, last_accessed_at: {}, created_at: 5 };
  arcade.fault(
    {},
    { kind: 'wrong-json', body: { items: [{ key: 'BARE' }, odd, { ...odd, binding: null }] } },
  );
  const bare = { id: null, type: null, description: null, lastAccessedAt: null, createdAt: null };
  assert.deepEqual(await listSecrets(engine), [
    { ...bare, key: 'BARE' },
    { ...bare, key: 'ODD' },
    { ...bare, key: 'ODD' },
  ]);
});

test('a list of very many secrets is no trouble', async (t) => {
  const { arcade, engine } = await connected(t);
  const items = Array.from({ length: 300_000 }, () => ({ key: 'K' }));
  arcade.fault({}, { kind: 'wrong-json', body: { items } });
  assert.equal((await listSecrets(engine)).length, items.length);
});

const HOST = /^(localhost|127\.0\.0\.1):\d+/;
/** Faults that last, the code of the error, and what it says behind the host's name. */
const FAULTS: readonly (readonly [string, Fault, string, RegExp])[] = [
  ['400', { kind: 'status', status: 400 }, 'INVALID_REQUEST', /rejected the request as invalid \(400\)/],
  ['401', { kind: 'status', status: 401 }, 'UNAUTHORIZED', /did not accept your credentials \(401\)/],
  ['403', { kind: 'status', status: 403 }, 'FORBIDDEN', /denied permission \(403\)/],
  ['409', { kind: 'status', status: 409 }, 'UNEXPECTED_STATUS', /answered with status 409/],
  ['422', { kind: 'status', status: 422 }, 'INVALID_REQUEST', /rejected the request as invalid \(422\)/],
  ['429', { kind: 'status', status: 429 }, 'RATE_LIMITED', /is receiving too many requests \(429\)/],
  ['500', { kind: 'status', status: 500 }, 'SERVER_ERROR', /failed \(500\)/],
  ['502 as a page', { kind: 'html', status: 502 }, 'SERVER_ERROR', /failed \(502\)/],
  ['503', { kind: 'status', status: 503 }, 'SERVER_ERROR', /failed \(503\)/],
  [
    'a redirect',
    { kind: 'redirect', location: 'http://127.0.0.1:1/' },
    'UNEXPECTED_STATUS',
    /redirect \(302\)/,
  ],
  ['a page', { kind: 'html' }, 'UNEXPECTED_ANSWER', /a web page instead of a response of the Arcade API/],
  ['half of the JSON', { kind: 'truncated' }, 'UNEXPECTED_ANSWER', /invalid JSON/],
  ['a list', { kind: 'wrong-json', body: [] }, 'UNEXPECTED_ANSWER', /invalid JSON/],
  ['null', { kind: 'wrong-json', body: 'null' }, 'UNEXPECTED_ANSWER', /invalid JSON/],
  ['plain text', { kind: 'wrong-json', body: 'OK' }, 'UNEXPECTED_ANSWER', /invalid JSON/],
  ['a cut-off answer', { kind: 'cut-off' }, 'CONNECTION_LOST', /the connection was lost/],
  ['a reset', { kind: 'reset' }, 'CONNECTION_LOST', /the connection was lost/],
];

// They mostly wait between tries.
describe('answers that are no good', { concurrency: true }, () => {
  for (const [title, fault, code, message] of FAULTS) {
    test(`${title} is a failure of list, set and unset`, async (t) => {
      const { arcade, engine } = await connected(t, { echoSecrets: true });
      arcade.store(arcade.user('A'), { key: 'K', value: 'v' });
      const secret = await found(engine, 'K');
      arcade.fault({}, fault, Number.POSITIVE_INFINITY);
      const calls = [
        () => listSecrets(engine),
        () => setSecret(engine, 'K', 'hidden'),
        () => deleteSecret(engine, secret),
      ];
      await Promise.all(
        calls.map((call) => assert.rejects(call, (error) => isFailure(error, code, message))),
      );
    });
  }
});

for (const [title, body] of [
  ['another object', { unexpected: true }],
  ['items that are no list', { items: {} }],
  ['a secret that is no object', { items: ['K'] }],
  ['a secret without a key', { items: [{ id: 'x' }] }],
] as const) {
  test(`${title} is no list of secrets`, async (t) => {
    const { arcade, engine } = await connected(t);
    arcade.fault({}, { kind: 'wrong-json', body });
    await assert.rejects(listSecrets(engine), { code: 'UNEXPECTED_ANSWER' });
  });
}

test('a write is done when the answer is the secret, or nothing at all', async (t) => {
  const { arcade, engine } = await connected(t);
  arcade.fault({}, { kind: 'wrong-json', body: { unexpected: true } });
  await assert.rejects(setSecret(engine, 'K', 'v'), { code: 'UNEXPECTED_ANSWER' });
  for (const body of ['', { key: 'K' }, { id: 'x' }]) {
    arcade.fault({}, { kind: 'wrong-json', body });
    await setSecret(engine, 'K', 'v');
  }
});

test('404 is no address to list or set at, and no failure to delete at', async (t) => {
  const { arcade, engine } = await connected(t);
  arcade.store(arcade.user('A'), { key: 'K', value: 'v' });
  const secret = await found(engine, 'K');
  arcade.fault({}, { kind: 'status', status: 404 }, Number.POSITIVE_INFINITY);
  await assert.rejects(listSecrets(engine), { code: 'NOT_FOUND' });
  await assert.rejects(setSecret(engine, 'K', 'v'), { code: 'NOT_FOUND' });
  await deleteSecret(engine, secret);
});

test('a secret that the server gives no id cannot be deleted', async (t) => {
  const { engine, arcade } = await connected(t);
  const secret = { id: null, key: 'K', type: null, description: null, lastAccessedAt: null, createdAt: null };
  await assert.rejects(deleteSecret(engine, secret), { code: 'UNEXPECTED_ANSWER' });
  assert.deepEqual(arcade.requests, []);
});

for (const [title, retryAfter, hint] of [
  ['seconds', '45', 'Try again in 45 seconds.'],
  ['many seconds', '3600', 'Try again in 60 minutes.'],
  ['a date', new Date(Date.now() + 86_400_000 * 30).toUTCString(), 'Try again later.'],
] as const) {
  test(`Retry-After with ${title} that no request can wait for: ${hint}`, async (t) => {
    const { arcade, engine } = await connected(t);
    arcade.fault({}, { kind: 'status', status: 429, headers: { 'retry-after': retryAfter } });
    await assert.rejects(listSecrets(engine), { code: 'RATE_LIMITED', hint });
    assert.equal(arcade.requests.length, 1);
  });
}

describe('pauses', { concurrency: true }, () => {
  for (const status of [429, 503]) {
    test(`${status} with Retry-After is waited out, as long as it says, and no secret fails`, async (t) => {
      const { arcade, engine } = await connected(t);
      arcade.fault({}, { kind: 'status', status, headers: { 'retry-after': '1' } }, 20);
      const begun = performance.now();
      const limit = pLimit(8);
      const keys = Array.from({ length: 100 }, (_, i) => `K${i}`);
      await Promise.all(keys.map((key) => limit(() => setSecret(engine, key, 'v'))));
      assert.equal(arcade.secretsOf(arcade.user('A')).length, 100);
      assert.equal(arcade.requests.length, 120);
      // Eight lanes meet twenty refusals in three rounds: each is paused for its whole second.
      assert.ok(performance.now() - begun >= 2_900);
    });
  }
});

test('a refusal that says nothing of when to come back is tried twice more', async (t) => {
  const { arcade, engine } = await connected(t);
  arcade.fault({}, { kind: 'status', status: 429 }, 2);
  await setSecret(engine, 'K', 'v');
  arcade.fault({}, { kind: 'status', status: 429 }, 3);
  await assert.rejects(listSecrets(engine), { code: 'RATE_LIMITED', hint: 'Try again in 60 seconds.' });
  assert.equal(arcade.requests.length, 6);
});

describe('tries', { concurrency: true }, () => {
  for (const fault of [
    { kind: 'reset' },
    { kind: 'lost-answer' },
    { kind: 'cut-off' },
    { kind: 'status', status: 502 },
    { kind: 'status', status: 503 },
  ] as const) {
    test(`what fails once by ${JSON.stringify(fault)} is done all the same, and once`, async (t) => {
      const { arcade, engine } = await connected(t);
      const user = arcade.user('A');
      arcade.fault({ method: 'PUT' }, fault);
      await setSecret(engine, 'K', 'v');
      assert.deepEqual(
        arcade.secretsOf(user).map(({ key, value }) => [key, value]),
        [['K', 'v']],
      );
      const secret = await found(engine, 'K');
      arcade.fault({ method: 'DELETE' }, fault);
      await deleteSecret(engine, secret);
      assert.deepEqual(arcade.secretsOf(user), []);
      assert.deepEqual(
        arcade.requests.map(({ method }) => method),
        ['PUT', 'PUT', 'GET', 'DELETE', 'DELETE'],
      );
    });
  }
});

test('a token that no header can hold is not sent', async (t) => {
  const { arcade, engine } = await connected(t);
  for (const bearer of ['a\nb', 'ключ', 'a b', '']) {
    await assert.rejects(listSecrets({ ...engine, bearer }), { code: 'CREDENTIALS_MALFORMED' });
  }
  assert.deepEqual(arcade.requests, []);
});

test('a server that nobody runs refuses', async (t) => {
  const { arcade, engine } = await connected(t);
  await arcade.down();
  await assert.rejects(listSecrets(engine), (error) => isFailure(error, 'CONNECTION_REFUSED', /was refused/));
});

function isFailure(error: unknown, code: string, message: RegExp): boolean {
  assert.ok(error instanceof UserError);
  assert.deepEqual([error.code, error.exitCode], [code, 1]);
  assert.match(error.message, message);
  assert.match(
    error.message.replace(/^Cannot reach |^The server /, ''),
    code === 'UNEXPECTED_ANSWER' ? /./ : HOST,
  );
  assert.doesNotMatch(`${error.message}${error.hint}`, /hidden/);
  return true;
}
