/** Refreshing, where the order of things matters: what several callers find that all hold the same stale tokens. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type OAuthCredentials, readStored } from '../../src/auth/credentials.ts';
import { bearerOf } from '../../src/auth/token.ts';
import { readSettings } from '../../src/settings.ts';
import type { ArcadeOptions } from '../support/arcade.ts';
import { PROGRAM } from '../support/program.ts';
import { until } from '../support/until.ts';
import { world } from '../support/world.ts';

async function stale(t: TestContext, options: ArcadeOptions) {
  const { home, arcade } = await world(t, options);
  const user = arcade.user('A');
  home.signIn(arcade, user, { expiresInSeconds: -1, context: null });
  const settings = readSettings({ HOME: home.home }, PROGRAM);
  const credentials = (await readStored(home.directory)) as OAuthCredentials;
  const again = async (): Promise<string> => {
    const bearer = await bearerOf(credentials, settings, () => undefined);
    assert.ok(typeof bearer === 'object');
    return bearer.token();
  };
  return { home, arcade, credentials, again };
}

test('tokens that live for less than five minutes are shared like any others', async (t) => {
  const { arcade, credentials, again } = await stale(t, { expiresInSeconds: 60 });
  const all = await Promise.all(Array.from({ length: 8 }, again));
  const tokens = new Set(all);
  assert.equal(tokens.size, 1);
  assert.ok(!tokens.has(credentials.accessToken));
  assert.equal(arcade.requests.filter(({ path }) => path === '/oauth2/token').length, 1);
});

test('after a logout or another login there is nothing to refresh', async (t) => {
  const { home, arcade, again } = await stale(t, {});
  rmSync(join(home.directory, 'credentials.yaml'));
  await assert.rejects(again(), { code: 'LOGIN_REFRESH_FAILED' });
  const other = arcade.user('B');
  home.signIn(arcade, other, { context: null });
  await assert.rejects(again(), { code: 'LOGIN_REFRESH_FAILED' });
  assert.equal(arcade.requests.length, 0, 'nobody’s tokens were spent');
});

test('tokens that could not be stored are not asked for', async (t) => {
  const { home, arcade, credentials, again } = await stale(t, {});
  rmSync(join(home.directory, 'credentials.yaml'));
  home.write('credentials.yaml', 'cloud: [');
  await assert.rejects(again(), { code: 'CREDENTIALS_MALFORMED' });
  assert.equal(arcade.stateOf(credentials.refreshToken ?? ''), 'valid');
});

test('a refresh leaves a login alone that the Python CLI stores meanwhile, for it knows of no lock', async (t) => {
  const { home, arcade, again } = await stale(t, {});
  const asked = (): boolean => arcade.requests.some(({ path }) => path === '/oauth2/token');
  arcade.fault({ path: /oauth2\/token$/ }, { kind: 'delay', ms: 300 });
  const renewing = again();
  await until(asked, { what: 'the refresh' });
  home.write('credentials.yaml', 'cloud: {api: {key: of-the-python-cli}}');
  assert.match(await renewing, /./);
  const found = await readStored(home.directory);
  assert.equal(found.kind === 'api_key' && found.apiKey, 'of-the-python-cli');
});
