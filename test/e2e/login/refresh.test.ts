/** A login that is about to expire is renewed, by one command, without losing it. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, renameSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { contextOf } from '../../support/arcade/accounts.ts';
import { arcade as run, startArcadeCli, UNTRACKED } from '../../support/cli.ts';
import { list, refreshes, storedCredentials, TOKEN } from '../../support/login.ts';
import { sandbox } from '../../support/sandbox.ts';
import { until } from '../../support/until.ts';
import { world } from '../../support/world.ts';

test('a refresh happens once when twenty commands find the login expired, and all of them work', async (t) => {
  const { home, arcade } = await world(t, { latencyMs: 50 });
  const old = home.signIn(arcade, arcade.user('A'), { expiresInSeconds: -60 });
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

test('a refresh is not waited for while the token at hand still works', async (t) => {
  const { home, arcade } = await world(t);
  home.signIn(arcade, arcade.user('A'), { expiresInSeconds: 120 });
  arcade.fault({ path: TOKEN }, { kind: 'hang' });
  const first = startArcadeCli(home, ['org', 'list'], { env: UNTRACKED });
  await until(() => refreshes(arcade) === 1);
  assert.equal((await list(home, arcade)).exitCode, 0);
  assert.equal(refreshes(arcade), 1);
  assert.equal(first.nodeChildProcess.exitCode, null, 'the first command still waits');
  assert.equal((await first).exitCode, 0);
});

test('a refresh happens with less than five minutes left, and not with more', async (t) => {
  for (const [left, expected] of [
    [290, 1],
    [310, 0],
  ] as const) {
    const { home, arcade } = await world(t);
    home.signIn(arcade, arcade.user('A'), { expiresInSeconds: left });
    assert.equal((await list(home, arcade)).exitCode, 0);
    assert.equal(refreshes(arcade), expected, `${left} seconds left`);
  }
});

test('a refresh stores local time with its offset, for the owner alone, beside what else the file holds', async (t) => {
  const { home, arcade, user } = await world(t);
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
  // The Python CLI drops the offset and takes what is left for local time.
  assert.match(expires_at, /\+09:00$/);
  const local = Date.parse(`${expires_at.slice(0, 23)}Z`) - 9 * 3600_000;
  assert.equal(local, Date.parse(expires_at));
  assert.ok(Math.abs(Date.parse(expires_at) - Date.now() - 3600_000) < 60_000);
  assert.equal(statSync(join(home.directory, 'credentials.yaml')).mode & 0o777, 0o600);
});

test('a refresh takes a time without a zone for local time, as the Python CLI writes it', async (t) => {
  const { arcade } = await world(t);
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
      home.signIn(arcade, user, { tokens: { ...arcade.issueTokens(user), expires_at: local } });
      const before = refreshes(arcade);
      assert.equal((await list(home, arcade, { TZ: zone })).exitCode, 0);
      assert.equal(refreshes(arcade) - before, expected, `${zone}, ${left} s left`);
    }
  }
});

test('a refresh without a new refresh token keeps the one at hand', async (t) => {
  for (const refreshReply of ['none', 'same'] as const) {
    const { home, arcade } = await world(t, { refreshReply });
    const tokens = home.signIn(arcade, arcade.user('A'), { expiresInSeconds: -1 });
    assert.equal((await list(home, arcade)).exitCode, 0);
    assert.equal(storedCredentials(home).cloud.auth.refresh_token, tokens.refresh_token);
  }
});

test('a refresh is done by every command that asks the coordinator', async (t) => {
  for (const args of [
    ['org', 'list'],
    ['project', 'list'],
  ]) {
    const { home, arcade } = await world(t);
    home.signIn(arcade, arcade.user('A'), { expiresInSeconds: -1 });
    assert.equal((await run(home, args, { env: UNTRACKED })).exitCode, 0);
    assert.equal(refreshes(arcade), 1);
  }
});

test('a refresh writes through a symbolic link', async (t) => {
  const { home, arcade } = await world(t);
  const tokens = home.signIn(arcade, arcade.user('A'), { expiresInSeconds: -1 });
  const elsewhere = join(home.home, 'dotfiles');
  mkdirSync(elsewhere);
  const link = join(home.directory, 'credentials.yaml');
  renameSync(link, join(elsewhere, 'arcade.yaml'));
  symlinkSync('../dotfiles/arcade.yaml', link);
  assert.equal((await list(home, arcade)).exitCode, 0);
  assert.notEqual(storedCredentials(home).cloud.auth.access_token, tokens.access_token);
  assert.deepEqual(readdirSync(elsewhere), ['arcade.yaml']);
});
