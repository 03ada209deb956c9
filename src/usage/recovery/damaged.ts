/** A damaged database, as far as SQLite can still read it. */
import { existsSync, writeFileSync } from 'node:fs';
import { openAsIs, openCopy, type Sqlite } from '../../infra/sqlite/database.ts';
import { isSqlite } from '../../infra/sqlite/errors.ts';

export type Damaged = Sqlite.Database;
export type Row = Readonly<Record<string, unknown>>;

/** Another process that met the same damage closes it in far less. */
const LOCK_WAIT_MS = 50;

/**
 * Opens the database at `path`; where its header is broken, or says more pages than the file has, with the header of a
 * sound one. Undefined when its records cannot be found in it even so. Throws SQLITE_BUSY while another process has it.
 */
export function openDamaged(path: string, migrations: string): Damaged | undefined {
  const opened = openWithRecords(path);
  if (opened !== undefined) return opened;
  graftHeader(path, migrations);
  return openWithRecords(path);
}

function openWithRecords(path: string): Damaged | undefined {
  let db: Damaged | undefined;
  try {
    db = openAsIs(path, LOCK_WAIT_MS);
    db.pragma('synchronous = OFF');
    // Without these nothing can be said of a record.
    db.prepare(
      'SELECT id, uuid, kind, state, event, distinct_id, properties, bytes, recorded_at FROM record LIMIT 0',
    ).all();
    return db;
  } catch (error) {
    db?.close();
    if (!isUnreadable(error)) throw error;
    return undefined;
  }
}

/** What a query finds in it, up to the first row that cannot be read. */
export function read(damaged: Damaged, sql: string): readonly Row[] {
  return [...readInSteps(damaged, sql, Number.POSITIVE_INFINITY)].flatMap(({ rows }) => rows);
}

/** The same, `size` rows at a time; `isEnd` where there are no more. */
export function* readInSteps(
  damaged: Damaged,
  sql: string,
  size: number,
  ...values: readonly unknown[]
): Generator<{ readonly rows: readonly Row[]; readonly isEnd: boolean }> {
  let rows: Row[] = [];
  let isEnd = true;
  try {
    for (const row of damaged.prepare(sql).iterate(...values)) {
      if (rows.push(row as Row) < size) continue;
      yield { rows, isEnd: false };
      rows = [];
    }
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    isEnd = false;
  }
  yield { rows, isEnd };
}

/** Each may be on a page that is damaged, or is an old one. */
const LAST_IDS = [
  `seq FROM sqlite_sequence WHERE name = 'record'`,
  'max(id) AS seq FROM record NOT INDEXED',
  `max(id) AS seq FROM record INDEXED BY record_uuid WHERE uuid > ''`,
];

/** The greatest id that a record of it has had; 0 where that cannot be read. */
export function lastId(damaged: Damaged): number {
  const found = LAST_IDS.flatMap((place) => read(damaged, `SELECT ${place}`)).map(({ seq }) => Number(seq));
  return Math.max(0, ...found.filter(Number.isSafeInteger));
}

/** Damage, a table that is not there, a sector of the disk. Whatever else keeps SQLite from reading it may pass. */
function isUnreadable(error: unknown): boolean {
  return isSqlite(error) && /^SQLITE_(CORRUPT|NOTADB|ERROR|IOERR_(SHORT_)?READ)/.test(error.code);
}

/** Every database that the migrations have made has the same header, but for a few numbers. */
function graftHeader(path: string, migrations: string): void {
  const sound = openCopy(null, migrations);
  const header = Buffer.from(sound.serialize().subarray(0, 100));
  sound.close();
  // By https://sqlite.org/fileformat2.html, section 1.3: the file's size tells how many pages there are, none of them
  // is free, and 2 says that a log is to be read.
  header.fill(0, 28, 40);
  header.fill(existsSync(`${path}-wal`) ? 2 : 1, 18, 20);
  writeFileSync(path, header, { flag: 'r+' });
}
