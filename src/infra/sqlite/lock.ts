/**
 * A lock between processes that the kernel frees when its holder dies, however it dies: an exclusive
 * transaction held open on an empty SQLite file. No clock, no process id.
 */
import { existsSync } from 'node:fs';
import { createPrivateFile } from '../os/files.ts';
import { openAsIs, type Sqlite } from './database.ts';
import { isBusy } from './errors.ts';

export interface Lock {
  /** Frees the lock. Must not throw: it may be called inside another transaction. */
  release(): void;
}

/** The lock can be neither taken nor looked at: its file is a directory, say. */
export class UnusableLockError extends Error {}

/** Takes the lock at once. Throws SQLITE_BUSY while another process has it, UnusableLockError, and the system's error. */
export function takeLock(path: string): Lock {
  createPrivateFile(path);
  let db: Sqlite.Database | undefined;
  try {
    db = openAsIs(path, 0);
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db?.close();
    throw isBusy(error) ? error : unusable(error);
  }
  return { release: () => void db.close() };
}

/**
 * Whether another process holds the lock. Makes no file. Looking takes a shared lock for a moment; a taker who meets it
 * tries again (see `tryLockFor`), so a look never keeps another process from the lock. Throws UnusableLockError.
 */
export function isLocked(path: string): boolean {
  if (!existsSync(path)) return false;
  let db: Sqlite.Database | undefined;
  try {
    db = openAsIs(path, 0);
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw unusable(error);
  } finally {
    db?.close();
  }
}

/** Takes the lock, trying for `waitMs`; a tenth of a second outlasts every look at it. Rejects with the rest that `takeLock` throws. */
export async function tryLockFor(path: string, waitMs: number): Promise<Lock | undefined> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    try {
      return takeLock(path);
    } catch (error) {
      if (!isBusy(error)) throw error;
      if (performance.now() >= deadline) return undefined;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Wrapped, for what SQLite says of the lock's file must not be taken for a word about the spool. */
function unusable(cause: unknown): UnusableLockError {
  return new UnusableLockError('the lock file cannot be used', { cause });
}
