/** Logins that cannot succeed: each says why in one line, exits 1 and stores nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorize, signIn } from '../../support/arcade/browser.ts';
import { UNTRACKED } from '../../support/cli.ts';
import { inside } from '../../support/inside.ts';
import { assertFailed, logIn, refused, startLogin } from '../../support/login.ts';
import { sandbox } from '../../support/sandbox.ts';
import { world } from '../../support/world.ts';

const CONFIG = /cli_config$/;
const TOKEN = /oauth2\/token$/;
const WHOAMI = /whoami$/;

const config = (authorization_endpoint: string, token_endpoint: string) =>
  ({ kind: 'wrong-json', body: { client_id: 'x', authorization_endpoint, token_endpoint } }) as const;

test('`login` fails where the coordinator cannot say how to sign in', async (t) => {
  const { arcade } = await world(t);
  const at = /Could not connect to Arcade at http:\/\/localhost:\d+\. .*/.source;
  const cases = [
    [{ kind: 'status', status: 500 }, /failed \(500\)/],
    [{ kind: 'status', status: 403 }, /denied permission/],
    [{ kind: 'status', status: 429, headers: { 'retry-after': '45' } }, /too many requests \(429\)/],
    [{ kind: 'html' }, /a web page/],
    [{ kind: 'redirect', location: 'https://portal.example.test/' }, /a redirect \(302\)/],
    [{ kind: 'truncated' }, /invalid JSON/],
    [{ kind: 'wrong-json' }, /something else/],
    [config('y', 'z'), /something else/],
    [config('javascript:alert(1)', 'ftp://z'), /something else/],
    [config('https://cloud.arcade.dev/a', 'https://cloud.arcade.dev/t'), /sends sign-ins to another host/],
  ] as const;
  for (const [fault, message] of cases) {
    const home = sandbox(t);
    arcade.clearFaults();
    arcade.fault({ path: CONFIG }, fault, Number.POSITIVE_INFINITY);
    assertFailed(home, await refused(home, arcade), new RegExp(at + message.source));
  }
  assert.deepEqual(arcade.strangers(), []);
});

test('`login` fails where the coordinator is down', async (t) => {
  const { home, arcade } = await world(t);
  await arcade.down();
  assertFailed(home, await refused(home, arcade), /Could not connect to Arcade at .*refused/);
});

test('`login` waits for a slow coordinator, and gives up on one that never answers', async (t) => {
  const { arcade: slow } = await world(t, { latencyMs: 500 });
  assert.equal((await logIn(sandbox(t), slow, slow.user('A'), [], { env: UNTRACKED })).exitCode, 0);
  const { home, arcade } = await world(t);
  arcade.fault({ path: CONFIG }, { kind: 'hang' });
  assertFailed(home, await refused(home, arcade), /Could not connect to Arcade at .* did not answer in time/);
});

test('`login` opens no browser for a web server that is not a coordinator', async (t) => {
  const { home, arcade } = await world(t);
  arcade.fault({}, { kind: 'html', status: 404 }, Number.POSITIVE_INFINITY);
  assertFailed(home, await refused(home, arcade), /no Arcade coordinator/);
});

test('`login` sends no API key in addresses where a host of Arcade’s own says it has no OAuth', async (t) => {
  const { home, arcade } = await world(t);
  arcade.fault({}, { kind: 'status', status: 404 }, Number.POSITIVE_INFINITY);
  for (const host of ['http://cloud.arcade.dev', 'http://login.staging.arcade.dev']) {
    const args = ['login', '--no-browser', '--timeout', '0.1', '--host', host];
    const ran = await inside(home, args, { env: { HTTP_PROXY: arcade.url } });
    assertFailed(home, ran, /There is no Arcade coordinator at http:/);
  }
  assert.deepEqual(
    arcade.strangers().map(({ path }) => path),
    Array(2).fill('/api/v1/auth/cli_config'),
  );
});

test('`login` that is declined says so', async (t) => {
  for (const era of ['newest', 'seed'] as const) {
    const { home, arcade } = await world(t, { era });
    const login = await startLogin(home, arcade, [], { env: UNTRACKED });
    const page = await signIn(login.url, { user: arcade.user('A'), deny: true });
    assert.equal(page.status, 400);
    assert.match(page.body, /Login failed/);
    const message = era === 'seed' ? /No credentials received/ : /Login denied: The request was denied/;
    assertFailed(home, await login.ended, message);
  }
});

test('`login` shows on its error page what the server says, and runs none of it', async (t) => {
  const { home, arcade } = await world(t);
  const login = await startLogin(home, arcade, [], { env: UNTRACKED });
  const query = new URLSearchParams({
    state: login.state,
    error: 'server_error',
    error_description: '<script>alert(1)</script>\u001b[2J"\'&',
  });
  const shown = await fetch(`${login.callback}?${query}`);
  assert.equal(shown.status, 400);
  const html = await shown.text();
  assert.ok(!html.includes('<script'));
  assert.match(html, /&lt;script&gt;alert\(1\)/);
  const ran = await login.ended;
  assert.ok(!ran.stderr.includes('\u001b'), 'nothing that a terminal obeys');
  assertFailed(home, ran, /Login failed: <script>/);
});

test('`login` fails with a code that was used before, and with one changed on its way', async (t) => {
  for (const how of ['used', 'changed', 'another challenge'] as const) {
    const { home, arcade } = await world(t, { echoSecrets: true });
    const login = await startLogin(home, arcade, [], { env: UNTRACKED });
    const opened = new URL(login.url);
    if (how === 'another challenge') opened.searchParams.set('code_challenge', 'x'.repeat(43));
    const back = new URL(await authorize(opened.href, { user: arcade.user('A') }));
    const code = back.searchParams.get('code') ?? '';
    if (how === 'used') {
      const form = {
        grant_type: 'authorization_code',
        client_id: 'arcade-cli',
        code,
        redirect_uri: `${login.callback}`,
        code_verifier: 'x'.repeat(43),
      };
      await fetch(`${arcade.coordinator.url}/oauth2/token`, {
        method: 'POST',
        body: new URLSearchParams(form),
      });
    }
    if (how === 'changed') back.searchParams.set('code', 'another');
    assert.equal((await fetch(back)).status, 400);
    const ran = await login.ended;
    assertFailed(home, ran, /did not accept the authorization code \(invalid_grant\)/);
    assert.ok(!ran.stderr.includes(code), 'the code is not shown');
  }
});

test('`login` fails where the token endpoint or whoami fails', async (t) => {
  const cases = [
    [TOKEN, { kind: 'status', status: 503 }, /failed \(503\)/],
    [TOKEN, { kind: 'html' }, /a web page/],
    [TOKEN, { kind: 'wrong-json', body: { access_token: 7 } }, /an invalid login response/],
    [TOKEN, { kind: 'reset' }, /connection was lost/],
    [WHOAMI, { kind: 'status', status: 500 }, /failed \(500\)/],
    [WHOAMI, { kind: 'status', status: 401 }, /did not accept your credentials/],
    [WHOAMI, { kind: 'html' }, /a web page/],
    [WHOAMI, { kind: 'wrong-json', body: { data: null } }, /something else/],
    [WHOAMI, { kind: 'wrong-json', body: { data: { organizations: [{}] } } }, /something else/],
    [
      WHOAMI,
      { kind: 'wrong-json', body: { data: { account_id: 'x' } } },
      /No organizations found for your account\. Please contact support@arcade\.dev/,
    ],
    [
      WHOAMI,
      {
        kind: 'wrong-json',
        body: { data: { account_id: 'x', organizations: [{ org_id: 'o', name: 'Mine' }] } },
      },
      /No projects found in organization 'Mine'\. Please contact support@arcade\.dev/,
    ],
  ] as const;
  const { arcade } = await world(t);
  for (const [path, fault, message] of cases) {
    const home = sandbox(t);
    arcade.clearFaults();
    arcade.fault({ path }, fault, Number.POSITIVE_INFINITY);
    const ran = await logIn(home, arcade, arcade.user('A'), [], { env: UNTRACKED });
    assertFailed(home, ran, message);
    assert.equal(ran.page.status, 400, 'the browser is told too');
    assert.ok(!ran.page.body.includes('successful'));
  }
});

test('`login` gives up when the browser does not return in time', async (t) => {
  const { home, arcade } = await world(t);
  const login = await startLogin(home, arcade, ['--timeout', '0.2'], { env: UNTRACKED });
  assertFailed(home, await login.ended, /Timed out waiting for the login callback after 0\.2s/);
  const byVariable = { ...UNTRACKED, ARCADE_LOGIN_TIMEOUT_SECONDS: '1' };
  const other = await startLogin(home, arcade, ['--timeout', '0'], { env: byVariable });
  assertFailed(home, await other.ended, /Timed out waiting for the login callback after 1s/);
  const wrong = await refused(home, arcade, ['--timeout', 'soon']);
  assert.equal(wrong.exitCode, 2);
});
