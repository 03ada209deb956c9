/** The stand-in for Arcade keeps secrets as Arcade does, for the right people, and records what it is asked. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { contextOf } from '../support/arcade/accounts.ts';
import { call, keyOf, keySecretsUrl, put, secretsUrl } from '../support/arcade/client.ts';
import { world } from '../support/world.ts';

test('an API key lists, creates, replaces and deletes secrets', async (t) => {
  const { arcade } = await world(t);
  const a = arcade.user('A');
  const url = keySecretsUrl(arcade);
  assert.equal((await put(`${url}/K`, keyOf(a), 'first-value')).status, 200);
  const { body: replaced } = await put(`${url}/K`, keyOf(a), 'other-value');
  assert.equal((await put(`${url}/L`, keyOf(a), 'x')).status, 200);

  const { body } = await call(url, keyOf(a));
  assert.deepEqual(body, { items: [replaced, body.items[1]] });
  assert.deepEqual(replaced, {
    id: replaced.id,
    key: 'K',
    description: 'by a test',
    binding: { id: contextOf(a).project_id, type: 'project' },
    last_accessed_at: null,
    created_at: body.items[0].created_at,
    updated_at: body.items[0].updated_at,
  });
  assert.equal(arcade.secretsOf(a)[0]?.value, 'other-value');

  assert.equal((await call(`${url}/${replaced.id}`, keyOf(a), { method: 'DELETE' })).status, 204);
  assert.equal((await call(`${url}/${replaced.id}`, keyOf(a), { method: 'DELETE' })).status, 404);
  assert.deepEqual(
    arcade.secretsOf(a).map(({ key }) => key),
    ['L'],
  );
});

test('an OAuth token works on its own project, by PUT and by both POSTs', async (t) => {
  const { arcade } = await world(t);
  const a = arcade.user('A');
  const { access_token } = arcade.issueTokens(a);
  const url = secretsUrl(arcade, a);
  const post = { method: 'POST', body: JSON.stringify({ key: 'C', value: '3' }) };
  assert.equal((await put(`${url}/A`, access_token, '1')).status, 200);
  assert.equal((await call(`${url}/B`, access_token, post)).status, 200);
  assert.equal((await call(url, access_token, post)).status, 201);
  const { body } = await call(url, access_token);
  assert.deepEqual(
    body.items.map(({ key }: { key: string }) => key),
    ['A', 'B', 'C'],
  );
  assert.deepEqual((await call(keySecretsUrl(arcade), keyOf(a))).body, body);
});

test('users are isolated from one another, and credentials from the path of the other kind', async (t) => {
  const { arcade } = await world(t);
  const [a, b] = [arcade.user('A'), arcade.user('B')];
  const tokens = { a: arcade.issueTokens(a).access_token, b: arcade.issueTokens(b).access_token };
  const legacy = keySecretsUrl(arcade);
  await put(`${legacy}/K`, keyOf(a), 'of-a');
  assert.deepEqual((await call(legacy, keyOf(b))).body.items, []);
  const shared = a.organizations[1];
  const sharedUrl = secretsUrl(arcade, a)
    .replace(contextOf(a).org_id, shared?.organization_id ?? '')
    .replace(contextOf(a).project_id, shared?.projects[0]?.project_id ?? '');
  await put(`${sharedUrl}/S`, tokens.a, 'of-both');

  for (const [url, bearer, status] of [
    [secretsUrl(arcade, a), tokens.b, 403],
    [sharedUrl, tokens.b, 200],
    [sharedUrl, arcade.issueTokens(arcade.user('C')).access_token, 403],
    [secretsUrl(arcade, a).replace(contextOf(a).project_id, 'nothing'), tokens.a, 404],
    [secretsUrl(arcade, a), keyOf(a), 401],
    [legacy, tokens.a, 401],
    [legacy, '', 401],
    [secretsUrl(arcade, a), arcade.issueTokens(a, { expiresInSeconds: -1 }).access_token, 401],
  ] as const) {
    assert.equal((await call(url, bearer)).status, status, `${url} with ${bearer}`);
  }
});

test('permissions and revocation take effect at once', async (t) => {
  const { arcade } = await world(t);
  const [a, b] = [arcade.user('A'), arcade.user('B')];
  const { access_token, refresh_token = '' } = arcade.issueTokens(a);
  arcade.setPermissions(a, { canWrite: false });
  const { status, body } = await put(`${secretsUrl(arcade, a)}/K`, access_token, 'v');
  assert.deepEqual({ status, body }, { status: 403, body: { name: 'forbidden', message: 'Forbidden' } });
  assert.equal((await call(secretsUrl(arcade, a), access_token)).status, 200);

  arcade.revoke(a);
  assert.equal((await call(secretsUrl(arcade, a), access_token)).status, 401);
  assert.equal((await call(keySecretsUrl(arcade), keyOf(a))).status, 401);
  assert.equal(arcade.stateOf(refresh_token), 'revoked');
  assert.equal((await call(keySecretsUrl(arcade), keyOf(b))).status, 200);
});

test('keys are decoded once, and a path with more segments is nothing', async (t) => {
  const { arcade } = await world(t);
  const a = arcade.user('A');
  const url = keySecretsUrl(arcade);
  const keys = ['Q?z', 'H#h', 'a/b', '../../v1/health', 'é ü', '100%', '%41', 'a+b'];
  for (const key of keys) await put(`${url}/${encodeURIComponent(key)}`, keyOf(a), 'v');
  assert.deepEqual(
    arcade.secretsOf(a).map(({ key }) => key),
    keys,
  );
  assert.equal(arcade.requests[3]?.path, '/v1/admin/secrets/..%2F..%2Fv1%2Fhealth');
  for (const [raw, status] of [
    ['a/b', 404],
    ['../../health', 405],
    ['../../v1/health', 404],
    ['', 404],
    ['%zz', 400],
  ] as const) {
    assert.equal((await put(`${url}/${raw}`, keyOf(a), 'v')).status, status, raw);
  }
  assert.equal(arcade.secretsOf(a).length, keys.length);
});

test('a bad body is 422, and a careless server repeats the secret in its error', async (t) => {
  const { arcade } = await world(t);
  const a = arcade.user('A');
  const url = `${keySecretsUrl(arcade)}/K`;
  for (const body of [
    '',
    '{',
    '[]',
    'null',
    '{"value":""}',
    '{"value":1}',
    '{"value":"v","description":1}',
  ]) {
    assert.equal((await call(url, keyOf(a), { method: 'PUT', body })).status, 422, body);
  }
  arcade.fault({ path: /\/K$/ }, { kind: 'status', status: 422 }, 2);
  assert.doesNotMatch((await put(url, keyOf(a), 'swordfish')).body.message, /swordfish/);
  arcade.settings.echoSecrets = true;
  assert.match((await put(url, keyOf(a), 'swordfish')).body.message, /swordfish/);
  assert.match((await put(url, 'wrong-key', 'swordfish')).body.message, /swordfish/);
  assert.deepEqual(arcade.secretsOf(a), []);
});

test('lists come in pages by offset when asked to, with the fields that the era has', async (t) => {
  const { arcade } = await world(t, { pageSize: 2, omit: ['description'] });
  const a = arcade.user('A');
  for (const key of ['1', '2', '3', '4', '5']) arcade.store(a, { key, value: `value-of-${key}` });
  const url = keySecretsUrl(arcade);
  const seen: string[] = [];
  for (const query of ['', '?offset=2', '?limit=100&offset=4', '?offset=6']) {
    const { items, ...rest } = (await call(`${url}${query}`, keyOf(a))).body;
    seen.push(`${items.map(({ key }: { key: string }) => key)} of ${JSON.stringify(rest)}`);
  }
  assert.deepEqual(seen, [
    '1,2 of {"limit":2,"offset":0,"page_count":2,"total_count":5}',
    '3,4 of {"limit":2,"offset":2,"page_count":2,"total_count":5}',
    '5 of {"limit":2,"offset":4,"page_count":1,"total_count":5}',
    ' of {"limit":2,"offset":6,"page_count":0,"total_count":5}',
  ]);
  const [first] = (await call(url, keyOf(a))).body.items;
  assert.deepEqual([first.hint, 'description' in first, 'value' in first], ['of-1', false, false]);
});

test('both listeners serve everything, go down, and come back with all they knew', async (t) => {
  const { arcade } = await world(t);
  const a = arcade.user('A');
  const { access_token } = arcade.issueTokens(a);
  arcade.store(a, { key: 'K', value: 'v' });
  await arcade.down();
  await assert.rejects(fetch(`${arcade.engine.url}/v1/health`));
  await assert.rejects(fetch(`${arcade.coordinator.url}/v1/health`));
  await arcade.up();
  assert.equal((await call(`${arcade.engine.url}/api/v1/auth/whoami`, access_token)).status, 200);
  const { body } = await call(`${arcade.coordinator.url}/v1/admin/secrets`, keyOf(a));
  assert.equal(body.items.length, 1);
});

test('every request is recorded, also one that was meant for another host', async (t) => {
  const { arcade } = await world(t);
  await put(`${arcade.coordinator.url}/v1/admin/secrets/a%2Fb?x=%20`, 'the-key', 'v');
  const [record] = arcade.requests;
  assert.deepEqual(
    [record?.listener, record?.method, record?.path, record?.query, record?.status],
    ['coordinator', 'PUT', '/v1/admin/secrets/a%2Fb', 'x=%20', 401],
  );
  assert.equal(record?.headers.authorization, 'Bearer the-key');
  assert.deepEqual(record?.json, { description: 'by a test', value: 'v' });
  assert.deepEqual(arcade.strangers(), []);

  for (const line of ['CONNECT us.i.posthog.com:443', 'GET http://api.arcade.dev/v1/health?q']) {
    const socket = connect(arcade.engine.port, '127.0.0.1');
    socket.end(`${line} HTTP/1.1\r\nhost: ignored\r\nconnection: close\r\n\r\n`);
    const chunks = await socket.toArray();
    assert.match(String(Buffer.concat(chunks)), /^HTTP\/1.1 403/);
  }
  assert.deepEqual(
    arcade.strangers().map(({ method, host, path, query }) => [method, host, path, query]),
    [
      ['CONNECT', 'us.i.posthog.com:443', '', ''],
      ['GET', 'api.arcade.dev', '/v1/health', 'q'],
    ],
  );
});
