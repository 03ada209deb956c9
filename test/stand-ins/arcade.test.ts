/**
 * What the stand-in for Arcade judges the program by: OAuth's rules, who may see what, which hosts were asked. Were it
 * lenient there, no other test would notice; all else that it does, the tests of the commands show.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { contextOf } from '../support/arcade/accounts.ts';
import { authorize } from '../support/arcade/browser.ts';
import {
  beginLogin,
  call,
  keyOf,
  keySecretsUrl,
  login,
  postForm,
  put,
  refresh,
  secretsUrl,
} from '../support/arcade/client.ts';
import { world } from '../support/world.ts';

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
  arcade.revoke(a);
  assert.equal((await call(secretsUrl(arcade, a), tokens.a)).status, 401);
  assert.equal((await call(legacy, keyOf(a))).status, 401);
});

test('a careless server repeats the secret in its error', async (t) => {
  const { arcade, user } = await world(t, { echoSecrets: true });
  const url = `${keySecretsUrl(arcade)}/K`;
  arcade.fault({}, { kind: 'status', status: 422 });
  assert.match((await put(url, keyOf(user), 'swordfish')).body.message, /swordfish/);
  assert.match((await put(url, 'wrong-key', 'swordfish')).body.message, /swordfish/);
});

test('what was meant for another host is noted as that', async (t) => {
  const { arcade } = await world(t);
  await call(`${arcade.coordinator.url}/v1/health`);
  assert.deepEqual(arcade.strangers(), []);
  for (const line of ['CONNECT us.i.posthog.com:443', 'GET http://api.arcade.dev/v1/health?q']) {
    const socket = connect(arcade.engine.port, '127.0.0.1');
    socket.end(`${line} HTTP/1.1\r\nhost: ignored\r\nconnection: close\r\n\r\n`);
    assert.match(String(Buffer.concat(await socket.toArray())), /^HTTP\/1.1 403/);
  }
  const hosts = arcade.strangers().map(({ method, host, path }) => `${method} ${host}${path}`);
  assert.deepEqual(hosts, ['CONNECT us.i.posthog.com:443', 'GET api.arcade.dev/v1/health']);
});

test('the authorization endpoint refuses what OAuth refuses', async (t) => {
  const { arcade, user } = await world(t, { redirectPorts: [9905] });
  for (const changes of [
    { client_id: 'stranger' },
    { redirect_uri: 'http://example.com/callback' },
    { redirect_uri: 'http://127.0.0.1:9906/callback' },
    { redirect_uri: 'https://127.0.0.1:9905/callback' },
  ]) {
    const { url } = await beginLogin(arcade, changes);
    assert.equal((await fetch(url, { redirect: 'manual' })).status, 400, JSON.stringify(changes));
  }
  for (const [changes, error] of [
    [{ code_challenge: '' }, 'invalid_request'],
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ response_type: 'token' }, 'unsupported_response_type'],
  ] as const) {
    const { url } = await beginLogin(arcade, changes);
    assert.equal(new URL(await authorize(url, { user })).searchParams.get('error'), error);
  }
});

test('the token endpoint checks client, verifier and redirect URI, and a code is good for one try', async (t) => {
  const { arcade, user } = await world(t);
  for (const [form, error] of [
    [{ client_id: 'stranger' }, 'invalid_client'],
    [{ code: 'made-up' }, 'invalid_grant'],
    [{ code_verifier: 'x'.repeat(43) }, 'invalid_grant'],
    [{ redirect_uri: 'http://127.0.0.1:9906/callback' }, 'invalid_grant'],
    [{ grant_type: 'password' }, 'unsupported_grant_type'],
  ] as const) {
    assert.equal((await login(arcade, user, form)).answer.body.error, error, JSON.stringify(form));
  }
  const begun = await login(arcade, user, { code_verifier: 'x'.repeat(43) });
  const again = { ...begun.sent, code_verifier: begun.form.code_verifier };
  assert.equal((await postForm(begun.tokenEndpoint, again)).body.error, 'invalid_grant');
});

test('a code used twice revokes what it yielded', async (t) => {
  const { arcade, user } = await world(t);
  const { answer, sent, tokenEndpoint } = await login(arcade, user);
  assert.equal(answer.status, 200);
  assert.equal((await postForm(tokenEndpoint, sent)).body.error, 'invalid_grant');
  assert.equal(arcade.stateOf(answer.body.access_token), 'revoked');
});

test('refresh tokens rotate, and one used again ends that login but no other', async (t) => {
  const { arcade, user } = await world(t);
  const { body: first } = (await login(arcade, user)).answer;
  const other = arcade.issueTokens(user);
  const { body: second } = await refresh(arcade, first.refresh_token);
  assert.notEqual(second.refresh_token, first.refresh_token);
  assert.equal(arcade.stateOf(first.access_token), 'valid');
  assert.equal(arcade.stateOf(first.refresh_token), 'spent');

  // Two at once: whoever comes second ends the login, though neither meant harm.
  const racing = await Promise.all([1, 2].map(() => refresh(arcade, second.refresh_token)));
  assert.deepEqual(racing.map(({ status }) => status).sort(), [200, 400]);
  const winner = racing.find(({ status }) => status === 200)?.body;
  for (const token of [first.access_token, second.access_token, winner.access_token, winner.refresh_token]) {
    assert.equal(arcade.stateOf(token), 'revoked');
  }
  assert.equal(arcade.stateOf(other.access_token), 'valid');
});
