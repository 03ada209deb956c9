/** SIGKILL at every point that matters; one more command and a drain later all is as if nothing had happened. */
import assert from 'node:assert/strict';
import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startArcadeCli } from '../../support/cli.ts';
import { inside } from '../../support/inside.ts';
import { until } from '../../support/until.ts';
import { type World, world } from '../../support/world.ts';

/** Which of the four commands of the story dies, how, and where. */
interface Point {
  readonly dies: 'the first command' | 'the login' | 'the command after it' | 'the drain';
  /** Credentials written by hand: nobody knows whose they are before the drain has asked. */
  readonly byHand?: true;
  readonly at: string;
}

const EXPORTED = 'UPDATE installation SET export_stamp';
const points: readonly Point[] = [
  ...['INSERT INTO identity', 'INSERT INTO record', 'UPDATE installation SET notice_shown_at'].map(
    (at) => ({ dies: 'the first command', at }) as const,
  ),
  ...[
    'after UPDATE installation SET notice_shown_at',
    'rename',
    'after rename',
    EXPORTED,
    `after ${EXPORTED}`,
  ].map((at) => ({ dies: 'the first command', at }) as const),
  ...[
    'INTO account',
    'UPDATE identity SET principal_id',
    'INSERT INTO record',
    'after INSERT INTO record',
  ].map((at) => ({ dies: 'the login', at }) as const),
  ...['usage.json', 'after rename', EXPORTED, `after ${EXPORTED}`].map(
    (at) => ({ dies: 'the login', at }) as const,
  ),
  { dies: 'the command after it', at: 'INSERT INTO record' },
  { dies: 'the command after it', at: 'after INSERT INTO record' },
  ...[
    'INTO account',
    'after rename',
    'UPDATE record SET distinct_id',
    'after UPDATE record SET distinct_id',
  ].map((at) => ({ dies: 'the drain', byHand: true, at }) as const),
  ...[
    'UPDATE record SET sealed',
    'after UPDATE record SET sealed',
    `SET state = 'delivered'`,
    `after UPDATE record SET state = 'delivered'`,
  ].map((at) => ({ dies: 'the drain', at }) as const),
];

type Stage = Pick<World, 'home' | 'arcade' | 'posthog'>;

for (const point of points) {
  const where = point.byHand ? `${point.at}, with credentials made by hand` : point.at;
  test(`${point.dies} killed at ${where}: nothing shows it afterwards`, async (t) => {
    const stage = await world(t);
    const kill = (who: Point['dies']): string | undefined => (point.dies === who ? point.at : undefined);
    await run(stage, ['secret', 'list'], kill('the first command'));
    if (point.byHand) stage.home.signInWithKey(keyOf(stage), stage.arcade.coordinator.url);
    else await run(stage, ['login', '--api-key'], kill('the login'));
    await run(stage, ['secret', 'list'], kill('the command after it'));
    await run(stage, ['usage', 'flush'], kill('the drain'));
    await run(stage, ['secret', 'list']);
    ageDrafts(stage.home.directory);
    await run(stage, ['usage', 'flush']);
    await verify(stage);
  });
}

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
  const env = { ...environmentOf(stage, args), ARCADE_USAGE_TRACKING: undefined };
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
