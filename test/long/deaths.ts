/**
 * SIGKILL before each step of a command that spills, of one that takes in, and of `usage disable`, a step being a
 * change to a file or a statement. Of what was spilled before, nothing may be lost or count twice, and after a
 * `disable` that has begun nothing may come back. Ends with 1 where that does not hold.
 */
import { cpSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { execa } from 'execa';
import { baseEnvironment, arcade as cli, PROGRAM } from '../support/cli.ts';
import { openSandbox, removeHome, type Sandbox } from '../support/sandbox.ts';

const HOOK = join(import.meta.dirname, '..', 'support', 'kill-step.mjs');
const NOWHERE = { ARCADE_URL: 'http://127.0.0.1:9' };
const SPILLED = 3;

const command = (home: Sandbox): Promise<unknown> => cli(home, ['secret', 'list'], { env: NOWHERE });
const database = ({ directory }: Sandbox): Database.Database => new Database(join(directory, 'usage.db'));
const spilledIn = ({ directory }: Sandbox): string[] =>
  existsSync(join(directory, 'spill')) ? readdirSync(join(directory, 'spill')) : [];

/** How often the database has each of these uuids. */
function recorded(home: Sandbox, uuids: readonly string[]): number[] {
  const db = database(home);
  try {
    return uuids.map(
      (uuid) => db.prepare('SELECT count(*) FROM record WHERE uuid = ?').pluck().get(uuid) as number,
    );
  } finally {
    db.close();
  }
}

/** Whether it was killed; false when it has fewer steps. */
async function dies(home: Sandbox, args: readonly string[], step: number): Promise<boolean> {
  const { signal } = await execa(process.execPath, ['--import', HOOK, PROGRAM, ...args], {
    env: { ...baseEnvironment(home), ...NOWHERE, ARCADE_TEST_KILL_STEP: String(step) },
    extendEnv: false,
    reject: false,
    cwd: home.home,
    stdin: 'ignore',
  });
  return signal === 'SIGKILL';
}

interface Death {
  readonly args: readonly string[];
  /** The database cannot be had while it runs. */
  readonly held: boolean;
  /** What is wrong after one more command; `uuids` were spilled before. */
  readonly judge: (home: Sandbox, uuids: readonly string[]) => Promise<string | undefined>;
}

/** Each is there once, no file is left, and the sum of the counters is that of the rows. */
async function isWhole(home: Sandbox, uuids: readonly string[]): Promise<string | undefined> {
  await command(home);
  const files = spilledIn(home).filter((name) => name.endsWith('.json'));
  if (files.length > 0) return `left: ${files}`;
  const each = recorded(home, uuids);
  if (each.some((times) => times !== 1)) return `recorded ${each} times`;
  const db = database(home);
  const [rows, counted] = db
    .prepare(`SELECT (SELECT count(*) FROM record), (SELECT value FROM ledger WHERE name = 'recorded')`)
    .raw()
    .get() as number[];
  db.close();
  return rows === counted ? undefined : `${rows} rows, ${counted} counted`;
}

async function isGone(home: Sandbox, uuids: readonly string[]): Promise<string | undefined> {
  if (!existsSync(join(home.directory, 'usage.off'))) return await isWhole(home, uuids);
  const before = spilledIn(home).length;
  await command(home);
  if (spilledIn(home).length > before) return 'spilled although disabled';
  await cli(home, ['usage', 'enable']);
  await command(home);
  if (spilledIn(home).length > 0) return `left: ${spilledIn(home)}`;
  const each = recorded(home, uuids);
  return each.some((times) => times !== 0) ? `${each} came back` : undefined;
}

const DEATHS: Readonly<Record<string, Death>> = {
  'a command that spills': { args: ['secret', 'list'], held: true, judge: isWhole },
  'a command that takes in': { args: ['secret', 'list'], held: false, judge: isWhole },
  'usage disable': { args: ['usage', 'disable'], held: false, judge: isGone },
};

const before = openSandbox();
await command(before);
const holder = database(before);
holder.exec('BEGIN IMMEDIATE');
for (let i = 0; i < SPILLED; i += 1) await command(before);
holder.close();
const uuids = spilledIn(before).map((name) => name.replace('.json', ''));
if (uuids.length !== SPILLED) throw new Error(`${uuids.length} spilled`);

for (const [what, { args, held, judge }] of Object.entries(DEATHS)) {
  let step = 0;
  for (let killed = true; killed; ) {
    step += 1;
    const home = openSandbox();
    cpSync(before.directory, home.directory, { recursive: true });
    const lock = held ? database(home) : undefined;
    lock?.exec('BEGIN IMMEDIATE');
    killed = await dies(home, args, step);
    lock?.close();
    const wrong = await judge(home, uuids);
    if (wrong !== undefined) {
      console.log(`${what}, killed before step ${step}: ${wrong}`);
      process.exitCode = 1;
    }
    await removeHome(home);
  }
  console.log(`${what}: killed before each of ${step - 1} steps`);
}
await removeHome(before);
