/** The stand-in for Arcade signs people in the way both eras do, and enforces OAuth's rules. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorize, signIn } from '../support/arcade/browser.ts';
import {
  type Answer,
  beginLogin,
  call,
  keyOf,
  login,
  postForm,
  REDIRECT_URI,
  refresh,
  secretsUrl,
} from '../support/arcade/client.ts';
import { CLIENT_ID } from '../support/arcade/oauth.ts';
import { world } from '../support/world.ts';

test('a login with PKCE yields tokens whose owner whoami knows', async (t) => {
  const { arcade } = await world(t);
  const b = arcade.user('B');
  const { answer, callback } = await login(arcade, b);
  assert.equal(callback.origin + callback.pathname, REDIRECT_URI);
  assert.equal(callback.searchParams.get('state'), 's1');
  const fields = 'access_token expires_in id_token refresh_token scope token_type';
  assert.deepEqual(Object.keys(answer.body).sort(), fields.split(' '));
  const claims = claimsIn(answer.body.access_token);
  assert.deepEqual([claims.sub, claims.email], [b.account_id, b.email]);
  assert.ok(Math.abs(claims.exp - Date.now() / 1000 - answer.body.expires_in) < 5);

  const api = `${arcade.coordinator.url}/api/v1`;
  const { data } = (await call(`${api}/auth/whoami`, answer.body.access_token)).body;
  const organizations = b.organizations.map(({ projects: _, ...shown }) => shown);
  const projects = b.organizations[0]?.projects;
  assert.deepEqual(data, { account_id: b.account_id, email: b.email, organizations, projects });
  const org = b.organizations[0]?.organization_id ?? '';
  const list = async (path: string): Promise<Answer['body']> =>
    (await call(`${api}${path}`, answer.body.access_token)).body;
  assert.deepEqual(await list('/orgs'), { data: { items: organizations } });
  assert.deepEqual(await list(`/orgs/${org}/projects`), { data: { items: projects } });
  assert.equal((await call(`${api}/orgs/nothing/projects`, answer.body.access_token)).status, 403);
  assert.equal((await call(`${api}/orgs`, keyOf(b))).status, 401);
  arcade.settings.organizationIdField = 'org_id';
  assert.equal((await list('/orgs')).data.items[0].org_id, org);
});

test('whoami may take API keys, and validate takes nothing else', async (t) => {
  const { arcade } = await world(t);
  const [a, url] = [arcade.user('A'), `${arcade.coordinator.url}/api/v1/auth`];
  assert.equal((await call(`${url}/whoami`, keyOf(a))).body.data.email, a.email);
  arcade.settings.whoamiTakesApiKeys = false;
  assert.equal((await call(`${url}/whoami`, keyOf(a))).status, 401);
  assert.deepEqual((await call(`${url}/validate`, keyOf(a))).body, {
    data: { principal_id: a.principal_id },
  });
  assert.equal((await call(`${url}/validate`, arcade.issueTokens(a).access_token)).status, 401);
});

test('the authorization endpoint refuses what OAuth refuses', async (t) => {
  const { arcade } = await world(t, { redirectPorts: [9905] });
  const user = arcade.user('A');
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
  const denied = new URL(await authorize((await beginLogin(arcade)).url, { user, deny: true }));
  assert.deepEqual(
    [denied.searchParams.get('error'), denied.searchParams.get('state')],
    ['access_denied', 's1'],
  );
});

test('the token endpoint checks client, verifier and redirect URI, and a code is good for one try', async (t) => {
  const { arcade } = await world(t);
  for (const [form, error] of [
    [{ client_id: 'stranger' }, 'invalid_client'],
    [{ code: 'made-up' }, 'invalid_grant'],
    [{ code_verifier: 'x'.repeat(43) }, 'invalid_grant'],
    [{ redirect_uri: 'http://127.0.0.1:9906/callback' }, 'invalid_grant'],
    [{ grant_type: 'password' }, 'unsupported_grant_type'],
  ] as const) {
    assert.equal(
      (await login(arcade, arcade.user('A'), form)).answer.body.error,
      error,
      JSON.stringify(form),
    );
  }
  const begun = await login(arcade, arcade.user('A'), { code_verifier: 'x'.repeat(43) });
  const again = { ...begun.sent, code_verifier: begun.form.code_verifier };
  assert.equal((await postForm(begun.tokenEndpoint, again)).body.error, 'invalid_grant');
});

test('a code used twice revokes what it yielded', async (t) => {
  const { arcade } = await world(t);
  const { answer, sent, tokenEndpoint } = await login(arcade, arcade.user('A'));
  assert.equal(answer.status, 200);
  assert.equal((await postForm(tokenEndpoint, sent)).body.error, 'invalid_grant');
  assert.equal(arcade.stateOf(answer.body.access_token), 'revoked');
  assert.equal((await refresh(arcade, answer.body.refresh_token)).status, 400);
});

test('refresh tokens rotate, and one used again ends that login but no other', async (t) => {
  const { arcade } = await world(t);
  const a = arcade.user('A');
  const { body: first } = (await login(arcade, a)).answer;
  const other = arcade.issueTokens(a);
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

test('servers that rotate nothing, or hand out no refresh token, exist too', async (t) => {
  const { arcade } = await world(t, { refreshReply: 'none', expiresInSeconds: 60 });
  const { refresh_token } = (await login(arcade, arcade.user('A'))).answer.body;
  const { body } = await refresh(arcade, refresh_token);
  assert.deepEqual(['refresh_token' in body, body.expires_in], [false, 60]);
  arcade.settings.refreshReply = 'same';
  assert.equal((await refresh(arcade, refresh_token)).body.refresh_token, refresh_token);
  Object.assign(arcade.settings, { refreshTokens: false, idTokenIssuer: 'https://id.example.test/' });
  const { answer } = await login(arcade, arcade.user('A'));
  assert.equal('refresh_token' in answer.body, false);
  assert.equal(claimsIn(answer.body.id_token).iss, 'https://id.example.test/');
});

test('metadata advertise the revocation endpoint, which ends a login', async (t) => {
  const { arcade } = await world(t, { metadata: ['openid'] });
  const wellKnown = `${arcade.coordinator.url}/.well-known`;
  assert.equal((await call(`${wellKnown}/oauth-authorization-server`)).status, 404);
  const { body } = await call(`${wellKnown}/openid-configuration`);
  assert.equal(body.issuer, arcade.coordinator.url);
  const { access_token, refresh_token = '' } = arcade.issueTokens(arcade.user('A'));
  const form = { token: refresh_token, client_id: CLIENT_ID };
  assert.equal((await postForm(body.revocation_endpoint, form)).status, 200);
  assert.equal(arcade.stateOf(access_token), 'revoked');
  arcade.settings.revocation = false;
  assert.equal((await postForm(body.revocation_endpoint, form)).status, 404);
  assert.equal('revocation_endpoint' in (await call(`${wellKnown}/openid-configuration`)).body, false);
});

test('the seed era signs in with an API key in the redirect and knows nothing newer', async (t) => {
  const { arcade } = await world(t, { era: 'seed', loginWarning: 'old & tired' });
  const b = arcade.user('B');
  const query = new URLSearchParams({ callback_uri: `${arcade.url}/v1/health`, state: 'xyz' });
  const url = `${arcade.url}/api/v1/auth/cli_login?${query}`;
  const callback = new URL(await authorize(url, { user: b }));
  const carried = { state: 'xyz', api_key: keyOf(b), email: b.email, warning: 'old & tired' };
  assert.deepEqual(Object.fromEntries(callback.searchParams), carried);
  const denied = new URL(await authorize(url, { user: b, deny: true }));
  assert.deepEqual(Object.fromEntries(denied.searchParams), { state: 'xyz' });
  assert.deepEqual(await signIn(url, { user: b }), { status: 200, body: '{"healthy":true}' });

  const newer = ['/api/v1/auth/cli_config', '/api/v1/auth/whoami', '/api/v1/orgs', '/oauth2/authorize'];
  for (const path of [
    ...newer,
    '/.well-known/openid-configuration',
    new URL(secretsUrl(arcade, b)).pathname,
  ]) {
    assert.equal((await call(`${arcade.url}${path}`, keyOf(b))).status, 404, path);
  }
  assert.equal((await call(`${arcade.url}/api/v1/auth/validate`, keyOf(b))).status, 200);
  arcade.settings.era = 'newest';
  assert.equal((await fetch(url)).status, 404);
  assert.equal((await call(`${arcade.url}/api/v1/auth/cli_config`)).status, 200);
});

function claimsIn(token: string): Record<string, unknown> & { exp: number } {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}
