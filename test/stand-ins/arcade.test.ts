/**
 * What the stand-in for Arcade judges the program by: OAuth's rules, who may see what, which hosts were asked. Were it
 * lenient there, no other test would notice; all else that it does, the tests of the commands show.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { test } from 'node:test';
import { contextOf, keyOf, type User } from '../support/arcade/accounts.ts';
import { authorize } from '../support/arcade/browser.ts';
import { CLIENT_ID } from '../support/arcade/oauth.ts';
import type { Arcade } from '../support/arcade.ts';
import { world } from '../support/world.ts';

/** An answer; its body parsed when it says that it is JSON. */
interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads from it is a shape that it asserts
  readonly body: any;
}

async function call(url: string, bearer = '', init: RequestInit = {}): Promise<Answer> {
  const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
  const response = await fetch(url, { headers, ...init });
  const text = await response.text();
  const isJson = response.headers.get('content-type') === 'application/json';
  return { status: response.status, body: isJson ? JSON.parse(text) : text };
}

const put = (url: string, bearer: string, value: string): Promise<Answer> =>
  call(url, bearer, { method: 'PUT', body: JSON.stringify({ value }) });
const postForm = (url: string, form: Record<string, string>): Promise<Answer> =>
  call(url, '', { method: 'POST', body: new URLSearchParams(form), headers: {} });
/** Where API keys find their secrets. */
const keySecretsUrl = (arcade: Arcade): string => `${arcade.engine.url}/v1/admin/secrets`;

/** Where the user's OAuth tokens find the secrets of their default project. */
function secretsUrl(arcade: Arcade, user: User): string {
  const { org_id, project_id } = contextOf(user);
  return `${arcade.engine.url}/v1/orgs/${org_id}/projects/${project_id}/secrets`;
}

/** The first half of a login: the form for the token endpoint, and the URL that a browser would open. */
async function beginLogin(arcade: Arcade, changes: Record<string, string> = {}) {
  const { body: config } = await call(`${arcade.coordinator.url}/api/v1/auth/cli_config`);
  const code_verifier = randomBytes(48).toString('base64url');
  const code_challenge = createHash('sha256').update(code_verifier).digest('base64url');
  const client = { client_id: config.client_id, redirect_uri: 'http://127.0.0.1:9905/callback' };
  const asked = { response_type: 'code', state: 's1', scope: 'openid offline_access' };
  const pkce = { code_challenge, code_challenge_method: 'S256' };
  const query = new URLSearchParams({ ...client, ...asked, ...pkce, ...changes });
  const form = { ...client, grant_type: 'authorization_code', code_verifier };
  return { url: `${config.authorization_endpoint}?${query}`, form, tokenEndpoint: config.token_endpoint };
}

/** A whole login, and what the token endpoint said; `form` changes what is sent to it. */
async function login(arcade: Arcade, user: User, form: Record<string, string> = {}) {
  const begun = await beginLogin(arcade);
  const callback = new URL(await authorize(begun.url, { user }));
  const code = callback.searchParams.get('code') ?? '';
  const sent = { ...begun.form, code, ...form };
  return { ...begun, callback, sent, answer: await postForm(begun.tokenEndpoint, sent) };
}

const refresh = ({ coordinator }: Arcade, refresh_token: string): Promise<Answer> =>
  postForm(`${coordinator.url}/oauth2/token`, {
    grant_type: 'refresh_token',
    refresh_token,
    client_id: CLIENT_ID,
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
