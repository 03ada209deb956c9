/** A damaged database beside the sound one, on the same connection: SQL then carries over what SQLite can still read. */
import { closeSync, existsSync, fstatSync, openSync, writeSync } from 'node:fs';
import { openCopy } from '../../infra/sqlite/database.ts';
import { isDamage, isOtherSchema } from '../../infra/sqlite/errors.ts';
import type { Spool } from '../spool/spool.ts';

/**
 * Attaches the database at `path` as `damaged`; where its header is broken, or says more pages than the file has, with
 * the header of a sound one. False when its records cannot be found in it even so. Throws what SQLite says when that
 * cannot be told now, as when another process has it open. Not inside a transaction.
 */
export function attachDamaged(spool: Spool, path: string, migrations: string): boolean {
  if (attach(spool, path)) return true;
  graftHeader(path, migrations);
  return attach(spool, path);
}

/**
 * Copies a table of the damaged database into a temporary one called `damaged_TABLE`, `limit` rows of it at most. False,
 * and none, where it cannot be read. Not inside a transaction: once SQLite has met damage in it, it refuses all further
 * writing.
 */
export function copyTable(spool: Spool, table: string, limit = -1): boolean {
  spool.statement(`DROP TABLE IF EXISTS temp.damaged_${table}`).run();
  try {
    spool
      .statement(`CREATE TEMP TABLE damaged_${table} AS SELECT * FROM damaged.${table} LIMIT ${limit}`)
      .run();
    return true;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return false;
  }
}

/** The columns that a table that was copied shares with ours, for a statement; not those in `except`. */
export function sharedColumns(spool: Spool, table: string, except: readonly string[] = []): string {
  const columns = `SELECT name FROM pragma_table_info('damaged_${table}', 'temp') INTERSECT
    SELECT name FROM pragma_table_info('${table}', 'main')`;
  const names = spool.statement(columns).pluck().all() as string[];
  return names.filter((name) => !except.includes(name)).join(', ');
}

/** Whether an error says that what was to be read of a damaged database is not there any more. */
export function isUnreadable(error: unknown): boolean {
  return isDamage(error) || isOtherSchema(error);
}

function attach(spool: Spool, path: string): boolean {
  try {
    spool.statement('ATTACH ? AS damaged').run(path);
    spool.pragma('damaged.synchronous = OFF');
    // Without these nothing can be said of a record.
    spool
      .statement(
        'SELECT id, uuid, kind, state, event, distinct_id, properties, bytes, recorded_at FROM damaged.record LIMIT 0',
      )
      .all();
    return true;
  } catch (error) {
    detachDamaged(spool);
    if (isUnreadable(error)) return false;
    throw error;
  }
}

/** Lets go of it again; nothing where none is attached. */
export function detachDamaged(spool: Spool): void {
  const attached = spool.pragma('database_list') as { name: string }[];
  if (attached.some(({ name }) => name === 'damaged')) spool.statement('DETACH damaged').run();
}

/** Every database that the migrations have made has the same header, but for a few numbers. */
function graftHeader(path: string, migrations: string): void {
  const sound = openCopy(null, migrations);
  const header = Buffer.from(sound.serialize().subarray(0, 100));
  sound.close();
  const file = openSync(path, 'r+');
  try {
    const { size } = fstatSync(file);
    // Places in it, by https://sqlite.org/fileformat2.html, section 1.3.
    const pageSize = header.readUInt16BE(16);
    if (size < pageSize) return;
    // How many pages there are, and at which change that was counted; none of them is free.
    header.writeUInt32BE(Math.floor(size / pageSize), 28);
    header.copy(header, 92, 24, 28);
    header.fill(0, 32, 40);
    // 2 where a log is to be read.
    header.fill(existsSync(`${path}-wal`) ? 2 : 1, 18, 20);
    writeSync(file, header, 0, header.length, 0);
  } finally {
    closeSync(file);
  }
}
