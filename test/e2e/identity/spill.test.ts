/** Commands whose database cannot be had: a lock, a repair, a missing native module, SIGKILL. Nothing is lost, and nothing counts twice. */
import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { arcade as cli, type Ran } from '../../support/cli.ts';
import { FAULTS } from '../../support/faults.ts';
import { statusOf } from '../../support/inside.ts';
import type { PostHog } from '../../support/posthog.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';
import { world } from '../../support/world.ts';

const NOWHERE = { ARCADE_URL: 'http://127.0.0.1:9' };

const command = (home: Sandbox, env = {}): Promise<Ran> =>
  cli(home, ['secret', 'list'], { env: { ...NOWHERE, ...env } });

const recorded = (home: Sandbox): number =>
  home.rows<{ value: number }>(`SELECT value FROM ledger WHERE name = 'recorded'`)[0]?.value ?? 0;

/** Delivers everything, and says what PostHog has. */
async function delivered(t: TestContext, home: Sandbox): Promise<ReturnType<PostHog['stored']>> {
  const { posthog } = await world(t);
  const env = posthog.env;
  const { exitCode, stderr } = await cli(home, ['usage', 'flush'], { env });
  assert.equal(exitCode, 0, stderr);
  return posthog.stored();
}

const holders: Readonly<Record<string, (home: Sandbox) => Database.Database>> = {
  'the write lock is held': (home) => home.hold(),
  'a repair is under way': ({ directory }) => {
    const db = new Database(join(directory, 'usage.repair.lock'));
    db.exec('BEGIN EXCLUSIVE');
    // Its first page is garbage, so the next command wants to repair it, too.
    const file = join(directory, 'usage.db');
    rmSync(file);
    for (const end of ['-wal', '-shm']) rmSync(file + end, { force: true });
    cpSync(join(directory, 'garbage'), file);
    return db;
  },
};

for (const [what, hold] of Object.entries(holders)) {
  test(`commands while ${what} end as ever, and their events are taken in afterwards`, async (t) => {
    const home = sandbox(t);
    home.write('garbage', 'x'.repeat(8192));
    const usual = await command(home);
    const held = hold(home);
    t.after(() => held.close());
    const many = await Promise.all(Array.from({ length: 5 }, () => command(home)));
    for (const { exitCode, stdout } of many)
      assert.deepEqual([exitCode, stdout], [usual.exitCode, usual.stdout]);
    assert.equal(home.spilled().length, 5);
    assert.equal((await statusOf(home)).spilled, 5);
    held.close();
    await command(home);
    assert.deepEqual(home.spilled(), []);
    const events = await delivered(t, home);
    const ids = new Set(events.map((event) => event.distinct_id));
    assert.ok(events.length >= 6, `${events.length} events`);
    assert.equal(ids.size, 1, 'all are the one anon_id’s');
    assert.equal(new Set(events.map((event) => event.uuid)).size, events.length);
  });
}

test('a program whose native module does not load spills, and one that does takes in', async (t) => {
  const home = sandbox(t);
  await command(home);
  const program = FAULTS['better-sqlite3 is missing']?.program?.(home);
  const broken = () => cli(home, ['secret', 'list'], { env: NOWHERE, program });
  for (let i = 0; i < 3; i += 1) assert.equal((await broken()).exitCode, 1);
  assert.equal(home.spilled().length, 3);
  await command(home);
  assert.deepEqual([home.spilled(), recorded(home)], [[], 5]);
});

const deaths = ['/spill/', 'after /spill/'] as const;
for (const at of deaths) {
  test(`a command killed ${at.replace('/spill/', 'the rename of its file')} loses no other's event, and counts none twice`, async (t) => {
    const home = sandbox(t);
    await command(home);
    const held = home.hold();
    await command(home);
    const { signal } = await killed(home, at);
    assert.equal(signal, 'SIGKILL');
    held.close();
    await command(home);
    const before = recorded(home);
    assert.equal(before, at.startsWith('after') ? 4 : 3);
    await command(home);
    assert.equal(recorded(home), before + 1);
  });
}

for (const at of ['INSERT INTO record', 'after INSERT INTO record']) {
  test(`a command killed at ${at} while it takes in: the events come with the next, once`, async (t) => {
    const home = sandbox(t);
    await command(home);
    const held = home.hold();
    for (let i = 0; i < 3; i += 1) await command(home);
    held.close();
    assert.equal((await killed(home, at)).signal, 'SIGKILL');
    assert.equal(home.spilled().length, 3);
    await command(home);
    assert.deepEqual([home.spilled(), recorded(home)], [[], 5]);
    assert.equal((await delivered(t, home)).length, 5);
  });
}

function killed(home: Sandbox, at: string): Promise<Ran> {
  const env = { ...NOWHERE, ARCADE_TEST_KILL_AT: at };
  return cli(home, ['secret', 'list'], { env, hook: 'kill-at.mjs' });
}
