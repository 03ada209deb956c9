/** Who events are sent as, seen from outside: the built program, its files, and real servers. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { arcade as cli, type Ran, TRACKED } from '../../support/cli.ts';
import { inside } from '../../support/inside.ts';
import { sandbox } from '../../support/sandbox.ts';
import { world } from '../../support/world.ts';

const NOTICE = 'Arcade collects CLI usage data';
/** Racing for the first identity. */
const MANY = 64;
/** Each with a key of its own, so that each begins another identity. */
const WRITERS = 24;

async function stageFor(t: TestContext) {
  const { home, arcade, posthog } = await world(t);
  /** In this process. */
  const go = (args: readonly string[], more: Record<string, string | undefined> = {}, input = '') =>
    inside(home, args, { env: { ...TRACKED, ARCADE_URL: arcade.url, ...more }, input });
  /** `secret list` as a process of its own. */
  const race = (more = {}): Promise<Ran> =>
    cli(home, ['secret', 'list'], { env: { ARCADE_URL: arcade.url, ...more } });
  const flush = (more = {}) => go(['usage', 'flush'], { ...posthog.env, ...more });
  return { home, arcade, posthog, go, race, flush };
}

test(`${MANY} racing first runs make one identity, lose nothing, and show the notice once`, async (t) => {
  const { home, race, posthog, flush } = await stageFor(t);
  const ran = await Promise.all(Array.from({ length: MANY }, () => race()));
  assert.equal(ran.filter(({ stderr }) => stderr.includes(NOTICE)).length, 1);
  assert.deepEqual(
    home.rows('SELECT anon_id FROM identity'),
    [{ anon_id: home.shared().anon_id }],
    'one identity, and usage.json has it',
  );
  await flush();
  assert.deepEqual(home.rows('SELECT count(*) AS n FROM record'), [{ n: MANY }]);
  assert.deepEqual(
    new Set(posthog.stored().map((event) => event.distinct_id)),
    new Set([home.shared().anon_id]),
  );
  assert.equal(posthog.stored().length, MANY);
});

test(`${WRITERS} writers of identity never tear usage.json, which is neither ahead of the database nor goes back`, async (t) => {
  const { home, arcade, go, race } = await stageFor(t);
  await go(['secret', 'list']);
  let writing = true;
  let looks = 0;
  const watch = async (): Promise<void> => {
    let last = 0;
    while (writing) {
      // It is written after the commit of what it says, and never goes back to what it said before.
      const { anon_id } = home.shared();
      const [row] = home.rows<{ id: number }>(`SELECT id FROM identity WHERE anon_id = '${anon_id}'`);
      assert.ok(row !== undefined && row.id >= last, `${row?.id} after ${last}`);
      last = row.id;
      looks += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const watching = watch();
  const strangers = Array.from({ length: WRITERS }, (_, i) => race({ ARCADE_API_KEY: `arc_${i}` }));
  await Promise.all(strangers);
  writing = false;
  await watching;
  assert.ok(looks > 5);
  const [current] = home.rows<{ anon_id: string }>('SELECT anon_id FROM identity WHERE retired_at IS NULL');
  assert.equal(home.shared().anon_id, current?.anon_id);
  // What a crowd keeps from the database is spilled.
  const recorded = home.rows('SELECT count(*) AS value FROM record');
  assert.deepEqual(home.rows(`SELECT value FROM ledger WHERE name = 'recorded'`), recorded);
  assert.deepEqual(
    readdirSync(home.directory).filter((name) => name.endsWith('.tmp')),
    [],
  );
  assert.ok(arcade.requests.length > 0);
});

test('a login takes along what was recorded before, and an account switch takes nothing', async (t) => {
  const { home, arcade, posthog, go, flush } = await stageFor(t);
  const [a, b] = [arcade.user('A'), arcade.user('B')];
  await go(['secret', 'list']);
  await go(['login', '--api-key'], {}, `${a.api_keys[0]}\n`);
  const first = home.shared();
  assert.equal(first.linked_principal_id, a.account_id);
  home.signInWithKey(b.api_keys[0] ?? '', arcade.coordinator.url);
  await go(['secret', 'list']);
  assert.notEqual(home.shared().anon_id, first.anon_id);
  await flush();
  const persons = posthog.persons().map(({ distinct_ids }) => new Set(distinct_ids));
  assert.deepEqual(persons, [
    new Set([a.account_id, first.anon_id]),
    new Set([b.account_id, home.shared().anon_id]),
  ]);
  assert.deepEqual(posthog.warnings, []);
});

test('two clones of an image in which a command was run are two persons', async (t) => {
  const { home, arcade, posthog, go, flush } = await stageFor(t);
  await go(['secret', 'list']);
  await flush();
  for (const name of ['A', 'B']) {
    const clone = sandbox(t);
    cpSync(home.directory, clone.directory, { recursive: true });
    const env = { HOME: clone.home };
    await go(['login', '--api-key'], env, `${arcade.user(name).api_keys[0]}\n`);
    await flush(env);
  }
  const owners = ['A', 'B'].map((name) => arcade.user(name).account_id);
  const persons = posthog
    .persons()
    .map(({ distinct_ids }) => owners.filter((id) => distinct_ids.includes(id)));
  assert.deepEqual(persons.filter((owned) => owned.length > 0).sort(), owners.map((id) => [id]).sort());
  assert.ok(
    !JSON.stringify(posthog.stored()).includes('$create_alias'),
    'the id of the image is joined to no one',
  );
});

test('a fresh container with a key in its environment sends its event and no alias; a login sends one', async (t) => {
  const { arcade, posthog, go, flush } = await stageFor(t);
  const [key = ''] = arcade.user('A').api_keys;
  const aliases = (): number => posthog.stored().filter(({ event }) => event === '$create_alias').length;
  for (let job = 1; job <= 2; job += 1) {
    const env = { HOME: sandbox(t).home, ARCADE_API_KEY: key };
    await go(['secret', 'list'], env);
    await flush(env);
    assert.deepEqual([posthog.stored().length, aliases()], [job, 0]);
  }
  await go(['login', '--api-key'], {}, `${key}\n`);
  await flush();
  assert.equal(aliases(), 1);
});

test('a linked identity with unchanged credentials sends no request to the coordinator', async (t) => {
  const { arcade, go, flush } = await stageFor(t);
  await go(['login', '--api-key'], {}, `${arcade.user('A').api_keys[0]}\n`);
  const before = arcade.requests.filter(({ path }) => path.includes('/auth/')).length;
  for (let i = 0; i < 3; i += 1) {
    await go(['secret', 'list']);
    await flush();
  }
  assert.equal(arcade.requests.filter(({ path }) => path.includes('/auth/')).length, before);
});

test('a link of the Python CLI is not aliased a second time, and its rotation is followed', async (t) => {
  const { home, arcade, posthog, go, flush } = await stageFor(t);
  const a = arcade.user('A');
  await go(['secret', 'list']);
  const { anon_id } = home.shared();
  const path = join(home.directory, 'usage.json');
  writeFileSync(path, JSON.stringify({ anon_id, linked_principal_id: a.account_id }, null, 2));
  home.signInWithKey(a.api_keys[0] ?? '', arcade.coordinator.url);
  await go(['secret', 'list']);
  await flush();
  assert.deepEqual(
    posthog
      .stored()
      .map((event) => event.event)
      .filter((name) => name === '$create_alias'),
    [],
  );
  const next = 'a2f5ad1e-61b4-4b60-a0f0-7ac1a3f3a001';
  writeFileSync(path, JSON.stringify({ anon_id: next, linked_principal_id: null }, null, 2));
  await go(['secret', 'list']);
  assert.deepEqual(home.shared(), { anon_id: next, linked_principal_id: a.account_id });
});

test('recording that is off creates nothing, and a logout is noticed later', async (t) => {
  const { home, arcade, go } = await stageFor(t);
  const off = { ARCADE_USAGE_TRACKING: '0' };
  await go(['secret', 'list'], off);
  assert.throws(() => statSync(join(home.directory, 'usage.db')));
  await go(['login', '--api-key'], {}, `${arcade.user('A').api_keys[0]}\n`);
  const before = home.shared();
  await go(['logout'], off);
  assert.deepEqual(home.shared(), before);
  await go(['secret', 'list']);
  assert.notEqual(home.shared().anon_id, before.anon_id);
  assert.equal(home.shared().linked_principal_id, null);
});

test('`usage identity` lists the past identities, and `usage status` names the next', async (t) => {
  const { arcade, go } = await stageFor(t);
  const account = arcade.user('A').account_id;
  assert.deepEqual(JSON.parse((await go(['usage', 'identity', '--json'])).stdout), { identities: [] });
  await go(['secret', 'list']);
  assert.match((await go(['usage', 'status'])).stdout, /an anonymous id, [-0-9a-f]{36} \(not logged in\)/);
  await go(['login', '--api-key'], {}, `${arcade.user('A').api_keys[0]}\n`);
  assert.ok((await go(['usage', 'status'])).stdout.includes(`your account, ${account}`));
  await go(['logout']);
  const { identities } = JSON.parse((await go(['usage', 'identity', '--json'])).stdout) as {
    identities: Record<string, unknown>[];
  };
  assert.partialDeepStrictEqual(identities, [
    { principal_id: account, state: 'linked', current: false, alias: 'pending', pending: 3 },
    { principal_id: null, state: 'anonymous', current: true, alias: null, pending: 0 },
  ]);
  const { stdout } = await go(['usage', 'identity']);
  assert.match(stdout, /current/);
  assert.match(stdout, /not logged in/);
});
