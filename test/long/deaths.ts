/**
 * SIGKILL before each step of a command that spills, of one that takes in, of one that sets a damaged database aside, and
 * of `usage disable`, a step being a change to a file or a statement. Of what was kept before, nothing may be lost or
 * count twice, and after a `disable` that has begun nothing may come back. Ends with 1 where that does not hold.
 */
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { arcade as cli } from '../support/cli.ts';
import { overwritePages } from '../support/damage.ts';
import { hold } from '../support/holder.ts';
import { openSandbox, removeHome, type Sandbox } from '../support/sandbox.ts';

const NOWHERE = { ARCADE_URL: 'http://127.0.0.1:9' };
const KEPT = 3;

const command = (home: Sandbox): Promise<unknown> => cli(home, ['secret', 'list'], { env: NOWHERE });

/** How often the database has each of these uuids. */
function recorded(home: Sandbox, uuids: readonly string[]): number[] {
  const rows = home.rows<{ uuid: string }>('SELECT uuid FROM record');
  return uuids.map((uuid) => rows.filter((row) => row.uuid === uuid).length);
}

/** Whether it was killed; false when it has fewer steps. */
async function dies(home: Sandbox, args: readonly string[], step: number): Promise<boolean> {
  const env = { ...NOWHERE, ARCADE_TEST_KILL_STEP: String(step) };
  return (await cli(home, args, { env, hook: 'kill-step.mjs' })).signal === 'SIGKILL';
}

interface Death {
  readonly before: Kept;
  readonly args: readonly string[];
  /** What another process has done that has the database open while it runs, and dies after it. */
  readonly held?: string;
  /** What is wrong after one more command; `uuids` were kept before. */
  readonly judge: (home: Sandbox, uuids: readonly string[]) => Promise<string | undefined>;
}

/** Each is there once, no file is left, and the sum of the counters is that of the rows. */
async function isWhole(home: Sandbox, uuids: readonly string[]): Promise<string | undefined> {
  await command(home);
  const files = home.spilled().filter((name) => name.endsWith('.json'));
  if (files.length > 0) return `left: ${files}`;
  const each = recorded(home, uuids);
  if (each.some((times) => times !== 1)) return `recorded ${each} times`;
  const rows = home.rows('SELECT id FROM record').length;
  const counted = home.rows<{ value: number }>(`SELECT value FROM ledger WHERE name = 'recorded'`)[0]?.value;
  return rows === counted ? undefined : `${rows} rows, ${counted} counted`;
}

async function isGone(home: Sandbox, uuids: readonly string[]): Promise<string | undefined> {
  if (!existsSync(join(home.directory, 'usage.off'))) return await isWhole(home, uuids);
  const before = home.spilled().length;
  await command(home);
  if (home.spilled().length > before) return 'spilled although disabled';
  await cli(home, ['usage', 'enable']);
  await command(home);
  if (home.spilled().length > 0) return `left: ${home.spilled()}`;
  const each = recorded(home, uuids);
  return each.some((times) => times !== 0) ? `${each} came back` : undefined;
}

/** A flusher recovers before it tries to send. */
async function isRecovered(home: Sandbox, uuids: readonly string[]): Promise<string | undefined> {
  await command(home);
  await cli(home, ['usage', 'flush'], {
    env: { ARCADE_POSTHOG_HOST: 'http://127.0.0.1:9', ARCADE_POSTHOG_API_KEY: 'phc_test' },
  });
  return await isWhole(home, uuids);
}

interface Kept {
  readonly home: Sandbox;
  readonly uuids: readonly string[];
}

async function withSpilled(): Promise<Kept> {
  const home = openSandbox();
  await command(home);
  const holder = home.hold();
  for (let i = 0; i < KEPT; i += 1) await command(home);
  holder.close();
  return { home, uuids: home.spilled().map((name) => name.replace('.json', '')) };
}

/** A page of its database is damaged that no command writes; what was recorded last is in the log alone. */
async function withDamage(): Promise<Kept> {
  const [live, home] = [openSandbox(), openSandbox()];
  await command(live);
  const reader = new Database(join(live.directory, 'usage.db'));
  reader.exec('BEGIN');
  const sql = `SELECT rootpage FROM sqlite_schema WHERE name = 'installation'`;
  const page = reader.prepare(sql).pluck().get() as number;
  for (let i = 0; i < KEPT; i += 1) await command(live);
  for (const name of ['usage.db', 'usage.db-wal', 'usage.json', 'usage.key'])
    cpSync(join(live.directory, name), join(home.directory, name));
  overwritePages(join(home.directory, 'usage.db'), page);
  reader.close();
  const uuids = live.rows<{ uuid: string }>('SELECT uuid FROM record ORDER BY id').map(({ uuid }) => uuid);
  await removeHome(live);
  return { home, uuids: uuids.slice(1) };
}

const [spilled, damaged] = [await withSpilled(), await withDamage()];
const DEATHS: Readonly<Record<string, Death>> = {
  'a command that spills': {
    before: spilled,
    args: ['secret', 'list'],
    held: 'BEGIN IMMEDIATE',
    judge: isWhole,
  },
  'a command that takes in': { before: spilled, args: ['secret', 'list'], judge: isWhole },
  'a command that meets damage': {
    before: damaged,
    args: ['secret', 'list'],
    held: 'BEGIN; SELECT * FROM record',
    judge: isRecovered,
  },
  'usage disable': { before: spilled, args: ['usage', 'disable'], judge: isGone },
};

for (const [what, { before, args, held, judge }] of Object.entries(DEATHS)) {
  if (before.uuids.length !== KEPT) throw new Error(`${before.uuids.length} kept`);
  let step = 0;
  for (let killed = true; killed; ) {
    step += 1;
    const home = openSandbox();
    cpSync(before.home.directory, home.directory, { recursive: true });
    const letGo = held && (await hold(join(home.directory, 'usage.db'), held));
    killed = await dies(home, args, step);
    if (letGo) await letGo();
    const wrong = await judge(home, before.uuids);
    if (wrong !== undefined) {
      console.log(`${what}, killed before step ${step}: ${wrong}`);
      process.exitCode = 1;
    }
    await removeHome(home);
  }
  console.log(`${what}: killed before each of ${step - 1} steps`);
}
for (const { home } of [spilled, damaged]) await removeHome(home);
