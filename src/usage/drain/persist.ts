/** Writing what must not be lost while another process has the spool's write lock. */
import { isBusy } from '../../infra/sqlite/errors.ts';

const PAUSE_MS = 20;

/**
 * Does `work`, again and again while somebody else holds the lock and time is left. What PostHog has accepted
 * is thus settled and not sent twice. Waiting in here and not in SQLite lets the other batches go on. Throws
 * what `work` throws.
 */
export async function persist<T>(leftMs: () => number, work: () => T | Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || leftMs() <= 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
