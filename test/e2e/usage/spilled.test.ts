/** What a person sees of events that the database could not take in time, and what becomes of them by a person's word. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { spillCapture } from '../../../src/usage/append/append.ts';
import { uuidv7 } from '../../../src/usage/event/uuid.ts';
import { MAX_SPILLED } from '../../../src/usage/spool/spill.ts';
import { statusOf, usage, usageJson } from '../../support/inside.ts';
import { command, makeSpool, sampleEntry } from '../../support/queue.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';

interface Listed {
  readonly records: readonly { id: number; uuid: string; state: string; distinct_id: string | null }[];
}

/** A home in which one event is in the database, and so many are spilled. */
function spilledHome(t: TestContext, spilled: number): Sandbox {
  const home = sandbox(t);
  const spool = makeSpool(home.directory);
  command(spool, Date.now(), {});
  spool.close();
  spillMore(home, spilled);
  return home;
}

function spillMore(home: Sandbox, many: number): void {
  mkdirSync(home.directory, { recursive: true, mode: 0o700 });
  for (let i = 0; i < many; i += 1) spillCapture(home.directory, sampleEntry(Date.now() + i));
}

test('`usage status` counts spilled events beside the ledger', async (t) => {
  const home = spilledHome(t, 3);
  const { spilled, ledger } = await statusOf(home);
  assert.deepEqual([spilled, ledger.recorded], [3, 1]);
  assert.match((await usage(home, ['status'])).stdout, /Spilled +3 events, until the database can be used/);
});

test('`usage list`, `show`, `export`, `stats`, `report` and `preview` show spilled events as the next command takes them in', async (t) => {
  const home = spilledHome(t, 3);
  const before = home.spilled();
  const { records } = await usageJson<Listed>(home, 'list');
  assert.deepEqual(
    records.map(({ id, state }) => [id, state]),
    [1, 2, 3, 4].map((id) => [id, 'pending']),
  );
  assert.equal(new Set(records.map(({ distinct_id }) => distinct_id)).size, 1, 'the one anon_id');
  const shown = await usageJson<{ record: { uuid: string } }>(home, 'show', '4');
  assert.equal(shown.record.uuid, records[3]?.uuid);
  assert.equal((await usage(home, ['export'])).stdout.trim().split('\n').length, 4);
  assert.match((await usage(home, ['stats'])).stdout, /\b4\b/);
  for (const { uuid } of records)
    assert.ok((await usage(home, ['report', '--output', '-'])).stdout.includes(uuid), uuid);
  const line = ['preview', '--', 'secret', 'list'];
  const { succeeded } = await usageJson<{ succeeded: { distinct_id: string } }>(home, ...line);
  assert.equal(succeeded.distinct_id, records[0]?.distinct_id);
  assert.deepEqual(home.spilled(), before, 'looking changes nothing');
});

test('`usage list` shows events that all were spilled, on a home without a database', async (t) => {
  const home = sandbox(t);
  spillMore(home, 2);
  assert.equal((await usageJson<Listed>(home, 'list')).records.length, 2);
  assert.equal(existsSync(join(home.directory, 'usage.db')), false);
});

test('`usage doctor` counts spilled events, and tells of files that are none and of too many', async (t) => {
  type Findings = Record<'findings' | 'passed', { code: string; message: string }[]>;
  const home = spilledHome(t, 2);
  const spill = (await usageJson<Findings>(home, 'doctor')).passed.find(({ code }) => code === 'spill');
  assert.equal(spill?.message, 'Events that wait in files for the database: 2.');
  const folder = join(home.directory, 'spill');
  writeFileSync(join(folder, `${uuidv7(1)}.json.bad`), '');
  for (let i = 2; i < MAX_SPILLED; i += 1) writeFileSync(join(folder, `${uuidv7(i)}.json`), '');
  const { findings } = await usageJson<Findings>(home, 'doctor');
  const told = findings.filter(({ code }) => code.startsWith('spill'));
  assert.deepEqual(
    told.map(({ code }) => code),
    ['spill-full', 'spill-bad'],
  );
  assert.match(told[0]?.message ?? '', /^1000 events wait/);
});

test('`usage discard` drops spilled events too: by the id that `usage list` tells, and all of them', async (t) => {
  const home = spilledHome(t, 25);
  assert.match((await usage(home, ['discard', '24'])).stdout, /Discarded 1 record/);
  assert.equal(home.spilled().length, 24);
  assert.match((await usage(home, ['discard', '--all', '--yes'])).stdout, /Discarded 25 records/);
  assert.deepEqual((await usageJson<Listed>(home, 'list')).records, []);
});

test('`usage discard` drops spilled events before the first one is in the database, and no other', async (t) => {
  const home = sandbox(t);
  spillMore(home, 3);
  const [, second] = (await usageJson<Listed>(home, 'list')).records;
  assert.match((await usage(home, ['discard', '2'])).stdout, /Discarded 1 record/);
  const left = (await usageJson<Listed>(home, 'list')).records.map(({ uuid }) => uuid);
  assert.deepEqual([left.length, left.includes(second?.uuid ?? '')], [2, false]);
  assert.match((await usage(home, ['discard', '--all', '--yes'])).stdout, /Discarded 2 records/);
  assert.deepEqual((await usageJson<Listed>(home, 'list')).records, []);
});

test('`usage disable` counts spilled events among those that will never be sent', async (t) => {
  for (const args of [['disable'], ['disable', '--json']]) {
    const { stdout } = await usage(spilledHome(t, 3), args);
    assert.match(stdout, args.length === 1 ? /4 events will never be sent/ : /"purged": 1,\s+"spilled": 3/);
  }
});
