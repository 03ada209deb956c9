/**
 * A lock between processes that the kernel frees when its holder dies, however it dies: an exclusive
 * transaction held open on an empty SQLite file. No clock, no process id.
 */
import { lstatSync } from 'node:fs';
import { openLockFile, openReadOnly, type Sqlite } from './database.ts';
import { isBusy } from './errors.ts';

export interface Lock {
  /** Frees the lock. Must not throw: it may be called inside another transaction. */
  release(): void;
}

/** The lock can be neither taken nor looked at: its file is a directory, say. */
export class UnusableLockError extends Error {}

/** Takes the lock at once, or returns undefined when another process has it. Throws UnusableLockError. */
function tryLock(path: string): Lock | undefined {
  let db: Sqlite.Database | undefined;
  try {
    db = openLockFile(path);
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db?.close();
    if (isBusy(error)) return undefined;
    throw unusable(error);
  }
  return { release: () => void db.close() };
}

/**
 * Whether another process holds the lock. Makes no file. Looking takes a shared lock for a moment; a taker who meets it
 * tries again (see `tryLockFor`), so a look never keeps another process from the lock. Throws UnusableLockError.
 */
export function isLocked(path: string): boolean {
  try {
    // Opening a FIFO to read it would wait for a writer.
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return false;
    if (!found.isFile()) throw new Error('it is not a file');
    const db = openReadOnly(path, 0);
    try {
      db.prepare('SELECT count(*) FROM sqlite_schema').get();
      return false;
    } finally {
      db.close();
    }
  } catch (error) {
    if (isBusy(error)) return true;
    throw unusable(error);
  }
}

/** Takes the lock, trying for `waitMs`; a tenth of a second outlasts every look at it. Throws UnusableLockError. */
export async function tryLockFor(path: string, waitMs: number): Promise<Lock | undefined> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const lock = tryLock(path);
    if (lock !== undefined || performance.now() >= deadline) return lock;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Wrapped, for what SQLite says of the lock's file must not be taken for a word about the spool. */
function unusable(cause: unknown): UnusableLockError {
  return new UnusableLockError('the lock file cannot be used', { cause });
}
