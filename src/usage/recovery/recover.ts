/** What can still be read of a database that was set aside goes on in the new one; what is gone is counted. */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isDamage, isSqlite } from '../../infra/sqlite/errors.ts';
import { persist } from '../../infra/sqlite/patience.ts';
import { moveDatabase, removeDatabase, unrecoveredFiles } from '../spool/aside.ts';
import { count, type DropReason, UNCOUNTED } from '../spool/ledger.ts';
import { identityOf } from '../spool/records.ts';
import { assertNotReplaced, isRecordingAllowed, type Spool } from '../spool/spool.ts';
import { type Damaged, lastId, openDamaged, type Row, read, readInSteps } from './damaged.ts';
import { inserterInto, takeOver } from './take-over.ts';

/** Rows of one transaction; between two of them commands get in. */
const STEP_ROWS = 250;
const LET_IN_MS = 2;
/** Ids that cannot be read, in one run; each takes some 20 us. */
const MAX_FAILURES = 20_000;

interface Recovering {
  readonly spool: Spool;
  /** Folder of the numbered migrations. */
  readonly migrations: string;
  readonly leftMs: () => number;
}

/**
 * Recovers what was set aside, in steps that a killed process has not to repeat, until half of `leftMs` is used up; the
 * next run goes on. Only for the holder of usage.lock: two at once would count twice. Rejects with DamagedError or
 * SQLite's error when the spool itself is damaged, or has been set aside meanwhile.
 */
export async function recover({ spool, migrations, leftMs }: Recovering): Promise<void> {
  const reserveMs = leftMs() / 2;
  const inTime = { spool, migrations, leftMs, hasTime: () => leftMs() > reserveMs };
  for (const file of unrecoveredFiles(spool.directory)) {
    try {
      if (!(await recoverFile(inTime, file))) return;
    } catch (error) {
      // Reading the damaged one throws nothing of damage, so that is about the spool. All else passes: locked, or full.
      if (isDamage(error) || !isSqlite(error)) throw error;
      return;
    }
    const recovered = file.replace('damaged', 'recovered');
    moveDatabase(spool.directory, file, recovered);
    // `usage disable` says so first and then removes what was set aside: if not under its old name, it is done here.
    if (!isRecordingAllowed(spool)) removeDatabase(join(spool.directory, recovered));
  }
}

interface Progress {
  /** The greatest id that has not been tried yet; null before the first step. */
  readonly upto: number | null;
  /** How many of its records are here now, and how many of these are delivered there. */
  readonly found: number;
  readonly found_delivered: number;
  readonly done: number;
}

/** False when the time was up before its end. */
async function recoverFile(
  { spool, migrations, leftMs, hasTime }: Recovering & { readonly hasTime: () => boolean },
  file: string,
): Promise<boolean> {
  const write = <T>(work: () => T): Promise<T | undefined> =>
    persist({ leftMs }, () =>
      spool.transaction(() => {
        assertNotReplaced(spool);
        // What `usage disable` has purged meanwhile must not come back.
        return isRecordingAllowed(spool) ? work() : undefined;
      }),
    );
  const before = await write(() => progressOf(spool, file));
  if (before === undefined || before.done === 1) return true;
  const path = join(spool.directory, file);
  const damaged = openDamaged(path, migrations);
  // A page may stand in it twice.
  const [found, delivered] = [new Set<unknown>(), new Set<unknown>()];
  const note = (upto: number, done: 0 | 1): Progress => {
    const total = before.found + found.size;
    const progress = { upto, found: total, found_delivered: before.found_delivered + delivered.size, done };
    const sql = `INSERT OR REPLACE INTO recovery (file, upto, found, found_delivered, done)
      VALUES (@file, @upto, @found, @found_delivered, @done)`;
    spool.statement(sql).run({ file, ...progress });
    return progress;
  };
  try {
    const owners = damaged && (await write(() => takeOver(spool, damaged, path)));
    if (damaged !== undefined && owners !== undefined) {
      for (const { rows, upto } of readDownwards(damaged, before.upto)) {
        await write(() => {
          for (const { uuid, state } of putIn(spool, rows, owners)) {
            found.add(uuid);
            if (state === 'delivered') delivered.add(uuid);
          }
          note(upto, 0);
        });
        if (!hasTime()) return false;
        await pause(LET_IN_MS);
      }
    }
    await write(() => takeOverCounts(spool, damaged && countsOf(damaged), note(0, 1)));
    return true;
  } finally {
    damaged?.close();
  }
}

function progressOf(spool: Spool, file: string): Progress {
  const noted = spool.statement('SELECT * FROM recovery WHERE file = ?').get(file) as Progress | undefined;
  return noted ?? { upto: null, found: 0, found_delivered: 0, done: 0 };
}

/**
 * Reads its records some at a time, the greatest ids first; with them comes the greatest id that is still to be read.
 * After an id that cannot be read the next one is tried: a damaged page costs no record of another page. Downwards, for
 * below the first id there may be a wide gap, of which nothing can be read either when the first page is damaged.
 */
function* readDownwards(
  damaged: Damaged,
  noted: number | null,
): Generator<{ readonly rows: readonly Row[]; readonly upto: number }> {
  const sql = 'SELECT * FROM record NOT INDEXED WHERE id <= ? ORDER BY id DESC';
  let from = noted ?? lastId(damaged);
  for (let failures = 0; from > 0 && failures < MAX_FAILURES; failures += 1) {
    let upto = from - 1;
    for (const { rows, isEnd } of readInSteps(damaged, sql, STEP_ROWS, from)) {
      // A page that stands in another's place has any ids: the last row says best where this is.
      const last = rows.findLast(({ id }) => Number(id) <= from);
      if (last !== undefined) upto = Number(last.id) - 1;
      if (rows.length > 0) yield { rows, upto };
      if (isEnd) return;
    }
    from = upto;
  }
}

const DELIVERED_WINS = `(uuid) DO UPDATE SET state = 'delivered', settled_at = excluded.settled_at, reason = NULL
  WHERE excluded.state = 'delivered' AND record.state <> 'delivered'`;

/** Puts records in, each under its own id where that is free. Returns those that are here now. */
function putIn(spool: Spool, rows: readonly Row[], owners: ReturnType<typeof takeOver>): readonly Row[] {
  const insert = inserterInto(spool, 'record', DELIVERED_WINS);
  const taken = spool.statement('SELECT 1 FROM record WHERE id = @id');
  return rows.filter((row) => {
    const owner = owners.get(row.identity_id);
    // An event that still waits for its account could be given up under the anon_id. Where that may yet be linked to
    // anyone, for ours has begun again without the credentials that the old one had seen, it gets an id that never is.
    const isOwned = owner !== undefined && (owner.isSafe || row.distinct_id !== null);
    const identity_id = identityOf(spool, isOwned ? owner.anonId : null, Date.now());
    // Batches are divided again, under the ids that the records have here.
    return insert({ ...row, id: taken.get(row) === undefined ? row.id : null, identity_id, half_id: null });
  });
}

/** The counters, by name; undefined where they cannot be read: how much there was is then no longer known. */
function countsOf(damaged: Damaged): ReadonlyMap<unknown, number> | undefined {
  const counts = new Map<unknown, number>();
  // Damage that reads like a count is none.
  for (const { name, value } of read(damaged, 'SELECT name, value FROM ledger'))
    if (Number.isSafeInteger(value) && Number(value) >= 0) counts.set(name, Number(value));
  return ['recorded', 'pending', 'quarantined'].every((name) => counts.has(name)) ? counts : undefined;
}

/**
 * The triggers have counted what was found; the rest of the old counts is added, so that the law still holds. Without
 * them it is not known how many records are lost.
 */
function takeOverCounts(
  spool: Spool,
  counts: ReadonlyMap<unknown, number> | undefined,
  { found, found_delivered }: Progress,
): void {
  const old = (name: string): number => counts?.get(name) ?? 0;
  const lost = Math.max(0, old('pending') + old('quarantined') - (found - found_delivered));
  const gone = new Map([...(counts ?? [])].filter(([name]) => /^(purged$|dropped\.)/.test(String(name))));
  const damaged = `dropped.${'damaged' satisfies DropReason}`;
  gone.set(damaged, old(damaged) + lost);
  gone.set('delivered', Math.max(0, old('delivered') - found_delivered));
  const recorded = [...gone.values()].reduce((sum, number) => sum + number, 0);
  gone.set('recorded', recorded).set('unreported', old('unreported') + lost);
  gone.set(UNCOUNTED, counts === undefined ? 1 : old(UNCOUNTED));
  for (const [name, number] of gone) if (number > 0) count(spool, String(name), number);
}
