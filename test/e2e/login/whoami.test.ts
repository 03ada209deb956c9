/** `arcade whoami`, for every way of being signed in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contextOf, keyOf } from '../../support/arcade/accounts.ts';
import { UNTRACKED } from '../../support/cli.ts';
import { inside } from '../../support/inside.ts';
import { logIn } from '../../support/login.ts';
import { sandbox } from '../../support/sandbox.ts';
import { world } from '../../support/world.ts';

test('`whoami` after a login needs no network', async (t) => {
  const { home, arcade, user } = await world(t);
  await logIn(home, arcade, user, [], { env: UNTRACKED });
  await arcade.down();
  const context = contextOf(user);
  const shown = await inside(home, ['whoami']);
  assert.deepEqual(shown, {
    exitCode: 0,
    stderr: '',
    stdout: [
      `Logged in as: ${user.email}`,
      `Active organization: ${context.org_name}`,
      `   ID: ${context.org_id}`,
      `Active project: ${context.project_name}`,
      `   ID: ${context.project_id}`,
      '',
    ].join('\n'),
  });
  assert.deepEqual(JSON.parse((await inside(home, ['whoami', '--json'])).stdout), {
    email: user.email,
    account_id: user.account_id,
    organization: { id: context.org_id, name: context.org_name },
    project: { id: context.project_id, name: context.project_name },
    auth: 'oauth',
  });
});

test('`whoami` asks the coordinator what a file of the Python CLI does not say, where it matters', async (t) => {
  const { home, arcade, user } = await world(t);
  home.signIn(arcade, user, { context: null });
  const text = await inside(home, ['whoami']);
  assert.equal(text.stdout, `Logged in as: ${user.email}\nNo active organization/project set.\n`);
  assert.equal(arcade.requests.length, 0);
  const json = JSON.parse((await inside(home, ['whoami', '--json'])).stdout);
  assert.deepEqual([json.account_id, json.organization, json.project], [user.account_id, null, null]);
  await arcade.down();
  assert.equal(JSON.parse((await inside(home, ['whoami', '--json'])).stdout).account_id, null);
});

test('`whoami` shows an API key by its principal', async (t) => {
  const { home, arcade, user } = await world(t, { whoamiTakesApiKeys: false });
  const expected = { email: null, account_id: user.principal_id, organization: null, project: null };
  home.signInWithKey(keyOf(user), arcade.coordinator.url);
  assert.match((await inside(home, ['whoami'])).stdout, new RegExp(`Logged in as: ${user.principal_id}`));
  const stored = await inside(home, ['whoami', '--json']);
  assert.deepEqual(JSON.parse(stored.stdout), { ...expected, auth: 'api_key' });
  const variables = { ...UNTRACKED, ARCADE_API_KEY: keyOf(arcade.user('B')), ARCADE_URL: arcade.url };
  const given = await inside(home, ['whoami', '--json'], { env: variables });
  const principal = arcade.user('B').principal_id;
  assert.deepEqual(JSON.parse(given.stdout), { ...expected, account_id: principal, auth: 'environment' });
  const wrong = await inside(home, ['whoami'], { env: { ...variables, ARCADE_API_KEY: 'arc_wrong' } });
  assert.equal(wrong.exitCode, 1);
  assert.match(wrong.stderr, /did not accept your credentials/);
  assert.ok(!wrong.stderr.includes('arc_wrong'));
});

test('`whoami` says that no one is logged in where credentials.yaml is absent or holds nothing', async (t) => {
  const home = sandbox(t);
  for (const content of [undefined, '', 'cloud: {}', 'cloud:\n', 'other: x\n']) {
    if (content !== undefined) home.write('credentials.yaml', content);
    const ran = await inside(home, ['whoami']);
    assert.deepEqual([ran.exitCode, ran.stdout], [1, ''], content);
    assert.match(ran.stderr, /^Error: Not logged in to Arcade CLI\.\nHint: Use `arcade login`/, content);
  }
});

test('`whoami` says that a login is over', async (t) => {
  const { home, arcade, user } = await world(t);
  home.signIn(arcade, user, { expiresInSeconds: -10, withRefresh: false, context: null });
  const over = await inside(home, ['whoami']);
  assert.ok(over.stdout.startsWith(`Logged in as: ${user.email}`), over.stdout);
  assert.match(over.stderr, /has expired/);
});

test('`whoami` escapes names from outside', async (t) => {
  const { home, arcade, user } = await world(t);
  home.signIn(arcade, user, {
    email: 'a\u001b[31m@b.test',
    coordinatorUrl: 'http://localhost:1',
    context: { org_id: 'o', org_name: 'O\u0007', project_id: 'p', project_name: 'P\nQ' },
  });
  const ran = await inside(home, ['whoami']);
  assert.equal(
    ran.stdout,
    'Logged in as: a\\e[31m@b.test\nActive organization: O\\u{7}\n   ID: o\nActive project: P\\nQ\n   ID: p\n',
  );
});
