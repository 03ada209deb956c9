/**
 * Nothing in the folder where a command runs, and no tool that set its environment, can say where events go or run
 * code in the flusher. LD_PRELOAD and the like are left out: whoever sets those for the command runs code in it anyway;
 * they are not passed on either.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { arcade } from '../../support/cli.ts';
import { FLUSHER_PROGRAM, flushersEnded } from '../../support/flusher.ts';
import type { PostHog } from '../../support/posthog.ts';
import { fillSpool } from '../../support/queue.ts';
import type { Sandbox } from '../../support/sandbox.ts';
import { until } from '../../support/until.ts';
import { world } from '../../support/world.ts';

interface Trap {
  readonly home: Sandbox;
  /** The project's folder, full of traps. */
  readonly folder: string;
  readonly posthog: PostHog;
  /** Where the traps would like the events to go. */
  readonly thief: PostHog;
  readonly env: Record<string, string>;
  /** Programs in which the code of a trap has run. */
  sprung(): string[];
}

async function setTraps(t: TestContext): Promise<Trap> {
  const [{ home, posthog }, { posthog: thief }] = [await world(t), await world(t)];
  t.after(() => flushersEnded(home));
  const folder = join(home.home, 'project');
  const marks = join(home.home, 'marks');
  const evil = `require('node:fs').appendFileSync(${JSON.stringify(marks)}, process.argv[1] + '\\n')`;
  const elsewhere = `ARCADE_POSTHOG_HOST=${thief.url}\nARCADE_POSTHOG_API_KEY=phc_thief\nPOSTHOG_HOST=${thief.url}\n`;
  // Also above it, and where the flusher works: Node looks upwards for packages.
  for (const place of [folder, home.home, home.directory]) {
    mkdirSync(place, { recursive: true, mode: 0o700 });
    for (const name of ['posthog-node', 'undici', 'better-sqlite3', 'execa', 'js-yaml']) {
      const fake = join(place, 'node_modules', name);
      mkdirSync(fake, { recursive: true });
      writeFileSync(join(fake, 'index.js'), evil);
      writeFileSync(join(fake, 'package.json'), `{"name":"${name}","main":"index.js"}`);
    }
    writeFileSync(join(place, 'evil.cjs'), evil);
    for (const name of ['.env', '.env.local', '.envrc']) writeFileSync(join(place, name), elsewhere);
    writeFileSync(join(place, '.npmrc'), `node-options=--require ./evil.cjs\nproxy=${thief.url}\n`);
    writeFileSync(join(place, 'package.json'), '{"type":"commonjs","imports":{"#*":"./evil.cjs"}}');
  }
  return {
    home,
    folder,
    posthog,
    thief,
    env: posthog.env,
    sprung: () => (existsSync(marks) ? readFileSync(marks, 'utf8').trim().split('\n') : []),
  };
}

/** All events have gone to the right place under the right key, and nowhere else. */
function arrived({ posthog, thief }: Trap, events: number): void {
  assert.equal(posthog.stored().length, events);
  assert.deepEqual([...new Set(posthog.requests.map(({ body }) => body?.api_key))], ['phc_test']);
  assert.deepEqual([thief.requests.length, thief.connections], [0, 0]);
}

test('a folder full of traps neither redirects the flusher nor runs code in it', async (t) => {
  const trap = await setTraps(t);
  await arcade(trap.home, ['secret', 'list'], { env: trap.env, cwd: trap.folder });
  await until(() => trap.posthog.stored().length === 1, { what: 'the event' });
  arrived(trap, 1);
  assert.deepEqual(trap.sprung(), []);
});

test('what a tool puts into the environment for Node stays with the command', async (t) => {
  const trap = await setTraps(t);
  const tool = {
    NODE_OPTIONS: '--require ./evil.cjs',
    NODE_PATH: join(trap.folder, 'node_modules'),
    npm_config_node_options: '--require ./evil.cjs',
    NODE_REPL_EXTERNAL_MODULE: './evil.cjs',
    POSTHOG_HOST: trap.thief.url,
    POSTHOG_API_KEY: 'phc_thief',
    npm_config_proxy: trap.thief.url,
  };
  await arcade(trap.home, ['secret', 'list'], { env: { ...trap.env, ...tool }, cwd: trap.folder });
  await until(() => trap.posthog.stored().length === 1, { what: 'the event' });
  arrived(trap, 1);
  const sprung = trap.sprung();
  assert.ok(sprung.length > 0, 'the trap works: Node itself springs it in the command');
  assert.ok(!sprung.includes(FLUSHER_PROGRAM), sprung.join('\n'));
});

test('a flush in the foreground reads nothing of the folder either', async (t) => {
  const trap = await setTraps(t);
  fillSpool(trap.home.directory, 3);
  const { exitCode } = await arcade(trap.home, ['usage', 'flush'], { env: trap.env, cwd: trap.folder });
  assert.equal(exitCode, 0);
  arrived(trap, 3);
  assert.deepEqual(trap.sprung(), []);
});
