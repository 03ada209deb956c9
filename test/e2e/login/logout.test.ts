/** `arcade logout` leaves nothing that signs anybody in, here or at the server. */
import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { keyOf } from '../../support/arcade/accounts.ts';
import type { Arcade } from '../../support/arcade.ts';
import { inside } from '../../support/inside.ts';
import { sandbox } from '../../support/sandbox.ts';
import { world } from '../../support/world.ts';

const OUT = "You're now logged out.\n";

test('`logout` deletes the file, and the server revokes the login', async (t) => {
  const { home, arcade } = await world(t);
  const tokens = home.signIn(arcade, arcade.user('A'));
  const ran = await inside(home, ['logout']);
  assert.deepEqual([ran.exitCode, ran.stdout, ran.stderr], [0, OUT, '']);
  assert.ok(!existsSync(join(home.directory, 'credentials.yaml')));
  assert.equal(arcade.stateOf(tokens.access_token), 'revoked');
  assert.equal(arcade.stateOf(tokens.refresh_token ?? ''), 'revoked');
  const again = await inside(home, ['logout']);
  assert.deepEqual([again.exitCode, again.stdout], [0, "You're not logged in.\n"]);
});

test('`logout` works here where the server revokes nothing, is down or has no OAuth', async (t) => {
  for (const prepare of [
    (arcade: Arcade) => void Object.assign(arcade.settings, { revocation: false }),
    (arcade: Arcade) => void Object.assign(arcade.settings, { metadata: [] }),
    (arcade: Arcade) => void Object.assign(arcade.settings, { metadata: ['openid'] }),
    (arcade: Arcade) => void Object.assign(arcade.settings, { era: 'seed' }),
    (arcade: Arcade) => arcade.down(),
    (arcade: Arcade) => arcade.fault({}, { kind: 'html' }, Number.POSITIVE_INFINITY),
  ]) {
    const { home, arcade } = await world(t);
    home.signIn(arcade, arcade.user('A'));
    await prepare(arcade);
    const ran = await inside(home, ['logout']);
    assert.deepEqual([ran.exitCode, ran.stdout], [0, OUT]);
    assert.ok(!existsSync(join(home.directory, 'credentials.yaml')));
  }
});

test('`logout` does not wait for a server that hangs', async (t) => {
  const { home, arcade } = await world(t);
  home.signIn(arcade, arcade.user('A'));
  arcade.fault({}, { kind: 'hang' }, Number.POSITIVE_INFINITY);
  const ran = await inside(home, ['logout']);
  assert.deepEqual([ran.exitCode, ran.stdout], [0, OUT]);
  assert.match(ran.stderr, /could not be revoked on the server/);
});

test('`logout` deletes a file that cannot be parsed, and one behind a symbolic link', async (t) => {
  const home = sandbox(t);
  home.write('credentials.yaml', 'cloud: [');
  assert.equal((await inside(home, ['logout'])).stdout, OUT);
  const target = join(home.home, 'elsewhere.yaml');
  writeFileSync(target, `cloud: {api: {key: x}}`);
  symlinkSync(target, join(home.directory, 'credentials.yaml'));
  assert.equal((await inside(home, ['logout'])).stdout, OUT);
  assert.ok(!existsSync(target));
  assert.equal(lstatSync(join(home.directory, 'credentials.yaml'), { throwIfNoEntry: false }), undefined);
});

test('`logout` with a directory in the place of the file says what to do', async (t) => {
  const home = sandbox(t);
  mkdirSync(join(home.directory, 'credentials.yaml', 'x'), { recursive: true });
  const ran = await inside(home, ['logout']);
  assert.equal(ran.exitCode, 1);
  assert.match(ran.stderr, /^Error: .*cannot be removed: it is a directory\.\nHint: /);
});

test('`logout` deletes the credentials that the Python CLI left elsewhere', async (t) => {
  const { home, arcade } = await world(t);
  const work = join(home.home, 'work');
  mkdirSync(work);
  const stray = join(work, 'credentials.yaml');
  const tokens = arcade.issueTokens(arcade.user('A'));
  writeFileSync(stray, JSON.stringify({ cloud: { auth: tokens, coordinator_url: arcade.coordinator.url } }));
  const there = { ARCADE_WORK_DIR: work };
  assert.equal((await inside(home, ['logout'], { env: there })).stdout, OUT);
  assert.ok(!existsSync(stray));
  assert.equal(arcade.stateOf(tokens.access_token), 'revoked');
  writeFileSync(stray, 'database: {password: x}\n');
  assert.equal((await inside(home, ['logout'], { env: there })).stdout, "You're not logged in.\n");
  assert.ok(existsSync(stray), "somebody else's file of that name stays");
});

test('`logout` says that ARCADE_API_KEY still signs in', async (t) => {
  const { home, arcade } = await world(t);
  home.signInWithKey('stored', arcade.coordinator.url);
  const ran = await inside(home, ['logout'], { env: { ARCADE_API_KEY: keyOf(arcade.user('A')) } });
  assert.equal(ran.stdout, OUT);
  assert.match(ran.stderr, /ARCADE_API_KEY is set and still signs you in/);
});
