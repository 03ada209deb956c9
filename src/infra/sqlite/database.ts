/** Opens a SQLite database for a program that many processes run at once, and brings its schema up to date. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type Sqlite from 'better-sqlite3';
import Database from 'better-sqlite3';
import { isNetworkFileSystem } from '../os/file-system.ts';
import { createPrivateFile } from '../os/files.ts';
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

/** Opens `path` for reading alone. Creates nothing and does not migrate. Throws SqliteError. */
export function openReadOnly(path: string, lockWaitMs: number): Sqlite.Database {
  return new Database(path, { timeout: lockWaitMs, readonly: true, fileMustExist: true });
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

/** Throws NewerSchemaError if a newer program has brought the schema up to date since we opened it. */
export function assertNotNewerFile(path: string, migrations: string): void {
  let db: Sqlite.Database | undefined;
  try {
    db = openReadOnly(path, 0);
    assertNotNewer(db, migrationsIn(migrations));
  } catch (error) {
    if (error instanceof NewerSchemaError) throw error;
  } finally {
    db?.close();
  }
}

/** Opens a file that serves as nothing but a lock: no journal, no schema. Throws SqliteError. */
export function openLockFile(path: string): Sqlite.Database {
  createPrivateFile(path);
  return new Database(path, { timeout: 0 });
}

/**
 * Does `work` while holding an exclusive lock on a file, for which it waits `waitMs` at most. Throws
 * SqliteError when the time is up, and what `work` throws.
 */
export function withFileLock<T>(path: string, waitMs: number, work: () => T): T {
  const db = openLockFile(path);
  try {
    db.pragma(`busy_timeout = ${waitMs}`);
    return db.transaction(work).exclusive();
  } finally {
    db.close();
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
