/** SIGKILL at every point that matters; one more command and a drain later all is as if nothing had happened. */
import assert from 'node:assert/strict';
import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startArcadeCli, TRACKED } from '../../support/cli.ts';
import { inside } from '../../support/inside.ts';
import { until } from '../../support/until.ts';
import { type World, world } from '../../support/world.ts';

const EXPORTED = 'UPDATE installation SET export_stamp';
const NOTICE = 'UPDATE installation SET notice_shown_at';
const DELIVERED = `UPDATE record SET state = 'delivered'`;
/** A moment right before each statement and rename that matters, and right after some. */
const both = (at: string): string[] => [at, `after ${at}`];
/** Which of the four commands of the story dies, and where. */
const POINTS = {
  'the first command': [
    'INSERT INTO identity',
    'INSERT INTO record',
    ...[NOTICE, 'rename', EXPORTED].flatMap(both),
  ],
  'the login': [
    ...['INTO account', 'UPDATE identity SET principal_id', ...both('INSERT INTO record')],
    ...['usage.json', 'after rename', ...both(EXPORTED)],
  ],
  'the command after it': both('INSERT INTO record'),
  'the drain': ['UPDATE record SET sealed', DELIVERED].flatMap(both),
  // Nobody knows whose they are before the drain has asked.
  'the drain with credentials made by hand': [
    ...['INTO account', 'after rename', ...both('UPDATE record SET distinct_id')],
  ],
} as const;

type Stage = Pick<World, 'home' | 'arcade' | 'posthog'>;

for (const [dies, points] of Object.entries(POINTS))
  for (const at of points)
    test(`${dies} killed at ${at}: nothing shows it afterwards`, async (t) => {
      const stage = await world(t);
      const kill = (who: string): string | undefined => (dies.startsWith(who) ? at : undefined);
      await run(stage, ['secret', 'list'], kill('the first command'));
      if (dies.endsWith('by hand')) stage.home.signInWithKey(keyOf(stage), stage.arcade.coordinator.url);
      else await run(stage, ['login', '--api-key'], kill('the login'));
      await run(stage, ['secret', 'list'], kill('the command after it'));
      await run(stage, ['usage', 'flush'], kill('the drain'));
      await run(stage, ['secret', 'list']);
      ageDrafts(stage.home.directory);
      await run(stage, ['usage', 'flush']);
      await verify(stage);
    });

test('a drain killed while PostHog answers sends the same again, and it counts once', async (t) => {
  const stage = await world(t);
  await run(stage, ['secret', 'list']);
  await run(stage, ['login', '--api-key']);
  stage.posthog.fault({ kind: 'hang', stores: true });
  const drain = start(stage, ['usage', 'flush']);
  await until(() => stage.posthog.requests.some(({ status }) => status === 'hung'), {
    what: 'the request',
    timeoutMs: 60_000,
  });
  drain.kill('SIGKILL');
  await drain;
  await run(stage, ['secret', 'list']);
  await run(stage, ['usage', 'flush']);
  await verify(stage);
  assert.ok(stage.posthog.duplicates() > 0);
});

/** A draft that may still be in use is left alone for an hour. */
function ageDrafts(directory: string): void {
  const then = Date.now() / 1000 - 2 * 3600;
  for (const name of readdirSync(directory).filter((each) => each.endsWith('.tmp')))
    utimesSync(join(directory, name), then, then);
}

const keyOf = ({ arcade }: Stage): string => arcade.user('A').api_keys[0] ?? '';

function environmentOf(stage: Stage, args: readonly string[]): Record<string, string> {
  const destination = stage.posthog.env;
  // The commands have nowhere to send to, so that no flusher comes in between.
  return { ARCADE_URL: stage.arcade.url, ...(args[1] === 'flush' ? destination : {}) };
}

const inputOf = (stage: Stage, args: readonly string[]): string =>
  args[0] === 'login' ? `${keyOf(stage)}\n` : '';

/** As a process of its own, which can be killed. */
function start(stage: Stage, args: readonly string[], killAt = '') {
  const env = { ...environmentOf(stage, args), ARCADE_TEST_KILL_AT: killAt };
  return startArcadeCli(stage.home, args, { env, input: inputOf(stage, args), hook: 'kill-at.mjs' });
}

async function run(stage: Stage, args: readonly string[], killAt?: string): Promise<string> {
  if (killAt !== undefined) {
    const { signal, stderr } = await start(stage, args, killAt);
    assert.equal(signal, 'SIGKILL', `${args.join(' ')}: ${stderr}`);
    return '';
  }
  const env = { ...environmentOf(stage, args), ...TRACKED };
  const { stdout } = await inside(stage.home, args, { env, input: inputOf(stage, args) });
  return stdout;
}

async function verify(stage: Stage): Promise<void> {
  const { posthog, home, arcade } = stage;
  const account = arcade.user('A').account_id;
  const status = await run(stage, ['usage', 'status', '--json']);
  const { ledger } = JSON.parse(status) as { ledger: Record<string, number> };
  assert.equal(ledger.recorded, ledger.delivered, 'all that was recorded is delivered');
  const stored = posthog.stored();
  assert.equal(stored.length, ledger.recorded);
  assert.deepEqual(posthog.warnings, []);
  assert.deepEqual(new Set(stored.map((event) => event.person_id)), new Set([posthog.personOf(account)]));
  const aliases = stored.filter((event) => event.event === '$create_alias');
  assert.equal(aliases.length, 1);
  assert.deepEqual(home.shared(), { anon_id: aliases[0]?.properties.alias, linked_principal_id: account });
  const left = readdirSync(home.directory).filter((name) => name.endsWith('.tmp'));
  assert.deepEqual(left, [], 'no draft of usage.json is left');
}
