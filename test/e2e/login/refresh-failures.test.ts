/** Refreshes that fail, are cut short, or find a clock that is wrong. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { contextOf } from '../../support/arcade/accounts.ts';
import { arcade as run, startArcadeCli, UNTRACKED } from '../../support/cli.ts';
import { list, refreshes, storedCredentials, TOKEN } from '../../support/login.ts';
import { until } from '../../support/until.ts';
import { world } from '../../support/world.ts';

test('a refresh that fails says what to do, and repeats no secret of the login', async (t) => {
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
    const { home, arcade } = await world(t, { echoSecrets: true });
    const tokens = home.signIn(arcade, arcade.user('A'), { expiresInSeconds: -1 });
    const before = readFileSync(join(home.directory, 'credentials.yaml'), 'utf8');
    arcade.fault({ path: TOKEN }, fault);
    const ran = await run(home, ['secret', 'list', '--host', arcade.engine.url], { env: UNTRACKED });
    assert.equal(ran.exitCode, 1);
    assert.match(ran.stderr, message);
    assert.ok(!ran.stderr.includes(tokens.refresh_token ?? '-'));
    const { auth } = storedCredentials(home).cloud;
    assert.equal(auth.refresh_token, tokens.refresh_token, before);
    assert.equal((await list(home, arcade)).exitCode, 0, 'the next command succeeds');
  }
});

test('a refresh fails where cli_config fails, the coordinator is down, or there is no refresh token', async (t) => {
  const { home, arcade } = await world(t);
  home.signIn(arcade, arcade.user('A'), { expiresInSeconds: -1 });
  arcade.fault({ path: /cli_config$/ }, { kind: 'status', status: 404 });
  assert.match((await list(home, arcade)).stderr, /Failed to refresh token: .* does not support OAuth/);
  await arcade.down();
  assert.match((await list(home, arcade)).stderr, /Failed to refresh token: .*refused/);
  await arcade.up();
  home.signIn(arcade, arcade.user('A'), { expiresInSeconds: -1, withRefresh: false });
  assert.match((await list(home, arcade)).stderr, /has expired, or was revoked/);
  home.signIn(arcade, arcade.user('A'), { expiresInSeconds: 60, withRefresh: false });
  assert.equal((await list(home, arcade)).exitCode, 0, 'what is left of it is used');
});

test('a refresh that fails while the old token still works is no failure', async (t) => {
  const { home, arcade } = await world(t);
  home.signIn(arcade, arcade.user('A'), { expiresInSeconds: 120 });
  arcade.fault({ path: TOKEN }, { kind: 'status', status: 503 }, Number.POSITIVE_INFINITY);
  const ran = await list(home, arcade);
  assert.deepEqual([ran.exitCode, ran.stderr], [0, '']);
});

test('a refresh happens once for many requests whose token the server calls expired', async (t) => {
  const { home, arcade, user } = await world(t);
  // The clock was hours ahead at the last refresh: the file promises more than the token keeps.
  const tokens = {
    ...arcade.issueTokens(user, { expiresInSeconds: -60 }),
    expires_at: new Date(Date.now() + 5 * 3600_000).toISOString(),
  };
  home.signIn(arcade, user, { tokens });
  const pairs = Array.from({ length: 12 }, (_, i) => `KEY_${i}=value`);
  const ran = await run(home, ['secret', 'set', ...pairs, '--host', arcade.engine.url], { env: UNTRACKED });
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.equal(refreshes(arcade), 1);
  assert.equal(arcade.secretsOf(user).length, 12);
  arcade.revoke(user);
  const revoked = await list(home, arcade);
  assert.equal(revoked.exitCode, 1);
  assert.equal(refreshes(arcade), 2, 'one try, and no more');
});

test('a refresh interrupted by Ctrl-C does not lose the login', async (t) => {
  const { home, arcade } = await world(t);
  home.signIn(arcade, arcade.user('A'), { expiresInSeconds: -1 });
  arcade.fault({ path: TOKEN }, { kind: 'delay', ms: 300 });
  const child = startArcadeCli(home, ['org', 'list'], { env: UNTRACKED });
  await until(() => refreshes(arcade) === 1);
  child.kill('SIGINT');
  const { exitCode, stdout } = await child;
  assert.deepEqual([exitCode, stdout], [130, '']);
  assert.equal(arcade.stateOf(storedCredentials(home).cloud.auth.refresh_token), 'valid');
  assert.equal((await list(home, arcade)).exitCode, 0);
  assert.equal(refreshes(arcade), 1);
});

test('a refresh whose command is killed leaves no lock behind', async (t) => {
  const { home, arcade } = await world(t);
  home.signIn(arcade, arcade.user('A'), { expiresInSeconds: -1 });
  arcade.fault({ path: /cli_config$/ }, { kind: 'hang' });
  const child = startArcadeCli(home, ['org', 'list'], { env: UNTRACKED });
  await until(() => arcade.requests.length === 1);
  child.kill('SIGKILL');
  await child;
  assert.equal((await list(home, arcade)).exitCode, 0);
});

test('a refresh at Arcade’s own coordinator is not done for a command that works elsewhere', async (t) => {
  const { home, arcade, user } = await world(t);
  const tokens = arcade.issueTokens(user, { expiresInSeconds: -1 });
  home.write('credentials.yaml', JSON.stringify({ cloud: { auth: tokens, context: contextOf(user) } }));
  const env = { HTTPS_PROXY: arcade.url, HTTP_PROXY: arcade.url, NO_PROXY: 'localhost' };
  const ran = await list(home, arcade, env);
  assert.match(ran.stdout + ran.stderr, /did not accept your credentials/);
  assert.deepEqual(arcade.strangers(), []);
});
