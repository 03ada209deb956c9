/**
 * SIGKILL before each step of a command that spills, of one that takes in, and of `usage disable`, a step being a
 * change to a file or a statement. Of what was spilled before, nothing may be lost or count twice, and after a
 * `disable` that has begun nothing may come back. Ends with 1 where that does not hold.
 */
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { arcade as cli } from '../support/cli.ts';
import { openSandbox, removeHome, type Sandbox } from '../support/sandbox.ts';

const NOWHERE = { ARCADE_URL: 'http://127.0.0.1:9' };
const SPILLED = 3;

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
  readonly args: readonly string[];
  /** The database cannot be had while it runs. */
  readonly held: boolean;
  /** What is wrong after one more command; `uuids` were spilled before. */
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

const DEATHS: Readonly<Record<string, Death>> = {
  'a command that spills': { args: ['secret', 'list'], held: true, judge: isWhole },
  'a command that takes in': { args: ['secret', 'list'], held: false, judge: isWhole },
  'usage disable': { args: ['usage', 'disable'], held: false, judge: isGone },
};

const before = openSandbox();
await command(before);
const holder = before.hold();
for (let i = 0; i < SPILLED; i += 1) await command(before);
holder.close();
const uuids = before.spilled().map((name) => name.replace('.json', ''));
if (uuids.length !== SPILLED) throw new Error(`${uuids.length} spilled`);

for (const [what, { args, held, judge }] of Object.entries(DEATHS)) {
  let step = 0;
  for (let killed = true; killed; ) {
    step += 1;
    const home = openSandbox();
    cpSync(before.directory, home.directory, { recursive: true });
    const lock = held ? home.hold() : undefined;
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
