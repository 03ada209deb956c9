/** Opens a SQLite database for a program that many processes run at once, and brings its schema up to date. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type Sqlite from 'better-sqlite3';
import Database from 'better-sqlite3';
import { isNetworkFileSystem } from '../os/file-system.ts';
import { DamagedError } from './errors.ts';
import { type Patience, patiently, transact } from './patience.ts';

export type { Sqlite };

/** More than the log has between two checkpoints, of 1,000 pages. */
const LOG_BYTES = 8 * 1024 * 1024;

/** The database was made by a newer version of this program: it is not to be touched. */
export class NewerSchemaError extends Error {}

/**
 * Opens the file `path`, which may be empty; `patience` is for all of it, `migrations` the folder of those. WAL, so
 * that readers never wait for the writer; commits are not synced one by one (`synchronous=NORMAL`), which a power cut
 * may undo but never tear. On a file system that other machines use too a rollback journal takes the log's place, for
 * they share no memory with this one (https://sqlite.org/wal.html, section 1); so it does where there is no shared
 * memory at all. Throws SqliteError, the file system's error, or NewerSchemaError.
 */
export function openDatabase(path: string, migrations: string, patience: Patience): Sqlite.Database {
  if (isNetworkFileSystem(dirname(path))) return openIn('TRUNCATE', path, migrations, patience);
  try {
    return openIn('WAL', path, migrations, patience);
  } catch (error) {
    if (!isWithoutSharedMemory(error)) throw error;
    return openIn('TRUNCATE', path, migrations, patience);
  }
}

type Journal = 'WAL' | 'TRUNCATE';

function openIn(journal: Journal, path: string, migrations: string, patience: Patience): Sqlite.Database {
  const db = new Database(path, { timeout: 0, fileMustExist: true });
  try {
    const files = migrationsIn(migrations);
    const version = patiently(patience, () => {
      if (journal === 'TRUNCATE') leaveWal(db);
      // It reads the database too.
      db.pragma('synchronous = NORMAL');
      return versionOf(db);
    });
    if (version !== files.length) migrate(db, files, journal, patience);
    // A log that a long reader has made grow is cut when it starts over.
    db.pragma(`journal_size_limit = ${LOG_BYTES}`);
    // macOS: its plain sync neither empties the drive's cache nor orders what is written (https://sqlite.org/pragma.html).
    db.pragma('checkpoint_fullfsync = ON');
    db.pragma(`busy_timeout = ${Math.round(patience.leftMs)}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Who has the database alone can read its log without shared memory. The next reading shares it again. */
function leaveWal(db: Sqlite.Database): void {
  db.pragma('locking_mode = EXCLUSIVE');
  db.pragma('journal_mode = TRUNCATE');
  db.pragma('locking_mode = NORMAL');
}

function isWithoutSharedMemory(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code === 'SQLITE_IOERR_SHMMAP';
}

/** Opens the file `path` as it is: makes none and does not migrate. Throws SqliteError. */
export function openAsIs(path: string, lockWaitMs: number): Sqlite.Database {
  return new Database(path, { timeout: lockWaitMs, fileMustExist: true });
}

/**
 * Opens the bytes of a database in memory, at today's schema; null makes an empty one. It is a copy: what is
 * written to it goes nowhere. Throws SqliteError, or NewerSchemaError.
 */
export function openCopy(image: Buffer | null, migrations: string): Sqlite.Database {
  const db = new Database(image ?? ':memory:', {});
  try {
    const files = migrationsIn(migrations);
    assertNotNewer(db, files);
    if (versionOf(db) !== files.length) db.transaction(applyMigrations)(db, files);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Whether the database at `path` has another schema than the migrations make of its version, or rows that this forbids.
 * Throws NewerSchemaError where a newer program has changed it, and SqliteError.
 */
export function breaksSchema(path: string, migrations: string): boolean {
  const files = migrationsIn(migrations);
  const [db, sound] = [openAsIs(path, 0), new Database(':memory:')];
  try {
    assertNotNewer(db, files);
    applyMigrations(sound, files.slice(0, versionOf(db)));
    const sql = 'SELECT type, name, sql FROM sqlite_schema ORDER BY type, name';
    const isOther = JSON.stringify(db.prepare(sql).all()) !== JSON.stringify(sound.prepare(sql).all());
    return isOther || db.pragma('quick_check(1)', { simple: true }) !== 'ok';
  } finally {
    db.close();
    sound.close();
  }
}

/** The files of the numbered migrations, in their order: the last one's number is the version of today's schema. */
function migrationsIn(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => /^\d{4}_.*\.sql$/.test(name));
  return names.sort().map((name) => join(folder, name));
}

/**
 * Two processes may arrive here together. Each step looks again inside its own transaction, so the second one
 * finds the work done; the switch to WAL fails at once instead of waiting when both try, hence the retries.
 */
function migrate(db: Sqlite.Database, files: readonly string[], journal: Journal, patience: Patience): void {
  assertNotNewer(db, files);
  patiently(patience, () => {
    if (db.pragma('journal_mode', { simple: true }) === journal.toLowerCase()) return;
    // An empty database has nothing that a journal could bring back; making and syncing one takes 8 ms.
    if (versionOf(db) === 0) db.pragma('journal_mode = MEMORY');
    db.pragma(`journal_mode = ${journal}`);
  });
  transact(db, patience, () => applyMigrations(db, files));
}

function applyMigrations(db: Sqlite.Database, files: readonly string[]): void {
  assertNotNewer(db, files);
  for (const file of files.slice(versionOf(db))) {
    db.exec(readFileSync(file, 'utf8'));
    db.pragma(`user_version = ${versionOf(db) + 1}`);
  }
}

/** More than so many versions ahead is no newer program, but a damaged header. */
const FARTHEST_VERSION = 1_000_000;

function assertNotNewer(db: Sqlite.Database, files: readonly string[]): void {
  const ahead = versionOf(db) - files.length;
  if (ahead > FARTHEST_VERSION || ahead < -files.length)
    throw new DamagedError('the database is of no version');
  if (ahead > 0) throw new NewerSchemaError('the database is of a newer version');
}

function versionOf(db: Sqlite.Database): number {
  return db.pragma('user_version', { simple: true }) as number;
}
