/** What sign-in records: one event each, of the right person, with nothing that opens anything. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { contextOf, keyOf } from '../../support/arcade/accounts.ts';
import { signIn } from '../../support/arcade/browser.ts';
import { type Ran, arcade as run } from '../../support/cli.ts';
import { flushersEnded } from '../../support/flusher.ts';
import { usageJson } from '../../support/inside.ts';
import { logIn, startLogin, storedCredentials } from '../../support/login.ts';
import type { Sandbox } from '../../support/sandbox.ts';
import { until } from '../../support/until.ts';
import { world } from '../../support/world.ts';

interface Listed {
  readonly id: number;
  readonly kind: string;
  readonly command_name: string | null;
  readonly distinct_id: string | null;
}

const records = async (home: Sandbox) => (await usageJson<{ records: Listed[] }>(home, 'list')).records;
/** What of it is sent. */
const properties = async (home: Sandbox, { id }: Listed) =>
  (await usageJson<{ payload: { properties: Record<string, unknown> } }>(home, 'show', `${id}`)).payload
    .properties;

test('`login` links the anonymous id to the account; `logout` is sent as the account and starts a new id', async (t) => {
  const { home, arcade } = await world(t);
  const [a, b] = [arcade.user('A'), arcade.user('B')];
  await run(home, ['whoami']);
  const anonymous = home.shared();
  assert.equal(anonymous.linked_principal_id, null);

  await logIn(home, arcade, a);
  assert.deepEqual(home.shared(), { anon_id: anonymous.anon_id, linked_principal_id: a.account_id });
  await logIn(home, arcade, b, ['--force']);
  const second = home.shared();
  assert.equal(second.linked_principal_id, b.account_id);
  assert.notEqual(second.anon_id, anonymous.anon_id, 'two people never share an anonymous id');
  await run(home, ['logout']);
  const after = home.shared();
  assert.equal(after.linked_principal_id, null);
  assert.notEqual(after.anon_id, second.anon_id);
  await run(home, ['logout']);

  const all = await records(home);
  const captures = all.filter(({ kind }) => kind === 'capture');
  assert.deepEqual(
    captures.map(({ command_name, distinct_id }) => [command_name, distinct_id]),
    [
      ['whoami', anonymous.anon_id],
      ['login', a.account_id],
      ['login', b.account_id],
      ['logout', b.account_id],
      ['logout', after.anon_id],
    ],
  );
  assert.equal(all.length - captures.length, 2, 'one alias a person');
  const [, login] = captures;
  assert.ok(login !== undefined);
  const { org_id, project_id } = contextOf(a);
  assert.partialDeepStrictEqual(await properties(home, login), { org_id, project_id }, 'of the new login');
});

test('`login --api-key` links the principal of the key', async (t) => {
  const { home, arcade, user } = await world(t, { whoamiTakesApiKeys: false });
  const args = ['login', '--api-key', '--host', arcade.coordinator.url];
  assert.equal((await run(home, args, { input: keyOf(user) })).exitCode, 0);
  assert.equal(home.shared().linked_principal_id, user.principal_id);
});

test('`login` that fails or is cut short is recorded by its code, and links nothing', async (t) => {
  const { home, arcade } = await world(t);
  const denied = await startLogin(home, arcade);
  await signIn(denied.url, { user: arcade.user('A'), deny: true });
  await denied.ended;
  const cancelled = await startLogin(home, arcade);
  cancelled.kill('SIGINT');
  await cancelled.ended;
  const codes = [];
  for (const record of await records(home)) codes.push((await properties(home, record)).error_code);
  assert.deepEqual(codes, ['LOGIN_DENIED', 'INTERRUPTED']);
  assert.equal(home.shared().linked_principal_id, null);
});

test('`login` leaves keys and tokens in credentials.yaml and nowhere else', async (t) => {
  const { home, arcade, posthog: sink } = await world(t, { echoSecrets: true });
  const env = {
    ...sink.env,
    ARCADE_DEBUG: '1',
    // Whatever is meant for another host, Arcade's own for instance, arrives at the stand-in as at a proxy.
    HTTPS_PROXY: arcade.url,
    HTTP_PROXY: arcade.url,
    NO_PROXY: 'localhost,127.0.0.1',
  };
  const [a, b] = [arcade.user('A'), arcade.user('B')];
  const printed: string[] = [];
  const secrets = new Set<string>();
  const keep = ({ stdout, stderr }: Ran): void => void printed.push(stdout, stderr);
  const note = (): void => {
    const { auth } = storedCredentials(home).cloud;
    for (const token of [auth?.access_token, auth?.refresh_token]) if (token) secrets.add(token);
  };

  const login = await logIn(home, arcade, a, ['--debug'], { env });
  keep(login);
  printed.push(login.page.body);
  note();
  const stale = storedCredentials(home);
  stale.cloud.auth.expires_at = '2001-01-01T00:00:00Z';
  home.write('credentials.yaml', JSON.stringify(stale));
  const list = `secret list --host ${arcade.engine.url}`;
  const type = async (...lines: string[]): Promise<void> => {
    for (const line of lines) keep(await run(home, line.split(' '), { env }));
  };
  await type('org list', 'whoami --json', list);
  note();
  arcade.revoke(a);
  await type('org list', 'project set x', 'logout');
  const key = keyOf(b);
  secrets.add(key);
  const withKey = ['login', '--api-key', '--host', arcade.coordinator.url];
  keep(await run(home, withKey, { env, input: key }));
  await type('whoami', list, 'usage list --json', 'usage flush');
  const failing = { ...env, ARCADE_API_KEY: key, ARCADE_URL: 'http://localhost:1' };
  keep(await run(home, ['whoami'], { env: failing }));
  for (const { form, path } of arcade.requests) {
    if (path === '/oauth2/token')
      for (const name of ['code', 'code_verifier', 'refresh_token']) if (form[name]) secrets.add(form[name]);
  }
  await until(() => sink.requests.length > 0, { what: 'events at the sink' });
  await flushersEnded(home);

  assert.ok(secrets.size >= 7, `${secrets.size} planted`);
  const files = readdirSync(home.directory).filter((name) => name !== 'credentials.yaml');
  const places: [string, string][] = [
    ...printed.map((text, i): [string, string] => [`output ${i}`, text]),
    ...files.map((name): [string, string] => [name, readFileSync(join(home.directory, name), 'latin1')]),
    ['the sink', JSON.stringify(sink.requests)],
    ['addresses', arcade.requests.map(({ target }) => target).join('\n')],
  ];
  for (const [place, text] of places) {
    for (const secret of secrets) assert.ok(!text.includes(secret), `${place} holds ${secret.slice(0, 6)}…`);
  }
  assert.deepEqual(arcade.strangers(), []);
});
