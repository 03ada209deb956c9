/** The server to which the browser returns, and what is kept of what a token endpoint says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openCallback } from '../../src/auth/callback.ts';
import { askWhoami } from '../../src/auth/coordinator.ts';
import { findSignInServer, oauthLogin, redeemRefreshToken } from '../../src/auth/oauth.ts';
import { authFields } from '../../src/auth/store.ts';
import { world } from '../support/world.ts';

const PAGE = { status: 200, title: 'Done', text: 'Done.' };

test('a code that holds a question mark arrives whole', async () => {
  const signal = new AbortController().signal;
  const callback = await openCallback({ port: 0, state: 's', signal, onStray: () => undefined });
  const arrival = callback.wait('http://127.0.0.1:1/', 5);
  const page = fetch(`${callback.redirectUri}?code=a?b&state=s`);
  assert.equal((await arrival).get('code'), 'a?b');
  await callback.close(PAGE);
  assert.equal((await page).status, 200);
});

test('a life of tokens that no date can hold is a year', async (t) => {
  const { arcade } = await world(t);
  const tokens = arcade.issueTokens(arcade.user('A'));
  const server = await findSignInServer(arcade.coordinator.url, performance.now() + 5_000);
  assert.ok(server !== undefined);
  const body = { access_token: 'new', token_type: 'Bearer', expires_in: 1e300 };
  arcade.fault({ path: /oauth2\/token$/ }, { kind: 'wrong-json', body });
  const deadline = performance.now() + 5_000;
  const granted = await redeemRefreshToken(server, tokens.refresh_token ?? '', deadline, assert.fail);
  const leftDays = (granted.expiresAt - Date.now()) / 86_400_000;
  assert.ok(leftDays > 364 && leftDays <= 365, `${leftDays} days`);
  assert.match(String(authFields(granted).expires_at), /^\d{4}-/);
});

test('a sign-in that another host says was made there sends its code nowhere', async (t) => {
  const { arcade } = await world(t);
  const found = await findSignInServer(arcade.coordinator.url, performance.now() + 5_000);
  assert.ok(found !== undefined);
  // What the coordinator says of its issuer counts for nothing: it may be the one who leads people astray.
  for (const issuer of [null, 'https://cloud.arcade.dev'])
    for (const iss of [
      'https://cloud.arcade.dev',
      'https://cloud.arcade.dev./',
      'https://other.example.com',
      'x',
    ]) {
      const login = await oauthLogin({ ...found, issuer }, 'http://127.0.0.1:9905/callback', 's');
      const callback = new URLSearchParams({ code: 'c', state: 's', iss });
      await assert.rejects(
        login.redeem(callback),
        /^UserError: Login failed: the sign-in came from a host that/,
      );
    }
  // Its own host, and yet not the issuer that the coordinator's configuration names.
  const login = await oauthLogin(
    { ...found, issuer: arcade.coordinator.url },
    'http://127.0.0.1:9905/callback',
    's',
  );
  const callback = new URLSearchParams({ code: 'c', state: 's', iss: 'http://localhost:1' });
  await assert.rejects(login.redeem(callback), {
    code: 'UNEXPECTED_ANSWER',
    message: /an invalid login response/,
  });
  assert.deepEqual(
    arcade.requests.filter(({ path }) => path.endsWith('/token')),
    [],
  );
});

test('whoami takes blank and odd fields for absent', async (t) => {
  const { arcade } = await world(t);
  const data = { account_id: ' ', principal_id: 'p', email: 7, organizations: 'none', projects: null };
  arcade.fault({ path: /whoami$/ }, { kind: 'wrong-json', body: { data } });
  const owner = await askWhoami(arcade.coordinator.url, 'token');
  assert.deepEqual(owner, { accountId: 'p', email: null, organizations: [], projects: [] });
});
