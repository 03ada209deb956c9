import assert from 'node:assert/strict';
import {
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { NewerSchemaError } from '../../../src/infra/sqlite/database.ts';
import { salvage } from '../../../src/usage/recovery/recover.ts';
import { withSoundSpool } from '../../../src/usage/recovery/set-aside.ts';
import { enable } from '../../../src/usage/spool/consent.ts';
import { readLedger } from '../../../src/usage/spool/ledger.ts';
import { openSpool, type Spool } from '../../../src/usage/spool/spool.ts';
import { arcade, type Ran } from '../../support/cli.ts';
import { type PostHog, startPostHog } from '../../support/posthog.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';

const MIGRATIONS = join(import.meta.dirname, '..', '..', '..', 'migrations');

interface Status {
  readonly consent: unknown;
  readonly identity: { readonly anon_id: string };
  readonly ledger: {
    readonly recorded: number;
    readonly delivered: number;
    readonly pending: number;
    readonly quarantined: number;
    readonly dropped: Readonly<Record<string, number>>;
    readonly purged: number;
  };
}

/** Runs a command that fails by itself, and records that. */
async function record(home: Sandbox): Promise<void> {
  const { exitCode, stdout } = await arcade(home, ['secret', 'list']);
  assert.equal(exitCode, 1);
  assert.equal(stdout, '');
}

async function status(home: Sandbox): Promise<Status> {
  return JSON.parse((await arcade(home, ['usage', 'status', '--json'])).stdout) as Status;
}

function setAside(home: Sandbox): string[] {
  return readdirSync(home.directory).filter((name) => /^usage\.db\.(damaged|salvaged)-\d+$/.test(name));
}

/** Brings all of the log into the database, so that what is overwritten is all there is. */
function checkpoint(home: Sandbox): string {
  const path = join(home.directory, 'usage.db');
  const db = new Database(path);
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
  return path;
}

function overwrite(path: string, from: number, bytes: number): void {
  const content = readFileSync(path);
  content.fill(0x5a, from, Math.min(content.length, from + bytes));
  writeFileSync(path, content);
}

/** Fills many pages with records, as a long outage would. */
function fill(home: Sandbox, records: number): void {
  const db = new Database(join(home.directory, 'usage.db'));
  const same =
    'kind, event, command_name, distinct_id, personless, identity_id, properties, bytes, recorded_at';
  const uuid =
    "substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7' || substr(h, 14, 3) || '-8' || substr(h, 18, 3) || '-' || substr(h, 21, 12)";
  const add = db.prepare(
    `INSERT INTO record (uuid, ${same})
     SELECT ${uuid}, ${same} FROM (SELECT lower(hex(randomblob(16))) AS h, * FROM record ORDER BY id LIMIT 1)`,
  );
  db.transaction(() => {
    for (let i = 0; i < records; i += 1) add.run();
  })();
  db.close();
}

async function flush(t: TestContext, home: Sandbox): Promise<{ ran: Ran; posthog: PostHog }> {
  const posthog = await startPostHog();
  t.after(() => posthog.close());
  const env = { ARCADE_POSTHOG_HOST: posthog.url, ARCADE_POSTHOG_API_KEY: 'phc_test' };
  return { ran: await arcade(home, ['usage', 'flush', '--json'], { env }), posthog };
}

const damages: Readonly<Record<string, (path: string) => void>> = {
  'whose header is overwritten': (path) => overwrite(path, 0, 100),
  'that is no database': (path) =>
    writeFileSync(path, 'this is not a database, nor is it short enough to be one'.repeat(9)),
  'cut off in its middle': (path) => truncateSync(path, 9000),
  'full of other bytes': (path) => overwrite(path, 4096, 1_000_000),
};

for (const [how, damage] of Object.entries(damages)) {
  test(`a database ${how} is set aside, and recording goes on under the same identity`, async (t) => {
    const home = sandbox(t);
    for (let i = 0; i < 3; i += 1) await record(home);
    const before = await status(home);
    damage(checkpoint(home));
    for (let i = 0; i < 2; i += 1) await record(home);
    assert.equal(setAside(home).length, 1);
    const after = await status(home);
    assert.equal(after.identity.anon_id, before.identity.anon_id);
    assert.equal(after.ledger.pending, 2);
    assert.equal(statSync(join(home.directory, 'usage.db')).mode & 0o777, 0o600);
  });
}

test('what can be read of a damaged database is carried over and delivered, and the rest is counted', async (t) => {
  const home = sandbox(t);
  await record(home);
  fill(home, 2000);
  assert.equal((await status(home)).ledger.recorded, 2001);
  const path = checkpoint(home);
  overwrite(path, Math.floor(statSync(path).size / 2), 4096 * 20);
  // Reading all of it meets the damage, whichever pages an append needs.
  const first = await flush(t, home);
  await record(home);
  const second = await flush(t, home);
  assert.equal(second.ran.exitCode, 0, second.ran.stderr);
  const { ledger } = await status(home);
  const dropped = Object.values(ledger.dropped).reduce((sum, value) => sum + value, 0);
  assert.equal(
    ledger.recorded,
    ledger.delivered + ledger.pending + ledger.quarantined + dropped + ledger.purged,
  );
  assert.equal(ledger.pending, 0);
  assert.equal(ledger.recorded, 2002);
  assert.ok((ledger.dropped.damaged ?? 0) > 0, 'some were lost');
  const stored = new Set([...first.posthog.stored(), ...second.posthog.stored()].map((event) => event.uuid));
  assert.ok(stored.size > 1000, `most were not: ${stored.size}`);
});

test('twenty commands that meet the same damage set it aside once', async (t) => {
  const home = sandbox(t);
  await record(home);
  overwrite(checkpoint(home), 0, 100);
  await Promise.all(Array.from({ length: 20 }, () => record(home)));
  assert.equal(setAside(home).length, 1);
  // On a busy machine some of them may have waited for the others longer than a command may.
  const { ledger } = await status(home);
  assert.ok(ledger.pending >= 5 && ledger.pending === ledger.recorded, `${ledger.pending} of 20`);
});

for (const [how, lose] of Object.entries({
  'damaged beyond reading': (path: string) => overwrite(path, 0, 1_000_000),
  deleted: (path: string) => rmSync(path),
})) {
  test(`a refusal outlives a database that is ${how}, until it is taken back`, async (t) => {
    const home = sandbox(t);
    await record(home);
    assert.equal((await arcade(home, ['usage', 'disable'])).exitCode, 0);
    lose(checkpoint(home));
    await record(home);
    assert.deepEqual((await status(home)).consent, { enabled: false, decided_by: 'usage disable' });
    assert.equal((await arcade(home, ['usage', 'enable'])).exitCode, 0);
    assert.deepEqual(setAside(home), []);
    assert.equal((await status(home)).ledger.recorded, 0);
    await record(home);
    assert.equal((await status(home)).ledger.recorded, 1);
  });
}

test('of many damaged databases the last three are kept', async (t) => {
  const home = sandbox(t);
  for (let i = 0; i < 5; i += 1) {
    await record(home);
    overwrite(checkpoint(home), 0, 100);
  }
  await record(home);
  assert.equal(setAside(home).length, 5);
  await flush(t, home);
  assert.equal(setAside(home).length, 3);
});

/** Sets the database aside, as a command does that finds it damaged, and opens a new one in its place. */
function replaced(t: TestContext, home: Sandbox, aside = 'usage.db.damaged-1600000000000'): Spool {
  renameSync(checkpoint(home), join(home.directory, aside));
  for (const log of ['-wal', '-shm']) rmSync(join(home.directory, `usage.db${log}`), { force: true });
  const spool = openSpool(home.directory, MIGRATIONS);
  t.after(() => spool.close());
  return spool;
}

test('one record that cannot be one is counted as lost, and its neighbours are carried over', async (t) => {
  const home = sandbox(t);
  await record(home);
  fill(home, 4);
  const db = new Database(join(home.directory, 'usage.db'));
  db.pragma('ignore_check_constraints = ON');
  // The first one: with it goes the identity that it would have brought along.
  db.exec('UPDATE record SET personless = 9 WHERE id = 1');
  db.close();
  const spool = replaced(t, home);
  salvage(spool, MIGRATIONS);
  const { recorded, pending, dropped } = readLedger(spool);
  assert.deepEqual({ recorded, pending, dropped }, { recorded: 5, pending: 4, dropped: { damaged: 1 } });
  assert.deepEqual(setAside(home), ['usage.db.salvaged-1600000000000']);
});

test('what was carried over is not counted again when the flusher was killed before it could say so', async (t) => {
  const home = sandbox(t);
  await record(home);
  fill(home, 4);
  const db = new Database(join(home.directory, 'usage.db'));
  db.exec("UPDATE ledger SET value = value + 3 WHERE name IN ('recorded', 'delivered')");
  db.pragma('ignore_check_constraints = ON');
  db.exec('UPDATE record SET personless = 9 WHERE id = 2');
  db.close();
  const spool = replaced(t, home);
  salvage(spool, MIGRATIONS);
  const once = readLedger(spool);
  assert.deepEqual([once.recorded, once.delivered, once.pending, once.dropped], [8, 3, 4, { damaged: 1 }]);
  const [kept = ''] = setAside(home);
  // As the kill leaves it: committed, and not yet renamed.
  renameSync(join(home.directory, kept), join(home.directory, kept.replace('salvaged', 'damaged')));
  salvage(spool, MIGRATIONS);
  assert.deepEqual(readLedger(spool), once);
  assert.deepEqual(setAside(home), [kept]);
});

test('a database that a newer program has changed meanwhile is not taken for a damaged one', async (t) => {
  const home = sandbox(t);
  await record(home);
  const spool = openSpool(home.directory, MIGRATIONS);
  t.after(() => spool.close());
  const newer = new Database(join(home.directory, 'usage.db'));
  newer.exec('ALTER TABLE backoff RENAME TO pause; PRAGMA user_version = 99');
  newer.close();
  const use = (sound: Spool): unknown => sound.statement('SELECT * FROM backoff').get();
  assert.throws(() => withSoundSpool(spool, MIGRATIONS, use), NewerSchemaError);
  assert.deepEqual(setAside(home), []);
});

test('what was set aside waits while another process holds the new database', async (t) => {
  const home = sandbox(t);
  await record(home);
  const spool = replaced(t, home);
  spool.waitForLock(0);
  const other = new Database(join(home.directory, 'usage.db'));
  t.after(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  salvage(spool, MIGRATIONS);
  assert.deepEqual(setAside(home), ['usage.db.damaged-1600000000000']);
  other.exec('ROLLBACK');
  salvage(spool, MIGRATIONS);
  assert.equal(readLedger(spool).pending, 1);
  assert.deepEqual(setAside(home), ['usage.db.salvaged-1600000000000']);
});

/** The spool of a flusher beside which something happens right before or after its transaction. */
function interrupted(spool: Spool, before: () => void, after: () => void): Spool {
  const transaction = <T>(work: () => T): T => {
    before();
    const result = spool.transaction(work);
    after();
    return result;
  };
  return { ...spool, transaction };
}

test('what a refusal has purged is not carried over by a flusher that had begun to', async (t) => {
  const home = sandbox(t);
  await record(home);
  const spool = replaced(t, home);
  // As far as `usage disable` has come when it has committed, and not yet removed what is set aside.
  const refuse = (): void => {
    home.write('usage.off', '');
    spool.statement('UPDATE installation SET consent = 0').run();
  };
  salvage(
    interrupted(spool, refuse, () => undefined),
    MIGRATIONS,
  );
  enable(spool);
  assert.equal(readLedger(spool).pending, 0);
  assert.deepEqual(setAside(home), []);
});

test('a refusal that looked for the file under its old name leaves none under the new one', async (t) => {
  const home = sandbox(t);
  await record(home);
  const spool = replaced(t, home);
  // What `usage disable` does before it looks.
  const refuse = (): void => void home.write('usage.off', '');
  salvage(
    interrupted(spool, () => undefined, refuse),
    MIGRATIONS,
  );
  assert.deepEqual(setAside(home), []);
});

test('a log that was set aside without its database is removed by a refusal, and of many three are kept', async (t) => {
  const home = sandbox(t);
  await record(home);
  const logs = [1, 2, 3, 4].map((time) => `usage.db.damaged-${time}-wal`);
  for (const log of logs) home.write(log, 'events');
  const left = (): string[] => readdirSync(home.directory).filter((name) => /damaged|salvaged/.test(name));
  await flush(t, home);
  assert.deepEqual(left(), logs.slice(1));
  assert.equal((await arcade(home, ['usage', 'disable'])).exitCode, 0);
  assert.deepEqual(left(), []);
});

test('a damaged database that still waits to be carried over is not removed for being old', async (t) => {
  const home = sandbox(t);
  await record(home);
  const spool = replaced(t, home);
  for (const time of [1_700_000_000_000, 1_700_000_000_001, 1_700_000_000_002])
    home.write(`usage.db.salvaged-${time}`, '');
  spool.waitForLock(0);
  const other = new Database(join(home.directory, 'usage.db'));
  t.after(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  salvage(spool, MIGRATIONS);
  assert.equal(setAside(home)[0], 'usage.db.damaged-1600000000000');
});
for (const part of ['ledger', 'identity', 'identity_current']) {
  test(`an event that waits for its account when the database's ${part} is damaged goes to nobody's id`, async (t) => {
    const home = sandbox(t);
    const env = { ARCADE_URL: 'http://127.0.0.1:9' };
    await record(home);
    home.signInWithKey('arc_test_of_ben', env.ARCADE_URL);
    assert.equal((await arcade(home, ['secret', 'list'], { env })).exitCode, 1);
    const path = checkpoint(home);
    const db = new Database(path);
    const old = db.prepare('SELECT uuid, distinct_id FROM record ORDER BY id').all() as {
      uuid: string;
      distinct_id: string | null;
    }[];
    const root = db.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(part) as number;
    const size = db.pragma('page_size', { simple: true }) as number;
    db.close();
    const [anonymous, waiting] = old;
    assert.equal(waiting?.distinct_id, null);
    overwrite(path, (root - 1) * size, size);
    rmSync(join(home.directory, 'credentials.yaml'));
    await record(home);
    const { identity } = await status(home);
    assert.equal(identity.anon_id, anonymous?.distinct_id, 'the anon_id that the next login is joined to');
    const { posthog } = await flush(t, home);
    const ids = new Map(posthog.stored().map((event) => [event.uuid, event.distinct_id]));
    assert.equal(ids.get(anonymous?.uuid ?? ''), identity.anon_id);
    assert.match(ids.get(waiting?.uuid ?? '') ?? 'not sent', /^[0-9a-f]{8}-[-0-9a-f]{27}$/);
    assert.notEqual(ids.get(waiting?.uuid ?? ''), identity.anon_id);
  });
}
