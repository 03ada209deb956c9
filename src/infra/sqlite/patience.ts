/** Waiting for a lock of the database that another process holds. */
import type Sqlite from 'better-sqlite3';
import { isBusy } from './errors.ts';
import { pause } from './pause.ts';

/**
 * SQLite itself would look every 100 ms in the end, and in a crowd find the lock taken each time. As with its own
 * `busy_timeout` it is the pauses that count, not the time for which a crowded machine makes them longer.
 */
const RETRY_MS = 5;

/** How long a process may still wait for others, in ms; what it waits is taken off. */
export interface Patience {
  /** For whoever holds the lock now. */
  leftMs: number;
  /** For a crowd: while others come and go, `leftMs` is made up from this. */
  crowdMs?: number;
}

/**
 * Does `work`, again and again while that is told to be locked. `isMoving` tells whether others have had the lock
 * and let go since it was asked last. Throws what `work` throws once patience is at its end.
 */
export function patiently<T>(
  patience: Patience,
  work: () => T,
  { mayRepeat = (): boolean => true, isMoving = (): boolean => false } = {},
): T {
  let waitedMs = 0;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || !mayRepeat() || patience.leftMs < RETRY_MS) throw error;
    }
    pause(RETRY_MS);
    patience.leftMs -= RETRY_MS;
    waitedMs += RETRY_MS;
    if (!isMoving()) continue;
    const { crowdMs = 0 } = patience;
    const madeUp = Math.min(waitedMs, crowdMs);
    patience.leftMs += madeUp;
    patience.crowdMs = crowdMs - madeUp;
    waitedMs = 0;
  }
}

/** Tells each time whether others have committed since the last. */
function watchCommits(db: Sqlite.Database): () => boolean {
  let seen: unknown;
  return () => {
    const before = seen;
    try {
      seen = db.pragma('data_version', { simple: true });
    } catch (error) {
      // With a rollback journal nobody may look while another commits.
      if (!isBusy(error)) throw error;
    }
    return before !== undefined && seen !== before;
  };
}

/**
 * Runs `work` in one transaction beside which nobody else can write, and for whose lock it waits with patience.
 * Whatever `work` throws undoes all of it. Throws SqliteError when the lock cannot be had.
 */
export function transact<T>(db: Sqlite.Database, patience: Patience, work: () => T): T {
  let begun = false;
  const transaction = db.transaction(() => {
    begun = true;
    return work();
  });
  const begin = (): T => {
    db.pragma('busy_timeout = 0');
    // With a rollback journal a commit fails where somebody reads; with a log this is no different from `immediate`.
    return transaction.exclusive();
  };
  try {
    return patiently(patience, begin, { mayRepeat: () => !begun, isMoving: watchCommits(db) });
  } finally {
    db.pragma(`busy_timeout = ${Math.max(0, Math.round(patience.leftMs))}`);
  }
}
