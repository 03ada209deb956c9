/**
 * Many commands at the same moment on a starved machine: two busy loops beside 256 of them on an empty home and 64 on a
 * full one, before and after a switch of account; and a lock that is held for half a minute. Every event must reach
 * PostHog once, with its owner. Ends with 1 where one does not.
 */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type Arcade, startArcade } from '../support/arcade.ts';
import { arcade as cli } from '../support/cli.ts';
import { type PostHog, startPostHog } from '../support/posthog.ts';
import { fillSpool } from '../support/queue.ts';
import { openSandbox, removeHome, type Sandbox } from '../support/sandbox.ts';

const FULL = 9_000;
const HELD_MS = 30_000;
const BUSY_LOOPS = 2;

interface Stage {
  readonly home: Sandbox;
  readonly arcade: Arcade;
  readonly posthog: PostHog;
}

interface Crowd {
  readonly commands: number;
  readonly waiting: number;
}

async function onStage(play: (stage: Stage) => Promise<boolean>): Promise<void> {
  const [arcade, posthog] = await Promise.all([startArcade(), startPostHog()]);
  const home = openSandbox();
  const busy = Array.from({ length: BUSY_LOOPS }, () => spawn(process.execPath, ['-e', 'for (;;);']));
  try {
    if (!(await play({ home, arcade, posthog }))) process.exitCode = 1;
  } finally {
    for (const loop of busy) loop.kill('SIGKILL');
    await Promise.all([arcade.close(), posthog.close()]);
    await removeHome(home);
  }
}

/** The same command, so many times at once, as the one who is signed in. Returns how long the slowest took, in ms. */
async function together(stage: Stage, commands: number): Promise<number> {
  const took = await Promise.all(
    Array.from({ length: commands }, async () => {
      const began = performance.now();
      // Starved of the processor it may fail for the network's time limits; it records that as well.
      await cli(stage.home, ['secret', 'list'], { env: environmentOf(stage) });
      return performance.now() - began;
    }),
  );
  return Math.round(Math.max(...took));
}

/** The commands have nowhere to send to, so that nothing is taken in between them by a flusher. */
const environmentOf = ({ arcade }: Stage): Record<string, string> => ({ ARCADE_URL: arcade.url });

async function flush({ home, arcade, posthog }: Stage): Promise<void> {
  const env = {
    ARCADE_URL: arcade.url,
    ...posthog.env,
  };
  const { exitCode, stderr } = await cli(home, ['usage', 'flush', '--timeout', '60'], { env });
  if (exitCode !== 0) throw new Error(stderr);
}

/** Events that PostHog has of an account, or with null of no account, and whether any counts twice. */
function arrived({ posthog, arcade }: Stage, who: string | null): number {
  const ids = ['A', 'B'].map((name) => arcade.user(name).account_id);
  const events = posthog.stored().filter(({ event }) => event !== '$create_alias');
  if (new Set(events.map(({ uuid }) => uuid)).size !== events.length) throw new Error('an event came twice');
  const wanted = who === null ? undefined : arcade.user(who).account_id;
  return events.filter(({ distinct_id: id }) => (wanted === undefined ? !ids.includes(id) : id === wanted))
    .length;
}

async function crowd(stage: Stage, { commands, waiting }: Crowd): Promise<boolean> {
  const { home, arcade } = stage;
  mkdirSync(home.directory, { mode: 0o700 });
  if (waiting > 0) fillSpool(home.directory, waiting);
  const rows: string[] = [];
  for (const who of ['A', 'B']) {
    home.signInWithKey(arcade.user(who).api_keys[0] ?? '', arcade.coordinator.url);
    const slowestMs = await together(stage, commands);
    rows.push(`${home.spilled().length} spilled, the slowest took ${slowestMs} ms`);
    await flush(stage);
  }
  const [a, b, others] = [arrived(stage, 'A'), arrived(stage, 'B'), arrived(stage, null)];
  console.log(
    `${commands} at once, ${waiting} waiting: ${a} and, after a switch of account, ${b} with their owner, ${others} others (${rows.join('; ')})`,
  );
  return a === commands && b === commands && others === waiting && home.spilled().length === 0;
}

async function held(stage: Stage): Promise<boolean> {
  const { home, arcade } = stage;
  home.signInWithKey(arcade.user('A').api_keys[0] ?? '', arcade.coordinator.url);
  let commands = 1;
  await together(stage, commands);
  const held = home.hold();
  const until = performance.now() + HELD_MS;
  let slowestMs = 0;
  while (performance.now() < until) {
    slowestMs = Math.max(slowestMs, await together(stage, 8));
    commands += 8;
    await pause(1_000);
  }
  const spilled = home.spilled().length;
  held.close();
  await flush(stage);
  const a = arrived(stage, 'A');
  console.log(
    `a lock held for ${HELD_MS / 1000} s: ${spilled} of ${commands} spilled, ${a} with their owner, the slowest took ${slowestMs} ms`,
  );
  return a === commands && spilled === commands - 1 && home.spilled().length === 0;
}

await onStage((stage) => crowd(stage, { commands: 256, waiting: 0 }));
await onStage((stage) => crowd(stage, { commands: 64, waiting: FULL }));
await onStage(held);
