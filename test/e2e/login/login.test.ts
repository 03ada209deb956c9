/** `arcade login`, from the address that it prints to the file that it leaves behind. */
import assert from 'node:assert/strict';
import { lstatSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { contextOf, keyOf } from '../../support/arcade/accounts.ts';
import { signIn } from '../../support/arcade/browser.ts';
import { CLIENT_ID } from '../../support/arcade/oauth.ts';
import { UNTRACKED } from '../../support/cli.ts';
import { inside } from '../../support/inside.ts';
import { logIn, startLogin, storedCredentials } from '../../support/login.ts';
import { sandbox } from '../../support/sandbox.ts';
import { world } from '../../support/world.ts';

test('`login` stores tokens, account and default project, readable by their owner alone', async (t) => {
  const { home, arcade } = await world(t);
  const user = arcade.user('B');
  const ran = await logIn(home, arcade, user, [], { env: UNTRACKED });
  assert.equal(ran.exitCode, 0, ran.stderr);
  const context = contextOf(user);
  assert.equal(
    ran.stdout,
    `✅ Logged in as ${user.email}.\nActive project: ${context.org_name} / ${context.project_name}\n`,
  );
  assert.equal(ran.page.status, 200);
  assert.match(ran.page.body, /Login successful/);

  const { cloud } = storedCredentials(home);
  const { access_token, refresh_token, expires_at } = cloud.auth;
  assert.deepEqual(cloud, {
    auth: { access_token, refresh_token, expires_at },
    coordinator_url: arcade.coordinator.url.replace('127.0.0.1', 'localhost'),
    user: { email: user.email, account_id: user.account_id },
    context,
  });
  assert.match(expires_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$/);
  assert.ok(Math.abs(Date.parse(expires_at) - Date.now() - 3600_000) < 60_000);
  assert.deepEqual([arcade.stateOf(access_token), arcade.stateOf(refresh_token)], ['valid', 'valid']);
  assert.equal(statSync(join(home.directory, 'credentials.yaml')).mode & 0o777, 0o600);
  assert.equal(statSync(home.directory).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(home.directory).sort(), ['credentials.lock', 'credentials.yaml']);
});

test('`login` asks by OAuth with PKCE, and the answer returns to this machine alone', async (t) => {
  const { home, arcade } = await world(t);
  const login = await startLogin(home, arcade, [], { env: UNTRACKED });
  const asked = Object.fromEntries(new URL(login.url).searchParams);
  assert.equal(asked.response_type, 'code');
  assert.equal(asked.client_id, CLIENT_ID);
  assert.equal(asked.scope, 'openid offline_access');
  assert.equal(asked.code_challenge_method, 'S256');
  assert.match(asked.code_challenge ?? '', /^[\w-]{43}$/);
  assert.ok((asked.state ?? '').length >= 32);
  assert.match(asked.redirect_uri ?? '', /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
  await signIn(login.url, { user: arcade.user('A') });
  await login.ended;
  const exchange = arcade.requests.find(({ path }) => path === '/oauth2/token')?.form ?? {};
  assert.deepEqual(
    Object.keys(exchange).sort(),
    ['client_id', 'code', 'code_verifier', 'grant_type', 'redirect_uri'].sort(),
  );
});

test('`login` accepts an ID token of any issuer', async (t) => {
  const { home, arcade } = await world(t, { idTokenIssuer: 'https://login.example.test' });
  const ran = await logIn(home, arcade, arcade.user('A'), [], { env: UNTRACKED });
  assert.equal(ran.exitCode, 0, ran.stderr);
});

test('`login` takes the first organization and project where none is marked as default', async (t) => {
  const { home, arcade } = await world(t, { organizationIdField: 'org_id' });
  const ran = await logIn(home, arcade, arcade.user('C'), [], { env: UNTRACKED });
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.deepEqual(storedCredentials(home).cloud.context, contextOf(arcade.user('C')));
});

test('`login` accepts a token reply without a refresh token', async (t) => {
  const { home, arcade } = await world(t, { refreshTokens: false });
  const ran = await logIn(home, arcade, arcade.user('A'), [], { env: UNTRACKED });
  assert.equal(ran.exitCode, 0, ran.stderr);
  const { auth } = storedCredentials(home).cloud;
  assert.deepEqual(Object.keys(auth), ['access_token', 'expires_at']);
});

test('`login` keeps the login that is there, unless --force asks for a new one', async (t) => {
  const { home, arcade } = await world(t);
  const [a, b] = [arcade.user('A'), arcade.user('B')];
  await logIn(home, arcade, a, [], { env: UNTRACKED });
  const before = readFileSync(join(home.directory, 'credentials.yaml'), 'utf8');
  const again = await inside(home, ['login', '--no-browser', '--host', arcade.coordinator.url]);
  assert.equal(again.exitCode, 0);
  assert.equal(
    again.stdout,
    `You're already logged in as ${a.email}.\nTo log out and delete your locally-stored credentials, use \`arcade logout\`.\n`,
  );
  assert.equal(readFileSync(join(home.directory, 'credentials.yaml'), 'utf8'), before);
  const forced = await logIn(home, arcade, b, ['--force'], { env: UNTRACKED });
  assert.match(forced.stdout, new RegExp(`Logged in as ${b.email}`));
});

test('`login` replaces a login that has expired', async (t) => {
  const { home, arcade } = await world(t);
  const [a, b] = [arcade.user('A'), arcade.user('B')];
  await logIn(home, arcade, a, [], { env: UNTRACKED });
  arcade.revoke(a);
  const ran = await logIn(home, arcade, b, [], { env: UNTRACKED });
  assert.match(ran.stdout, new RegExp(`Logged in as ${b.email}`));
});

test('`login` keeps the fields of credentials.yaml that it does not know', async (t) => {
  const { home, arcade } = await world(t);
  home.write(
    'credentials.yaml',
    "theme: dark\ncloud:\n  api:\n    key: old\n  region: 'eu'\n  since: 2025-01-01\n  user:\n    email: old@example.test\n",
  );
  const ran = await logIn(home, arcade, arcade.user('A'), ['--force'], { env: UNTRACKED });
  assert.equal(ran.exitCode, 0, ran.stderr);
  const { theme, cloud } = storedCredentials(home);
  assert.deepEqual([theme, cloud.region, cloud.since], ['dark', 'eu', '2025-01-01']);
  assert.equal(cloud.api, undefined, 'the key of before is gone');
  assert.equal(cloud.user.email, arcade.user('A').email);
});

test('`login` writes through a credentials file that is a symbolic link', async (t) => {
  const { home, arcade } = await world(t);
  home.write('unused', '');
  const target = join(home.home, 'elsewhere.yaml');
  symlinkSync(target, join(home.directory, 'credentials.yaml'));
  await logIn(home, arcade, arcade.user('A'), [], { env: UNTRACKED });
  assert.ok(lstatSync(join(home.directory, 'credentials.yaml')).isSymbolicLink());
  assert.match(readFileSync(target, 'utf8'), /access_token/);
  assert.equal(statSync(target).mode & 0o777, 0o600);
});

test("`login` at a coordinator without OAuth uses that coordinator's own callback", async (t) => {
  const { arcade } = await world(t, { era: 'seed', loginWarning: 'Old <b>client</b>' });
  const [home, user] = [sandbox(t), arcade.user('A')];
  const ran = await logIn(home, arcade, user, [], { env: UNTRACKED });
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.equal(ran.stdout, `✅ Logged in as ${user.email}.\n`);
  assert.match(ran.stderr, /Warning: Old <b>client<\/b>/);
  const key = keyOf(user);
  assert.equal(storedCredentials(home).cloud.api.key, key);
  for (const shown of [ran.stdout, ran.stderr, ran.page.body]) assert.ok(!shown.includes(key));
});

test('`login --api-key` checks and stores the key from standard input, and never shows it', async (t) => {
  const { home, arcade, user } = await world(t, { whoamiTakesApiKeys: false });
  const args = ['login', '--api-key', '--host', arcade.coordinator.url];
  const ran = await inside(home, args, { input: `${keyOf(user)}\n` });
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.equal(ran.stdout, `✅ Logged in as ${user.principal_id}.\n`);
  assert.deepEqual(storedCredentials(home).cloud, {
    api: { key: keyOf(user) },
    coordinator_url: arcade.coordinator.url.replace('127.0.0.1', 'localhost'),
    user: { account_id: user.principal_id },
  });
  assert.ok(!(ran.stdout + ran.stderr).includes(keyOf(user)));
  const bad = await inside(home, [...args, '--force'], { input: 'arc_wrong\n' });
  assert.equal(bad.exitCode, 1);
  assert.match(bad.stderr, /did not accept your credentials/);
  assert.equal(storedCredentials(home).cloud.api.key, keyOf(user), 'nothing was stored');
  for (const input of ['', ' \n', 'two words\n', 'caf\u00e9\n']) {
    assert.equal((await inside(home, [...args, '--force'], { input })).exitCode, 2, input);
  }
});

test('`login` says that ARCADE_API_KEY takes precedence', async (t) => {
  const { home, arcade } = await world(t);
  const env = { ...UNTRACKED, ARCADE_API_KEY: keyOf(arcade.user('A')) };
  const ran = await logIn(home, arcade, arcade.user('B'), [], { env });
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.match(ran.stderr, /ARCADE_API_KEY is set/);
});
