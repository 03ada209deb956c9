/**
 * A lock between processes that the kernel frees when its holder dies, however it dies: an exclusive
 * transaction held open on an empty SQLite file. No clock, no process id.
 */
import { isBusy, openLockFile, type Sqlite } from './database.ts';

export interface Lock {
  /** Frees the lock. Must not throw: it may be called inside another transaction. */
  release(): void;
}

/** Takes the lock at once, or returns undefined when somebody else has it. Throws the system's error. */
function tryLock(path: string): Lock | undefined {
  const db = openLockFile(path);
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
  return { release: () => close(db) };
}

/**
 * Tells whether somebody holds the lock. Looking takes a shared lock for a moment; a taker who meets it tries
 * again (see `tryLockFor`), so a look never keeps anybody from the lock.
 */
export function isLocked(path: string): boolean {
  const db = openLockFile(path);
  try {
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw error;
  } finally {
    close(db);
  }
}

/** Takes the lock, trying for `waitMs`; a tenth of a second outlasts every look at it. */
export async function tryLockFor(path: string, waitMs: number): Promise<Lock | undefined> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const lock = tryLock(path);
    if (lock !== undefined || performance.now() >= deadline) return lock;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function close(db: Sqlite.Database): void {
  try {
    db.close();
  } catch {
    // The process's end frees what closing could not.
  }
}
