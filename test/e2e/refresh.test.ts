/** A login that is about to expire is renewed, by one command, without losing it. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { contextOf } from '../support/arcade/accounts.ts';
import { started } from '../support/arcade/client.ts';
import type { Arcade } from '../support/arcade.ts';
import { arcade as run, startArcadeCli } from '../support/cli.ts';
import { storedCredentials } from '../support/login.ts';
import { type Sandbox, sandbox } from '../support/sandbox.ts';
import { until } from '../support/until.ts';

const OFF = { ARCADE_USAGE_TRACKING: '0' };
const TOKEN = /oauth2\/token$/;

interface Prepared {
  readonly expiresInSeconds: number;
  readonly withRefresh?: boolean;
}

function signedIn(home: Sandbox, arcade: Arcade, request: Prepared) {
  const user = arcade.user('A');
  const tokens = arcade.issueTokens(user, request);
  const context = { ...contextOf(user) };
  home.signInWithTokens({ tokens, email: user.email, coordinatorUrl: arcade.coordinator.url, context });
  return tokens;
}

const list = (home: Sandbox, arcade: Arcade, env: Record<string, string> = {}) =>
  run(home, ['secret', 'list', '--json', '--host', arcade.engine.url], { env: { ...OFF, ...env } });

const refreshes = (arcade: Arcade): number => arcade.requests.filter(({ path }) => TOKEN.test(path)).length;

test('twenty commands that find the login expired refresh it once, and all of them work', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t, { latencyMs: 50 })];
  const old = signedIn(home, arcade, { expiresInSeconds: -60 });
  const all = await Promise.all(Array.from({ length: 20 }, () => list(home, arcade)));
  for (const { exitCode, stderr } of all) assert.equal(exitCode, 0, stderr);
  assert.equal(refreshes(arcade), 1);
  const { auth } = storedCredentials(home).cloud;
  assert.deepEqual(
    [arcade.stateOf(auth.access_token), arcade.stateOf(auth.refresh_token)],
    ['valid', 'valid'],
  );
  assert.equal(arcade.stateOf(old.refresh_token ?? ''), 'spent');
  assert.deepEqual(readdirSync(home.directory).sort(), ['credentials.lock', 'credentials.yaml']);
});

test('nobody waits for a refresh while the token at hand still works', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  signedIn(home, arcade, { expiresInSeconds: 120 });
  arcade.fault({ path: TOKEN }, { kind: 'hang' });
  const first = startArcadeCli(home, ['org', 'list'], { env: OFF });
  await until(() => refreshes(arcade) === 1);
  assert.equal((await list(home, arcade)).exitCode, 0);
  assert.equal(refreshes(arcade), 1);
  assert.equal(first.exitCode, null, 'the first command still waits');
  assert.equal((await first).exitCode, 0);
});

test('with less than five minutes left it is refreshed, with more it is not', async (t) => {
  for (const [left, expected] of [
    [290, 1],
    [310, 0],
  ] as const) {
    const [home, arcade] = [sandbox(t), await started(t)];
    signedIn(home, arcade, { expiresInSeconds: left });
    assert.equal((await list(home, arcade)).exitCode, 0);
    assert.equal(refreshes(arcade), expected, `${left} seconds left`);
  }
});

test('the new tokens are stored in UTC, for their owner alone, beside what else the file holds', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  const user = arcade.user('A');
  const tokens = arcade.issueTokens(user, { expiresInSeconds: -1 });
  const cloud = {
    auth: { ...tokens, scope: 'openid' },
    coordinator_url: arcade.coordinator.url,
    user: { email: user.email, locale: 'de' },
    context: { ...contextOf(user) },
    beta: true,
  };
  home.write('credentials.yaml', JSON.stringify({ other: ['x'], cloud }));
  assert.equal((await list(home, arcade, { TZ: 'Asia/Tokyo' })).exitCode, 0);
  const { other, cloud: stored } = storedCredentials(home);
  assert.deepEqual(other, ['x']);
  const { access_token, refresh_token, expires_at } = stored.auth;
  assert.deepEqual(stored, { ...cloud, auth: { ...cloud.auth, access_token, refresh_token, expires_at } });
  assert.match(expires_at, /Z$/);
  assert.ok(Math.abs(Date.parse(expires_at) - Date.now() - 3600_000) < 60_000);
  assert.equal(statSync(join(home.directory, 'credentials.yaml')).mode & 0o777, 0o600);
});

test('a time without a zone is local time, as the Python CLI writes it', async (t) => {
  const arcade = await started(t);
  for (const [zone, hours] of [
    ['Asia/Tokyo', 9],
    ['America/Anchorage', -9],
  ] as const) {
    for (const [left, expected] of [
      [3600, 0],
      [-3600, 1],
    ] as const) {
      const home = sandbox(t);
      const user = arcade.user('A');
      // Anchorage has summer time; its offset today is what counts.
      const offset = new Date().toLocaleString('en', { timeZone: zone, timeZoneName: 'longOffset' });
      const shift = Number(/GMT([+-]\d\d)/.exec(offset)?.[1] ?? hours) * 3600;
      const local = new Date(Date.now() + (left + shift) * 1000).toISOString().replace('Z', '123');
      const tokens = { ...arcade.issueTokens(user), expires_at: local };
      const context = { ...contextOf(user) };
      home.signInWithTokens({ tokens, email: user.email, coordinatorUrl: arcade.coordinator.url, context });
      const before = refreshes(arcade);
      assert.equal((await list(home, arcade, { TZ: zone })).exitCode, 0);
      assert.equal(refreshes(arcade) - before, expected, `${zone}, ${left} s left`);
    }
  }
});

test('a reply without a refresh token keeps the one at hand', async (t) => {
  for (const refreshReply of ['none', 'same'] as const) {
    const [home, arcade] = [sandbox(t), await started(t, { refreshReply })];
    const tokens = signedIn(home, arcade, { expiresInSeconds: -1 });
    assert.equal((await list(home, arcade)).exitCode, 0);
    assert.equal(storedCredentials(home).cloud.auth.refresh_token, tokens.refresh_token);
  }
});

test('every command that asks the coordinator refreshes as well', async (t) => {
  for (const args of [
    ['org', 'list'],
    ['project', 'list'],
  ]) {
    const [home, arcade] = [sandbox(t), await started(t)];
    signedIn(home, arcade, { expiresInSeconds: -1 });
    assert.equal((await run(home, args, { env: OFF })).exitCode, 0);
    assert.equal(refreshes(arcade), 1);
  }
});

test('a login that cannot be refreshed says what to do, and its secrets stay unsaid', async (t) => {
  const cases = [
    [
      { kind: 'status', status: 500 },
      /Failed to refresh token: .* failed \(500\)\. Please run 'arcade login'/,
    ],
    [{ kind: 'html' }, /Failed to refresh token: .*a web page/],
    [{ kind: 'status', status: 400, body: { error: 'invalid_client' } }, /the server says invalid_client/],
    [
      { kind: 'status', status: 400, body: { error: 'invalid_grant' } },
      /has expired, or was revoked\.\nHint: Run `arcade login`/,
    ],
    [{ kind: 'reset' }, /Failed to refresh token: .*connection was lost/],
  ] as const;
  for (const [fault, message] of cases) {
    const [home, arcade] = [sandbox(t), await started(t, { echoSecrets: true })];
    const tokens = signedIn(home, arcade, { expiresInSeconds: -1 });
    const before = readFileSync(join(home.directory, 'credentials.yaml'), 'utf8');
    arcade.fault({ path: TOKEN }, fault);
    const ran = await run(home, ['secret', 'list', '--host', arcade.engine.url], { env: OFF });
    assert.equal(ran.exitCode, 1);
    assert.match(ran.stderr, message);
    assert.ok(!ran.stderr.includes(tokens.refresh_token ?? '-'));
    const { auth } = storedCredentials(home).cloud;
    assert.equal(auth.refresh_token, tokens.refresh_token, before);
    assert.equal((await list(home, arcade)).exitCode, 0, 'the next command succeeds');
  }
});

test('cli_config that fails, a coordinator that is down, and no refresh token', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  signedIn(home, arcade, { expiresInSeconds: -1 });
  arcade.fault({ path: /cli_config$/ }, { kind: 'status', status: 404 });
  assert.match((await list(home, arcade)).stderr, /Failed to refresh token: .* has no OAuth/);
  await arcade.down();
  assert.match((await list(home, arcade)).stderr, /Failed to refresh token: .*refused/);
  await arcade.up();
  signedIn(home, arcade, { expiresInSeconds: -1, withRefresh: false });
  assert.match((await list(home, arcade)).stderr, /has expired, or was revoked/);
  signedIn(home, arcade, { expiresInSeconds: 60, withRefresh: false });
  assert.equal((await list(home, arcade)).exitCode, 0, 'what is left of it is used');
});

test('while the old token still works, a refresh that fails is no failure', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  signedIn(home, arcade, { expiresInSeconds: 120 });
  arcade.fault({ path: TOKEN }, { kind: 'status', status: 503 }, Number.POSITIVE_INFINITY);
  const ran = await list(home, arcade);
  assert.deepEqual([ran.exitCode, ran.stderr], [0, '']);
});

test('a token that the server alone holds for expired is refreshed once, also for many requests', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  const user = arcade.user('A');
  // The clock was hours ahead at the last refresh: the file promises more than the token keeps.
  const tokens = {
    ...arcade.issueTokens(user, { expiresInSeconds: -60 }),
    expires_at: new Date(Date.now() + 5 * 3600_000).toISOString(),
  };
  const context = { ...contextOf(user) };
  home.signInWithTokens({ tokens, email: user.email, coordinatorUrl: arcade.coordinator.url, context });
  const pairs = Array.from({ length: 12 }, (_, i) => `KEY_${i}=value`);
  const ran = await run(home, ['secret', 'set', ...pairs, '--host', arcade.engine.url], { env: OFF });
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.equal(refreshes(arcade), 1);
  assert.equal(arcade.secretsOf(user).length, 12);
  arcade.revoke(user);
  const revoked = await list(home, arcade);
  assert.equal(revoked.exitCode, 1);
  assert.equal(refreshes(arcade), 2, 'one try, and no more');
});

test('Ctrl-C during a refresh does not lose the login', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  signedIn(home, arcade, { expiresInSeconds: -1 });
  arcade.fault({ path: TOKEN }, { kind: 'delay', ms: 300 });
  const child = startArcadeCli(home, ['org', 'list'], { env: OFF });
  await until(() => refreshes(arcade) === 1);
  child.kill('SIGINT');
  const { exitCode, stdout } = await child;
  assert.deepEqual([exitCode, stdout], [130, '']);
  assert.equal(arcade.stateOf(storedCredentials(home).cloud.auth.refresh_token), 'valid');
  assert.equal((await list(home, arcade)).exitCode, 0);
  assert.equal(refreshes(arcade), 1);
});

test('a command that is killed during a refresh leaves no lock behind', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  signedIn(home, arcade, { expiresInSeconds: -1 });
  arcade.fault({ path: /cli_config$/ }, { kind: 'hang' });
  const child = startArcadeCli(home, ['org', 'list'], { env: OFF });
  await until(() => arcade.requests.length === 1);
  child.kill('SIGKILL');
  await child;
  assert.equal((await list(home, arcade)).exitCode, 0);
});

test('a refresh writes through a symbolic link', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  const tokens = signedIn(home, arcade, { expiresInSeconds: -1 });
  const elsewhere = join(home.home, 'dotfiles');
  mkdirSync(elsewhere);
  const link = join(home.directory, 'credentials.yaml');
  renameSync(link, join(elsewhere, 'arcade.yaml'));
  symlinkSync('../dotfiles/arcade.yaml', link);
  assert.equal((await list(home, arcade)).exitCode, 0);
  assert.notEqual(storedCredentials(home).cloud.auth.access_token, tokens.access_token);
  assert.deepEqual(readdirSync(elsewhere), ['arcade.yaml']);
});

test('a login that may be Arcade’s own is not refreshed there for a command that works elsewhere', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  const user = arcade.user('A');
  const tokens = arcade.issueTokens(user, { expiresInSeconds: -1 });
  home.write('credentials.yaml', JSON.stringify({ cloud: { auth: tokens, context: contextOf(user) } }));
  const env = { HTTPS_PROXY: arcade.url, HTTP_PROXY: arcade.url, NO_PROXY: 'localhost' };
  const ran = await list(home, arcade, env);
  assert.match(ran.stdout + ran.stderr, /did not accept your credentials/);
  assert.deepEqual(arcade.strangers(), []);
});
