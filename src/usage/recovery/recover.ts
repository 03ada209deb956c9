/** What can still be read of a database that was set aside goes on in the new one; what is gone is counted. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isDamage, isSqlite } from '../../infra/sqlite/errors.ts';
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
  /** Does some work, waiting for the spool's write lock. Rejects with what `work` throws. */
  readonly persist: <T>(work: () => T) => Promise<T>;
}

/**
 * Recovers what was set aside, in steps that a killed process has not to repeat, until half of `leftMs` is used up; the
 * next run goes on. Only for the holder of usage.lock: two at once would count twice. Throws DamagedError or SQLite's
 * error when the spool itself is damaged, or has been set aside meanwhile.
 */
export async function recover({ spool, migrations, leftMs, persist }: Recovering): Promise<void> {
  assertNotReplaced(spool);
  const reserveMs = leftMs() / 2;
  for (const file of unrecoveredFiles(spool.directory)) {
    try {
      const isReadable = attachDamaged(spool, join(spool.directory, file), migrations);
      const write = <T>(work: () => T): Promise<T> => persist(() => spool.transaction(work));
      if (!isReadable) await write(() => endUncounted(spool, file));
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

const OWN_IDS = new Set(['id', 'identity_id', 'half_id', 'split_group']);

interface Progress {
  /** The greatest id that has not been tried yet; null before the first step. */
  readonly upto: number | null;
  readonly found: number;
  readonly found_delivered: number;
  readonly done: number;
}

/** Ids that are still to be tried, the greatest range last. */
type Ranges = readonly { readonly from: number; readonly to: number }[];

/** False when the time was up before its end. */
async function recoverFile(
  spool: Spool,
  file: string,
  write: Recovering['persist'],
  hasTime: () => boolean,
): Promise<boolean> {
  spool.pragma('temp_store = MEMORY');
  const identities = copyTable(spool, 'identity') ? sharedColumns(spool, 'identity') : [];
  const ledger = readableLedger(spool);
  const last = lastId(spool);
  const before = await write(() => begin(spool, file, identities));
  if (before.done === 1) return true;
  // Ids of identities and of batches mean nothing here.
  const columns = sharedColumns(spool, 'record').filter((name) => !OWN_IDS.has(name));
  const budget = { failures: MAX_FAILURES };
  let ranges: Ranges = [{ from: 1, to: before.upto ?? last }];
  while (ranges.length > 0) {
    if (!hasTime()) return false;
    ranges = readStep(spool, ranges, budget);
    const upto = ranges.at(-1)?.to ?? 0;
    await write(() => {
      // What `usage disable` has purged meanwhile must not come back.
      if (isRecordingAllowed(spool)) writeStep(spool, { file, columns, before, upto });
    });
    await pause(LET_IN_MS);
  }
  await write(() => {
    if (isRecordingAllowed(spool)) end(spool, file, ledger);
  });
  return true;
}

/** For records of an identity that cannot be read. */
const NO_IDENTITY = -1;

/** Notes that it has begun, and which identity of ours each of its own is. No columns: they cannot be read. */
function begin(spool: Spool, file: string, columns: readonly string[]): Progress {
  const run = (sql: string, ...values: unknown[]): void => void spool.statement(sql).run(...values);
  run('INSERT INTO recovery (file) VALUES (?) ON CONFLICT DO NOTHING', file);
  run('DROP TABLE IF EXISTS temp.identity_map');
  run('DROP TABLE IF EXISTS temp.found');
  run('CREATE TEMP TABLE identity_map (old_id INTEGER PRIMARY KEY, bound INTEGER, unbound INTEGER)');
  run('CREATE TEMP TABLE found (uuid TEXT PRIMARY KEY, delivered INTEGER) WITHOUT ROWID');
  const unowned = throwaway(spool);
  run('INSERT INTO identity_map VALUES (?, ?, ?)', NO_IDENTITY, unowned, unowned);
  const identities =
    columns.length > 0
      ? (spool.statement('SELECT id, anon_id, fingerprint FROM temp.damaged_identity').all() as OldIdentity[])
      : [];
  for (const old of identities) {
    const { bound, unbound } = identityFor(spool, old, columns);
    run('INSERT OR IGNORE INTO identity_map VALUES (?, ?, ?)', old.id, bound, unbound);
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

interface OldIdentity {
  readonly id: number;
  readonly anon_id: string;
  readonly fingerprint: string | null;
}

/**
 * The current one with the same anon_id, else the old one, retired. An event that still waits for its account could be given up under
 * the anon_id. So where ours has begun again without the credentials that the old one had seen, and may be linked to anyone,
 * that event gets an id that is never linked.
 */
function identityFor(
  spool: Spool,
  old: OldIdentity,
  columns: readonly string[],
): { bound: number; unbound: number } {
  const ours = spool
    .statement('SELECT id, fingerprint, retired_at FROM identity WHERE anon_id = ? ORDER BY id LIMIT 1')
    .get(old.anon_id) as { id: number; fingerprint: string | null; retired_at: number | null } | undefined;
  if (ours === undefined) {
    const same = columns.filter((name) => name !== 'id' && name !== 'retired_at').join(', ');
    const copied = spool
      .statement(
        `INSERT INTO identity (${same}, retired_at) SELECT ${same}, coalesce(retired_at, @now)
         FROM temp.damaged_identity WHERE id = @id`,
      )
      .run({ id: old.id, now: Date.now() });
    const id = Number(copied.lastInsertRowid);
    return { bound: id, unbound: id };
  }
  const isSame = ours.retired_at !== null || ours.fingerprint === old.fingerprint;
  return { bound: ours.id, unbound: isSame ? ours.id : throwaway(spool) };
}

function throwaway(spool: Spool): number {
  const sql = 'INSERT INTO identity (anon_id, created_at, retired_at) VALUES (@anonId, @now, @now)';
  return Number(spool.statement(sql).run({ anonId: randomUUID(), now: Date.now() }).lastInsertRowid);
}

function lastId(spool: Spool): number {
  const sql = `SELECT max(seq) AS last FROM damaged.sqlite_sequence WHERE name = 'record'`;
  const [row] = readAll(spool, sql) as { last: unknown }[];
  const [other] = readAll(spool, 'SELECT max(id) AS last FROM damaged.record') as { last: unknown }[];
  const last = row?.last ?? other?.last;
  return typeof last === 'number' && last >= 0 && Number.isSafeInteger(last) ? last : FAR_ENOUGH;
}

/**
 * Reads the next rows into `temp.damaged_record`, those with the greatest ids first; returns what is left. A range that
 * cannot be read is halved, down to single ids. Downwards, for below the first id there may be a wide gap, of which
 * nothing can be read either when the first page is damaged: by then everything else is here.
 */
function readStep(spool: Spool, ranges: Ranges, budget: { failures: number }): Ranges {
  spool.statement('DROP TABLE IF EXISTS temp.damaged_record').run();
  spool.statement('CREATE TEMP TABLE damaged_record AS SELECT * FROM damaged.record LIMIT 0').run();
  const left = [...ranges];
  let rows = 0;
  for (let range = left.pop(); range !== undefined; range = left.pop()) {
    const { from, to } = range;
    try {
      const read = readRange(spool, range);
      rows += read.rows;
      if (read.least > from) left.push({ from, to: read.least - 1 });
    } catch (error) {
      if (!isDamage(error)) throw error;
      budget.failures -= 1;
      const middle = from + Math.floor((to - from) / 2);
      if (from < to && budget.failures > 0) left.push({ from, to: middle }, { from: middle + 1, to });
    }
    if (rows >= STEP_ROWS) break;
  }
  return left;
}

/** The rows with the greatest ids of a range, and the least of them; below it all is still to be read. */
function readRange(spool: Spool, { from, to }: Ranges[number]): { rows: number; least: number } {
  // A comparison with one id alone does not look at the row after it, which may lie on a damaged page.
  const where = from === to ? 'id = @from AND @from = @to' : 'id BETWEEN @from AND @to';
  const ids = spool
    .statement(`SELECT id FROM damaged.record NOT INDEXED WHERE ${where} ORDER BY id DESC LIMIT ${STEP_ROWS}`)
    .pluck()
    .all({ from, to }) as number[];
  const least = ids.length < STEP_ROWS ? from : Math.min(...ids);
  const { changes } = spool
    .statement(`INSERT INTO temp.damaged_record SELECT * FROM damaged.record NOT INDEXED WHERE ${where}`)
    .run({ from: least, to });
  return { rows: changes, least };
}

interface Step {
  readonly file: string;
  readonly columns: readonly string[];
  readonly before: Progress;
  readonly upto: number;
}

/** Puts what was read where it belongs, each under its own id where that is free, and notes how far it has come. */
function writeStep(spool: Spool, { file, columns, before, upto }: Step): void {
  const old = columns.map((name) => `r.${name}`).join(', ');
  const insert = spool.statement(
    `INSERT INTO record (id, ${columns.join(', ')}, identity_id)
     SELECT CASE WHEN r.id IN (SELECT id FROM main.record) THEN NULL ELSE r.id END, ${old},
       (SELECT iif(r.distinct_id IS NULL, unbound, bound) FROM temp.identity_map
        WHERE old_id IN (r.identity_id, ${NO_IDENTITY}) ORDER BY old_id DESC LIMIT 1)
     FROM temp.damaged_record AS r WHERE @row IS NULL OR r.rowid = @row ORDER BY r.id
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
      `INSERT OR IGNORE INTO temp.found SELECT r.uuid, r.state = 'delivered' FROM temp.damaged_record AS r
       WHERE EXISTS (SELECT 1 FROM main.record AS k WHERE k.uuid = r.uuid)`,
    )
    .run();
  const { found, delivered } = spool
    .statement('SELECT count(*) AS found, coalesce(sum(delivered), 0) AS delivered FROM temp.found')
    .get() as { found: number; delivered: number };
  spool
    .statement('UPDATE recovery SET upto = ?, found = ?, found_delivered = ? WHERE file = ?')
    .run(upto, before.found + found, before.found_delivered + delivered, file);
}

/** Undefined when it cannot be read: how much there was is no longer known. */
function readableLedger(spool: Spool): ReadonlyMap<string, number> | undefined {
  const rows = readAll(spool, 'SELECT name, value FROM damaged.ledger') as { name: string; value: number }[];
  // Damage that reads like a count is none.
  const sound = rows.filter(({ value }) => Number.isSafeInteger(value) && value >= 0);
  const ledger = new Map(sound.map(({ name, value }) => [name, value]));
  return ['recorded', 'pending', 'quarantined'].every((name) => ledger.has(name)) ? ledger : undefined;
}

/** The triggers have counted what was found; the rest of the old counts is added, so that the law still holds. */
function end(spool: Spool, file: string, ledger: ReadonlyMap<string, number> | undefined): void {
  spool
    .statement(
      `DELETE FROM identity WHERE id IN (SELECT unbound FROM identity_map WHERE unbound <> bound OR old_id = ${NO_IDENTITY})
         AND NOT EXISTS (SELECT 1 FROM record WHERE identity_id = identity.id)`,
    )
    .run();
  if (ledger === undefined) {
    endUncounted(spool, file);
    return;
  }
  const { found, found_delivered } = spool
    .statement('SELECT found, found_delivered FROM recovery WHERE file = ?')
    .get(file) as Progress;
  const old = (name: string): number => ledger.get(name) ?? 0;
  const lost = Math.max(0, old('pending') + old('quarantined') - (found - found_delivered));
  const gone = [...ledger.keys()].filter((name) => name === 'purged' || name.startsWith('dropped.'));
  const delivered = Math.max(0, old('delivered') - found_delivered);
  for (const name of gone) count(spool, name, old(name));
  count(spool, 'delivered', delivered);
  if (lost > 0) count(spool, 'dropped.damaged', lost);
  count(spool, 'unreported', old('unreported') + lost);
  count(spool, 'recorded', delivered + gone.reduce((sum, name) => sum + old(name), 0) + lost);
  if (old(UNCOUNTED) > 0) count(spool, UNCOUNTED, old(UNCOUNTED));
  spool.statement('UPDATE recovery SET done = 1 WHERE file = ?').run(file);
}

/** How many of its records are lost is not known. */
function endUncounted(spool: Spool, file: string): void {
  if (!isRecordingAllowed(spool)) return;
  count(spool, UNCOUNTED, 1);
  spool
    .statement('INSERT INTO recovery (file, done) VALUES (?, 1) ON CONFLICT DO UPDATE SET done = 1')
    .run(file);
}

/** The rows up to the first that cannot be read. */
function readAll(spool: Spool, sql: string): unknown[] {
  const rows: unknown[] = [];
  try {
    for (const row of spool.statement(sql).iterate()) rows.push(row);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
  }
  return rows;
}
