/** The spool as the rest of this folder sees it: one open database, its statements, its transactions. */
import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { syncFile, syncFileMeanwhile } from '../../infra/os/files.ts';
import { openDatabase, type Sqlite } from '../../infra/sqlite/database.ts';
import { DamagedError, isConstraint } from '../../infra/sqlite/errors.ts';
import { type Patience, transact } from '../../infra/sqlite/patience.ts';
import { LIMITS } from '../../settings.ts';
import { begunAside } from './aside.ts';
import { ensureKey, readKey } from './key.ts';
import { isOptedOut, requirePlace } from './place.ts';

export interface Spool {
  readonly directory: string;
  /** Of the database file, which may be replaced while it is open. */
  readonly inode: bigint | undefined;
  /** What is left of the time for which it may wait for other processes. */
  readonly patience: Patience;
  /** The key of the fingerprints. */
  key(): Buffer;
  /** When the database file was made, in ns since the epoch: a copy of it was made later. Null where that cannot be told. */
  readonly birth: string | null;
  /** The prepared statement of an SQL text, made at its first use. */
  statement(sql: string): Sqlite.Statement;
  /** Runs `work` in one transaction, beside which nothing else writes; whatever it throws undoes all of it. */
  transaction<T>(work: () => T): T;
  /**
   * Inside a transaction: what `work` returns; undefined, and nothing done, where it breaks a constraint. Whatever else it
   * throws undoes what it did, and no more.
   */
  savepoint<T>(work: () => T): T | undefined;
  /** What has been committed so far survives a power cut. Outside a transaction, so that nothing waits for it. */
  sync(): void;
  /** The same, while this process goes on with something else. */
  syncMeanwhile(): Promise<void>;
  /** How long the write-ahead log is; 0 where there is none. */
  logBytes(): number;
  /** Runs a statement that no transaction may hold, such as a checkpoint. */
  pragma(text: string): unknown;
  close(): void;
}

export interface Installation {
  readonly consent: number;
  readonly notice_shown_at: number | null;
  readonly export_stamp: string | null;
  readonly export_due: number;
  readonly export_failed_at: number | null;
  readonly flusher_asked_at: number | null;
}

export const spoolFile = (directory: string): string => join(directory, 'usage.db');
export const sharedFile = (directory: string): string => join(directory, 'usage.json');
export const lockFile = (directory: string): string => join(directory, 'usage.lock');

/**
 * Opens the spool that `.arcade` has, and makes none (see `preparePlace`). Opening and all transactions together wait as
 * long as `patience` says. Throws whatever keeps it from being opened or trusted; the caller decides what that is worth.
 */
export function openSpool(
  directory: string,
  migrations: string,
  patience: Patience = { leftMs: LIMITS.patienceMs },
): Spool {
  requirePlace(directory);
  if (begunAside(directory) !== undefined) throw new DamagedError('its log has been set aside');
  // Before it is opened: a process that sets it aside meanwhile leaves us with the old one.
  const inode = inodeOf(directory);
  const db = openDatabase(spoolFile(directory), migrations, patience);
  return spoolOf(directory, db, inode, patience);
}

/** Tells the database that is there now from one that was there before; undefined when there is none. */
export function inodeOf(directory: string): bigint | undefined {
  return lstatSync(spoolFile(directory), { bigint: true, throwIfNoEntry: false })?.ino;
}

/** When a file was made, in ns since 1970; null where the system does not tell. */
export function birthOf(path: string): string | null {
  const { birthtimeNs = 0n } = statSync(path, { bigint: true, throwIfNoEntry: false }) ?? {};
  return birthtimeNs === 0n ? null : String(birthtimeNs);
}

/**
 * Throws DamagedError if another process has set the database aside since it was opened: what is done to it from
 * here on is done to a file that is to be carried over.
 */
export function assertNotReplaced(spool: Spool): void {
  if (inodeOf(spool.directory) !== spool.inode) throw new DamagedError('the database has been replaced');
}

/** Asks SQLite about every page of the database. Throws what SQLite throws. */
export function isSound(spool: Spool): boolean {
  return spool.statement('PRAGMA integrity_check(1)').pluck().get() === 'ok';
}

/** Wraps an open database; one without an inode is a copy. */
export function spoolOf(
  directory: string,
  db: Sqlite.Database,
  inode?: bigint,
  patience: Patience = { leftMs: LIMITS.patienceMs },
): Spool {
  const statements = new Map<string, Sqlite.Statement>();
  const log = `${spoolFile(directory)}-wal`;
  const makeKey = (): Buffer => {
    // Older versions kept it in the database: there it is the seed of the file.
    const seed = db.prepare('SELECT fingerprint_key FROM installation').pluck().get() as Buffer;
    // A copy makes nothing.
    return inode === undefined ? seed : ensureKey(directory, seed);
  };
  let key: Buffer | undefined;
  return {
    directory,
    inode,
    patience,
    key: () => {
      key ??= readKey(directory) ?? makeKey();
      return key;
    },
    birth: birthOf(spoolFile(directory)),
    statement(sql) {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      const made = db.prepare(sql);
      statements.set(sql, made);
      return made;
    },
    transaction: (work) => transact(db, patience, work),
    savepoint(work) {
      try {
        return db.transaction(work)();
      } catch (error) {
        if (!isConstraint(error)) throw error;
        return undefined;
      }
    },
    sync: () => syncFile(log),
    syncMeanwhile: () => syncFileMeanwhile(log),
    logBytes: () => statSync(log, { throwIfNoEntry: false })?.size ?? 0,
    pragma: (text) => db.pragma(text),
    close: () => void db.close(),
  };
}

/** The one row that describes this installation. Throws DamagedError where it is gone, or another page is in its place. */
export function installationOf(spool: Spool): Installation {
  const row = spool.statement('SELECT * FROM installation').get() as Installation | undefined;
  if (row?.consent !== 0 && row?.consent !== 1) throw new DamagedError('the installation is missing');
  return row;
}

/** Whether the person allows recording. usage.off counts as well: the database may not have been there to be told. */
export function isRecordingAllowed(spool: Spool): boolean {
  return installationOf(spool).consent === 1 && !isOptedOut(spool.directory);
}
