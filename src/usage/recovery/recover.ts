/** What can still be read of a database that was set aside goes on in the new one; what is gone is counted. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isDamage, isSqlite } from '../../infra/sqlite/errors.ts';
import { persist } from '../../infra/sqlite/patience.ts';
import { removeDatabase, unrecoveredFiles } from '../spool/aside.ts';
import { count, UNCOUNTED } from '../spool/ledger.ts';
import { assertNotReplaced, birthOf, isRecordingAllowed, type Spool } from '../spool/spool.ts';
import { attachDamaged, copyTable, detachDamaged, isUnreadable, sharedColumns } from './open-corrupt.ts';
import { markRecovered } from './set-aside.ts';

/** Rows of one transaction; between two of them commands get in. */
const STEP_ROWS = 500;
const LET_IN_MS = 2;
/** Attempts at what turns out to be unreadable, in one run; each takes some 20 us. */
const MAX_FAILURES = 20_000;
/** Where nothing says how far the ids go, far enough for the largest spool by default. */
const FAR_ENOUGH = 2 ** 20;

interface Recovering {
  readonly spool: Spool;
  /** Folder of the numbered migrations. */
  readonly migrations: string;
  readonly leftMs: () => number;
}

/**
 * Recovers what was set aside, in steps that a killed process has not to repeat, until half of `leftMs` is used up; the
 * next run goes on. Only for the holder of usage.lock: two at once would count twice. Throws DamagedError or SQLite's
 * error when the spool itself is damaged, or has been set aside meanwhile.
 */
export async function recover({ spool, migrations, leftMs }: Recovering): Promise<void> {
  assertNotReplaced(spool);
  const reserveMs = leftMs() / 2;
  // What `usage disable` has purged meanwhile must not come back.
  const write: Write = (work) =>
    persist({ leftMs }, () => spool.transaction(() => (isRecordingAllowed(spool) ? work() : undefined)));
  for (const file of unrecoveredFiles(spool.directory)) {
    try {
      const isReadable = attachDamaged(spool, join(spool.directory, file), migrations);
      if (!isReadable) await write(() => end(spool, file, undefined));
      else if (!(await recoverFile(spool, file, write, () => leftMs() > reserveMs))) return;
    } catch (error) {
      // Reading the damaged one throws nothing of damage, so that is about the spool. All else passes: locked, or full.
      if (isDamage(error) || !isSqlite(error)) throw error;
      return;
    } finally {
      detachDamaged(spool);
    }
    assertNotReplaced(spool);
    markRecovered(spool.directory, file);
    // `usage disable` says so first and then removes what was set aside: if not under its old name, it is done here.
    if (!isRecordingAllowed(spool))
      removeDatabase(join(spool.directory, file.replace('damaged', 'recovered')));
  }
}

/** Does `work` in a transaction, unless recording is off: undefined then. */
type Write = <T>(work: () => T) => Promise<T | undefined>;

interface Progress {
  /** The greatest id that has not been tried yet; null before the first step. */
  readonly upto: number | null;
  readonly found: number;
  readonly found_delivered: number;
  readonly done: number;
}

/** False when the time was up before its end. */
async function recoverFile(
  spool: Spool,
  file: string,
  write: Write,
  hasTime: () => boolean,
): Promise<boolean> {
  spool.pragma('temp_store = MEMORY');
  copyTable(spool, 'record', 0);
  // Ids of identities and of batches mean nothing here.
  const columns = sharedColumns(spool, 'record', ['id', 'identity_id', 'half_id', 'split_group']);
  const identity = copyTable(spool, 'identity') ? sharedColumns(spool, 'identity', ['id', 'retired_at']) : '';
  const ledger = readableLedger(spool);
  const last = lastId(spool);
  const before = await write(() => begin(spool, file, identity));
  if (before === undefined || before.done === 1) return true;
  for (const upto of readDownwards(spool, 1, before.upto ?? last, { failures: MAX_FAILURES })) {
    await write(() => writeStep(spool, file, columns, before, upto));
    if (!hasTime()) return false;
    await pause(LET_IN_MS);
  }
  await write(() => {
    spool.statement(UNUSED_IDENTITY).run();
    end(spool, file, ledger);
  });
  return true;
}

/** Stands in `identity_map` for every identity that cannot be read. */
const NO_IDENTITY = -1;
const UNUSED_IDENTITY = `DELETE FROM identity AS i WHERE NOT EXISTS (SELECT 1 FROM record WHERE identity_id = i.id)
  AND id = (SELECT bound FROM temp.identity_map WHERE old_id = ${NO_IDENTITY})`;

/**
 * Notes that it has begun, and which identity of ours each of its own is: the one with the same anon_id, else the old
 * one, retired. `columns` are those of its identities; empty: they cannot be read.
 */
function begin(spool: Spool, file: string, columns: string): Progress {
  const run = (sql: string, ...values: unknown[]): void => void spool.statement(sql).run(...values);
  run('INSERT INTO recovery (file) VALUES (?) ON CONFLICT DO NOTHING', file);
  for (const table of ['identity_map', 'found']) run(`DROP TABLE IF EXISTS temp.${table}`);
  run('CREATE TEMP TABLE identity_map (old_id INTEGER PRIMARY KEY, bound INTEGER, unbound INTEGER)');
  run('CREATE TEMP TABLE found (uuid TEXT PRIMARY KEY, delivered INTEGER) WITHOUT ROWID');
  const now = Date.now();
  run('INSERT INTO identity (anon_id, created_at, retired_at) VALUES (?, ?, ?)', randomUUID(), now, now);
  run(`INSERT INTO identity_map VALUES (${NO_IDENTITY}, last_insert_rowid(), last_insert_rowid())`);
  if (columns !== '') {
    spool.savepoint(() =>
      run(
        `INSERT INTO identity (${columns}, retired_at) SELECT ${columns}, coalesce(retired_at, ?)
         FROM temp.damaged_identity WHERE anon_id NOT IN (SELECT anon_id FROM main.identity)`,
        now,
      ),
    );
    // An event that still waits for its account could be given up under the anon_id. So where ours has begun again
    // without the credentials that the old one had seen, and may be linked to anyone, it gets an id that never is.
    run(
      `INSERT INTO identity_map SELECT old.id, ours.id,
         iif(ours.retired_at IS NULL AND ours.fingerprint IS NOT old.fingerprint, stray.unbound, ours.id)
       FROM temp.damaged_identity AS old JOIN temp.identity_map AS stray
         JOIN identity AS ours ON ours.id = (SELECT min(id) FROM identity WHERE anon_id = old.anon_id)`,
    );
  }
  // One that has begun again from usage.json is still the copy that it was.
  if (columns.includes('birth'))
    run(
      `UPDATE identity SET birth = t.birth FROM temp.damaged_identity AS t
       WHERE t.anon_id = identity.anon_id AND t.birth <> ? AND identity.birth = ?`,
      birthOf(join(spool.directory, file)) ?? '',
      spool.birth,
    );
  return spool.statement('SELECT * FROM recovery WHERE file = ?').get(file) as Progress;
}

function lastId(spool: Spool): number {
  const last =
    readValue(spool, `SELECT max(seq) FROM damaged.sqlite_sequence WHERE name = 'record'`) ??
    readValue(spool, 'SELECT max(id) FROM damaged.record');
  return Number.isSafeInteger(last) && Number(last) >= 0 ? Number(last) : FAR_ENOUGH;
}

/** Undefined, too, when it cannot be read. */
function readValue(spool: Spool, sql: string): unknown {
  try {
    return spool.statement(sql).pluck().get();
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return undefined;
  }
}

/**
 * Reads the rows of a range of ids into `temp.damaged_record`, some at a time; after each time yields the greatest id
 * that is still to be read. What cannot be read is halved, down to single ids. Downwards, for below the first id there
 * may be a wide gap, of which nothing can be read either when the first page is damaged: by then all else is here.
 */
function* readDownwards(
  spool: Spool,
  from: number,
  to: number,
  budget: { failures: number },
): Generator<number> {
  for (let upto = to; upto >= from; ) {
    const rows = readRows(spool, from, upto);
    if (rows !== undefined) {
      upto = rows.number < STEP_ROWS ? from - 1 : rows.least - 1;
      if (rows.number > 0) yield upto;
      continue;
    }
    budget.failures -= 1;
    if (from === upto || budget.failures <= 0) return;
    const middle = from + Math.floor((upto - from) / 2);
    yield* readDownwards(spool, middle + 1, upto, budget);
    upto = middle;
  }
}

/** The rows with the greatest ids of a range; undefined where they cannot be read. */
function readRows(spool: Spool, from: number, to: number): { number: number; least: number } | undefined {
  // A comparison with one id alone does not look at the row beside it, which may lie on a damaged page.
  const where = from === to ? 'id = @to' : 'id BETWEEN @from AND @to';
  spool.statement('DELETE FROM temp.damaged_record').run();
  try {
    spool
      .statement(
        `INSERT INTO temp.damaged_record SELECT * FROM damaged.record NOT INDEXED WHERE ${where}
         ORDER BY id DESC LIMIT ${STEP_ROWS}`,
      )
      .run({ from, to });
  } catch (error) {
    if (!isDamage(error)) throw error;
    return undefined;
  }
  const sql = 'SELECT count(*) AS number, min(id) AS least FROM temp.damaged_record';
  return spool.statement(sql).get() as { number: number; least: number };
}

/** Puts what was read where it belongs, each under its own id where that is free, and notes how far it has come. */
function writeStep(spool: Spool, file: string, columns: string, before: Progress, upto: number): void {
  const insert = spool.statement(
    `INSERT INTO record (id, ${columns}, identity_id)
     SELECT CASE WHEN id IN (SELECT id FROM main.record) THEN NULL ELSE id END, ${columns},
       (SELECT iif(r.distinct_id IS NULL, unbound, bound) FROM temp.identity_map
        WHERE old_id IN (r.identity_id, ${NO_IDENTITY}) ORDER BY old_id DESC LIMIT 1)
     FROM temp.damaged_record AS r WHERE @row IS NULL OR rowid = @row ORDER BY id
     ON CONFLICT (uuid) DO UPDATE SET state = 'delivered', settled_at = excluded.settled_at, reason = NULL
       WHERE excluded.state = 'delivered' AND record.state <> 'delivered'`,
  );
  if (spool.savepoint(() => insert.run({ row: null })) === undefined) {
    // Damage that reads like a row has values that no record may have.
    const rows = spool.statement('SELECT rowid FROM temp.damaged_record').pluck().all() as number[];
    for (const row of rows) spool.savepoint(() => insert.run({ row }));
  }
  spool
    .statement(
      `INSERT OR IGNORE INTO temp.found SELECT uuid, state = 'delivered' FROM temp.damaged_record
       WHERE uuid IN (SELECT uuid FROM main.record)`,
    )
    .run();
  spool
    .statement(
      `UPDATE recovery SET upto = @upto, found = @found + (SELECT count(*) FROM temp.found),
         found_delivered = @found_delivered + (SELECT total(delivered) FROM temp.found) WHERE file = @file`,
    )
    .run({ ...before, upto, file });
}

/** Undefined when it cannot be read: how much there was is no longer known. */
function readableLedger(spool: Spool): ReadonlyMap<string, number> | undefined {
  if (!copyTable(spool, 'ledger')) return undefined;
  // Damage that reads like a count is none.
  const sql = `SELECT name, value FROM temp.damaged_ledger WHERE typeof(name) = 'text' AND value BETWEEN 0 AND ?`;
  const ledger = new Map(
    spool.statement(sql).raw().all(Number.MAX_SAFE_INTEGER) as (readonly [string, number])[],
  );
  return ['recorded', 'pending', 'quarantined'].every((name) => ledger.has(name)) ? ledger : undefined;
}

/**
 * The triggers have counted what was found; the rest of the old counts is added, so that the law still holds. Without
 * them it is not known how many records are lost.
 */
function end(spool: Spool, file: string, ledger: ReadonlyMap<string, number> | undefined): void {
  const old = (name: string): number => ledger?.get(name) ?? 0;
  const { changes } = spool
    .statement(
      'INSERT INTO recovery (file, done) VALUES (?, 1) ON CONFLICT DO UPDATE SET done = 1 WHERE done = 0',
    )
    .run(file);
  if (changes === 0) return;
  if (ledger === undefined) {
    count(spool, UNCOUNTED, 1);
    return;
  }
  const { found, found_delivered } = spool
    .statement('SELECT * FROM recovery WHERE file = ?')
    .get(file) as Progress;
  const lost = Math.max(0, old('pending') + old('quarantined') - (found - found_delivered));
  const added = new Map([...ledger].filter(([name]) => name === 'purged' || name.startsWith('dropped.')));
  added.set('dropped.damaged', old('dropped.damaged') + lost);
  added.set('delivered', Math.max(0, old('delivered') - found_delivered));
  const recorded = [...added.values()].reduce((sum, number) => sum + number, 0);
  added
    .set('recorded', recorded)
    .set('unreported', old('unreported') + lost)
    .set(UNCOUNTED, old(UNCOUNTED));
  for (const [name, number] of added) if (number > 0) count(spool, name, number);
}
