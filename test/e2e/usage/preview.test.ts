/** What `usage preview` shows is what is recorded and sent, to the byte. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { RECORDED_MESSAGES } from '../../../src/errors.ts';
import { contextOf } from '../../support/arcade/accounts.ts';
import { arcade as run } from '../../support/cli.ts';
import { directoryState } from '../../support/directory.ts';
import { type Came, usage } from '../../support/inside.ts';
import { logIn } from '../../support/login.ts';
import { type World, world } from '../../support/world.ts';

type Event = Record<string, unknown> & { readonly properties: Record<string, unknown> };

interface Preview {
  readonly command_name: string | null;
  readonly succeeded: Event | null;
  readonly failed: Event | null;
  readonly alias: Event | null;
  readonly stand_ins: readonly string[];
}

type Place = Pick<World, 'arcade' | 'home' | 'env' | 'posthog'>;

async function placeOf(t: TestContext, who: 'unowned' | 'oauth' | 'unknown key'): Promise<Place> {
  const { arcade, home, posthog, user } = await world(t);
  if (who === 'oauth') home.signIn(arcade, user, { expiresInSeconds: 86_400 });
  if (who === 'unknown key') home.signInWithKey('arc_not_known_to_anybody', arcade.coordinator.url);
  return { arcade, home, posthog, env: { ARCADE_URL: arcade.url, ARCADE_POSTHOG_HOST: posthog.url } };
}

/** In this process; what is to be compared with it runs in one of its own. */
function here({ home, env }: Pick<Place, 'home' | 'env'>, words: readonly string[]): Promise<Came> {
  return usage(home, words, { env });
}

async function preview(place: Place, command: readonly string[], error?: string): Promise<Preview> {
  const chosen = error === undefined ? [] : ['--error', error];
  const line = ['preview', '--json', ...chosen, '--', ...command];
  const { exitCode, stdout, stderr } = await here(place, line);
  assert.deepEqual([exitCode, stderr], [0, '']);
  return JSON.parse(stdout) as Preview;
}

async function spooled(place: Place): Promise<Event[]> {
  const { stdout } = await here(place, ['export']);
  const lines = stdout.trim().split('\n');
  return lines.filter(Boolean).map((line) => (JSON.parse(line) as { payload: Event }).payload);
}

/** The previewed event with this run's values in the places of their stand-ins, as bytes. */
function filled(event: Event, standIns: readonly string[], run: Event): string {
  const copy = structuredClone(event) as Record<string, unknown> & { properties: Record<string, unknown> };
  for (const path of standIns) {
    const name = path.replace('properties.', '');
    if (path === name) copy[name] = run[name];
    else copy.properties[name] = run.properties[name];
  }
  return JSON.stringify(copy);
}

const COMMANDS: readonly (readonly string[])[] = [
  ['secret', 'list'],
  ['secret', 'set', 'API_KEY=value'],
  ['secret', 'unset', 'API_KEY'],
  ['secret', 'unset'],
  ['secret', 'set', '--no-such-option'],
  ['whoami'],
  ['whoami', '--json'],
  ['org', 'list'],
  ['org', 'set', 'none-such'],
  ['org', 'set'],
  ['project', 'list'],
  ['project', 'set', 'none-such'],
  ['secret', 'list', '--host', '127.0.0.1', '--port', '9', '--no-tls'],
  ['secret', 'set', '--from-env', '--env-file', 'none-such.env'],
  ['login', '--no-such-option'],
  ['login', '--no-browser', '--host', 'http://127.0.0.1:9', '--force'],
  ['logout'],
  ['whoami'],
];

for (const who of ['unowned', 'oauth', 'unknown key'] as const) {
  test(`\`usage preview\` shows what is recorded and sent, to the byte: ${who}`, async (t) => {
    const place = await placeOf(t, who);
    const { home, env, posthog } = place;
    for (const args of COMMANDS) {
      const before = directoryState(home.directory);
      const shown = await preview(place, args);
      assert.deepEqual(directoryState(home.directory), before);
      const { exitCode } = await run(home, args, { env });
      const event = (await spooled(place)).findLast(({ event: name }) => name !== '$create_alias');
      assert.ok(event !== undefined, args.join(' '));
      const failed = exitCode !== 0;
      const code = event.properties.error_code as string | undefined;
      // Which error it is shows only then; the identity has moved on by then, so no more is taken from this one.
      const exact = failed ? await preview(place, args, code) : shown;
      const mine = failed
        ? { ...shown.failed, properties: withError(shown.failed, exact.failed) }
        : shown.succeeded;
      assert.ok(mine !== null);
      assert.equal(filled(mine as Event, shown.stand_ins, event), JSON.stringify(event), args.join(' '));
    }
    const beforeSending = await spooled(place);
    await here({ home, env: { ...env, ARCADE_POSTHOG_API_KEY: 'phc_test' } }, ['flush']);
    const sent = new Map<string, string>();
    for (const request of posthog.requests) {
      const { batch } = JSON.parse(request.rawBody) as { batch: Event[] };
      for (const event of batch) sent.set(String(event.uuid), JSON.stringify(event));
    }
    assert.ok(beforeSending.length >= COMMANDS.length);
    for (const event of await spooled(place)) {
      assert.equal(sent.get(String(event.uuid)), JSON.stringify(event));
    }
  });
}

/** The error's own two properties, and all others as they were shown before. */
function withError(shown: Event | null, exact: Event | null): Record<string, unknown> {
  const { error_code, error_message } = exact?.properties ?? {};
  return { ...shown?.properties, error_code, error_message };
}

test('`usage preview -- login` shows the alias that is recorded beside it, and both are what is sent', async (t) => {
  const place = await placeOf(t, 'unowned');
  const { home, env, arcade, posthog } = place;
  await run(home, ['whoami'], { env });
  const shown = await preview(place, ['login']);
  const user = arcade.user('A');
  const { exitCode, stderr } = await logIn(home, arcade, user, [], { env });
  assert.equal(exitCode, 0, stderr);
  const [alias, login] = (await spooled(place)).slice(-2);
  assert.ok(alias !== undefined && login !== undefined, 'both are recorded');
  assert.ok(shown.succeeded !== null && shown.alias !== null, 'both are previewed');
  const { org_id, project_id, ...properties } = login.properties;
  assert.deepEqual([org_id, project_id], [contextOf(user)?.org_id, contextOf(user)?.project_id]);
  const mine = { ...shown.succeeded, distinct_id: user.account_id };
  assert.equal(filled(mine, shown.stand_ins, login), JSON.stringify({ ...login, properties }));
  const joined = {
    ...shown.alias,
    distinct_id: user.account_id,
    properties: { ...shown.alias.properties, distinct_id: user.account_id },
  };
  assert.equal(filled(joined, ['uuid', 'timestamp'], alias), JSON.stringify(alias));
  await here({ home, env: { ...env, ARCADE_POSTHOG_API_KEY: 'phc_test' } }, ['flush']);
  const sent = posthog.requests.flatMap(({ rawBody }) => (JSON.parse(rawBody) as { batch: Event[] }).batch);
  for (const event of [alias, login])
    assert.equal(JSON.stringify(sent.find(({ uuid }) => uuid === event.uuid)), JSON.stringify(event));
  const again = await preview(place, ['login', '--force']);
  assert.notEqual(again.alias?.properties.alias, alias.properties.alias);
  assert.equal((await preview(place, ['secret', 'list'])).alias, null);
});

test('`usage preview -- login` of a person who is logged in shows the organization that is recorded', async (t) => {
  const place = await placeOf(t, 'oauth');
  const { home, env } = place;
  await run(home, ['whoami'], { env });
  const shown = await preview(place, ['login']);
  const { exitCode, stderr } = await run(home, ['login'], { env });
  assert.equal(exitCode, 0, stderr);
  const login = (await spooled(place)).at(-1);
  assert.ok(shown.succeeded !== null && login !== undefined);
  assert.equal(login.properties.command_name, 'login');
  assert.ok(login.properties.org_id !== undefined && login.properties.project_id !== undefined);
  assert.equal(filled(shown.succeeded, shown.stand_ins, login), JSON.stringify(login));
  assert.equal(shown.alias, null);
});

test('`usage preview --error` takes every code, and shows what the catalogue says', async (t) => {
  const place = await placeOf(t, 'unowned');
  const codes = Object.keys(RECORDED_MESSAGES) as (keyof typeof RECORDED_MESSAGES)[];
  for (const code of codes) {
    const { failed } = await preview(place, ['secret', 'set', 'KEY=value'], code);
    const { error_code, error_message } = failed?.properties ?? {};
    assert.deepEqual([error_code, error_message], [code, RECORDED_MESSAGES[code]]);
  }
});

test('`usage preview --error` with no such code names the one that was meant, or says where they are listed', async (t) => {
  const { home } = await placeOf(t, 'unowned');
  const wrong = async (code: string): Promise<string> =>
    (await usage(home, ['preview', '--error', code, '--', 'whoami'])).stderr;
  assert.match(
    await wrong('TIME_OUT'),
    /^Error: Invalid value for --error\.\nHint: Did you mean TIMED_OUT\?\n$/,
  );
  const none = await wrong('NOP');
  assert.match(none, /^Error: Invalid value for --error\.\nHint: .*--help/);
  const help = (await usage(home, ['preview', '--help'])).stdout;
  for (const code of Object.keys(RECORDED_MESSAGES)) assert.ok(help.includes(code), code);
});

test('`usage preview` of a command that is not tracked shows no event', async (t) => {
  const place = await placeOf(t, 'unowned');
  for (const line of ['usage status', 'usage preview -- secret list', 'secret list --help', '--version']) {
    const { command_name, succeeded, failed } = await preview(place, line.split(' '));
    assert.deepEqual([command_name, succeeded, failed], [null, null, null], line);
  }
});

test('`usage preview` tells of arguments that cannot succeed, with the error that is recorded', async (t) => {
  const place = await placeOf(t, 'unowned');
  const { succeeded, failed } = await preview(place, ['secret', 'unset']);
  assert.equal(succeeded, null);
  assert.equal(failed?.properties.error_code, 'INVALID_USAGE');
});

test('`usage preview` names the command and repeats none of its values', async (t) => {
  const place = await placeOf(t, 'unowned');
  for (const set of ['K=sk-canary', 'K sk-canary', '--env-file sk-canary', '--no-such=sk-canary']) {
    const line = ['secret', 'set', ...set.split(' ')];
    for (const json of [[], ['--json']]) {
      const { stdout, stderr } = await here(place, ['preview', ...json, '--', ...line]);
      assert.match(stdout, /arcade secret set|secret\.set/);
      assert.doesNotMatch(stdout + stderr, /canary/);
    }
  }
});

test('`usage preview` works when recording is off, makes no file, and opens no connection', async (t) => {
  const place = await placeOf(t, 'unowned');
  const off = { ...place, env: { ...place.env, DO_NOT_TRACK: '1', ARCADE_POSTHOG_API_KEY: 'phc_test' } };
  const { succeeded } = await preview(off, ['secret', 'list']);
  assert.equal(succeeded?.event, 'CLI execution succeeded');
  assert.equal(existsSync(place.home.directory), false);
  assert.equal(place.posthog.connections, 0);
  await usage(place.home, ['disable']);
  assert.equal((await preview(place, ['whoami'])).failed?.event, 'CLI execution failed');
});
