/** The spool as the rest of this folder sees it: one open database, its statements, its transactions. */
import { createHmac } from 'node:crypto';
import { existsSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { isBusy, openDatabase, type Sqlite } from '../infra/database.ts';
import { makePrivateDirectory, syncFile } from '../infra/files.ts';
import { pause } from '../infra/pause.ts';
import { LIMITS } from '../settings.ts';
import { trust } from './trust.ts';

/**
 * A process that has just slept, were it for a moment, has its whole share of the processor before it. One that
 * has used it up may be put aside right after it has got the lock, and with it everybody who waits for that.
 */
const REST_MS = 0.05;
/**
 * SQLite itself would look every 100 ms in the end, and in a crowd find the lock taken each time. As with its own
 * `busy_timeout` it is the pauses that count, not the time for which a crowded machine makes them longer.
 */
const RETRY_MS = 5;

export interface Spool {
  readonly directory: string;
  /** Of the database file, which may be replaced while it is open. */
  readonly inode: bigint | undefined;
  /** How long it has waited for other processes at most, to be opened. */
  readonly waitedMs: number;
  /** The prepared statement of an SQL text, made at its first use. */
  statement(sql: string): Sqlite.Statement;
  /** Runs `work` in one `BEGIN IMMEDIATE` transaction; whatever it throws undoes all of it. */
  transaction<T>(work: () => T): T;
  /** Inside a transaction: whatever `work` throws undoes what `work` did, and no more. */
  tentatively<T>(work: () => T): T;
  /** `synchronous=FULL` from here on: commits survive a power cut. Not inside a transaction. */
  makeDurable(): void;
  /** What has been committed so far survives a power cut. Outside a transaction, so that nobody waits for it. */
  sync(): void;
  /** How long a statement may wait for another process from here on. */
  waitForLock(ms: number): void;
  /** How long all transactions from here on may wait for another process's lock together. */
  limitWaiting(ms: number): void;
  /** Rows changed by others since the last call (`PRAGMA data_version`). */
  dataVersion(): number;
  /** Runs a statement that no transaction may hold, such as a checkpoint. */
  pragma(text: string): unknown;
  close(): void;
}

/** Whether `usage disable` holds, as far as that can be told without opening the database. */
export function isRefused(directory: string | undefined): boolean {
  return directory !== undefined && existsSync(refusalFile(directory));
}

export interface Installation {
  readonly fingerprint_key: Buffer;
  readonly consent: number;
  readonly notice_shown_at: number | null;
  readonly export_stamp: string | null;
  readonly export_due: number;
  readonly flusher_asked_at: number | null;
  readonly resolve_since: number;
  readonly resolve_until: number;
  readonly resolve_streak: number;
}

export const spoolFile = (directory: string): string => join(directory, 'usage.db');
export const sharedFile = (directory: string): string => join(directory, 'usage.json');
export const lockFile = (directory: string): string => join(directory, 'usage.lock');
/** There while the person has said `usage disable`: a lost or damaged database must not forget it. */
export const refusalFile = (directory: string): string => join(directory, 'usage.off');

/**
 * Opens the spool of `.arcade`, making both when they are not there. Throws whatever keeps it from being
 * opened or trusted; the caller decides what that is worth.
 */
export function openSpool(directory: string, migrations: string): Spool {
  trust(directory);
  makePrivateDirectory(directory);
  const path = spoolFile(directory);
  const isNew = !existsSync(path);
  let waitedMs = 0;
  const migrated = (ms: number): void => {
    waitedMs = ms;
  };
  const db = openDatabase(path, { lockWaitMs: LIMITS.lockWaitMs, migrations, migrated });
  const spool = { ...spoolOf(directory, db), waitedMs };
  if (isNew && isRefused(directory)) spool.statement('UPDATE installation SET consent = 0').run();
  return spool;
}

/** Wraps an open database; for readers, which open it in their own way. */
export function spoolOf(directory: string, db: Sqlite.Database): Spool {
  const statements = new Map<string, Sqlite.Statement>();
  let budgetMs: number | undefined;
  return {
    directory,
    waitedMs: 0,
    inode: lstatSync(spoolFile(directory), { bigint: true, throwIfNoEntry: false })?.ino,
    statement(sql) {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      const made = db.prepare(sql);
      statements.set(sql, made);
      return made;
    },
    transaction(work) {
      if (budgetMs === undefined) return db.transaction(work).immediate();
      db.pragma('busy_timeout = 0');
      pause(REST_MS);
      for (let begun = false; ; budgetMs -= RETRY_MS) {
        const begin = db.transaction(() => {
          begun = true;
          return work();
        });
        try {
          return begin.immediate();
        } catch (error) {
          if (begun || !isBusy(error) || budgetMs < RETRY_MS) throw error;
        }
        pause(RETRY_MS);
      }
    },
    // A transaction within one is a savepoint.
    tentatively: (work) => db.transaction(work)(),
    limitWaiting: (ms) => {
      budgetMs = ms;
    },
    makeDurable: () => void db.pragma('synchronous = FULL'),
    sync: () => syncFile(`${spoolFile(directory)}-wal`),
    waitForLock: (ms) => void db.pragma(`busy_timeout = ${Math.max(0, Math.round(ms))}`),
    dataVersion: () => db.pragma('data_version', { simple: true }) as number,
    pragma: (text) => db.pragma(text),
    close: () => void db.close(),
  };
}

/** The one row that describes this installation. */
export function installationOf(spool: Spool): Installation {
  return spool.statement('SELECT * FROM installation').get() as Installation;
}

/**
 * Which credentials these are, without saying anything about them to anyone who has not this installation's
 * key. Null for no credentials, undefined where that cannot be told.
 */
export function fingerprintOf<T extends null | undefined>(
  installation: Installation,
  account: string | T,
): string | T {
  if (typeof account !== 'string') return account;
  return createHmac('sha256', installation.fingerprint_key).update(account).digest('base64url');
}
