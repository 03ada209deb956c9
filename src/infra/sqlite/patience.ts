/** Waiting for a lock of the database that another process holds. */
import { setTimeout as sleep } from 'node:timers/promises';
import type Sqlite from 'better-sqlite3';
import { pause } from '../pause.ts';
import { isBusy } from './errors.ts';

/**
 * SQLite itself would look every 100 ms in the end, and in a crowd find the lock taken each time. Only what is spent in
 * these pauses counts, by a clock, so that a starved machine makes no command wait longer.
 */
const RETRY_MS = 5;

/** How long a process may still wait for others, in ms; what it waits is taken off. */
export interface Patience {
  leftMs: number;
}

/** Does `work`, again and again while another process has the lock. Throws what `work` throws once patience is at its end. */
export function patiently<T>(patience: Patience, work: () => T): T {
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || patience.leftMs < RETRY_MS) throw error;
    }
    const began = performance.now();
    pause(RETRY_MS);
    patience.leftMs -= performance.now() - began;
  }
}

const BUSY_PAUSE_MS = 20;

/**
 * The same for a process that has other things to do meanwhile, until no time is left. For a spool without patience: it
 * would block answers and timers. Rejects with what `work` throws.
 */
export async function persist<T>({ leftMs }: { readonly leftMs: () => number }, work: () => T): Promise<T> {
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || leftMs() <= 0) throw error;
      await sleep(BUSY_PAUSE_MS);
    }
  }
}

/**
 * Runs `work` in one transaction beside which no other process can write, and for whose lock it waits with patience.
 * Whatever `work` throws undoes all of it. Throws SqliteError when the lock cannot be had.
 */
export function transact<T>(db: Sqlite.Database, patience: Patience, work: () => T): T {
  const transaction = db.transaction(work);
  db.pragma('busy_timeout = 0');
  try {
    // With a rollback journal a commit fails where another process reads; with a log this is no different from `immediate`.
    return patiently(patience, () => transaction.exclusive());
  } finally {
    db.pragma(`busy_timeout = ${Math.max(0, Math.round(patience.leftMs))}`);
  }
}
