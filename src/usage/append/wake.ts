/** Decides, inside a transaction, whether a flusher is to be started. */
import { isLocked } from '../../infra/sqlite/lock.ts';
import { type Destination, FLUSHER } from '../../settings.ts';
import { backoffInForce, postHogAt } from '../spool/backoff.ts';
import { type Circumstances, isAnythingDue } from '../spool/due.ts';
import { installationOf, lockFile, type Spool } from '../spool/spool.ts';

/**
 * True when something is due, a destination is configured, no back-off holds, no flusher is alive and none
 * was asked for in the last two seconds; the asking is then noted in this transaction, so that of two
 * commands only one starts a flusher.
 */
export function askForFlusher(spool: Spool, circumstances: Circumstances): boolean {
  if (!mayAsk(spool, circumstances) || !isAnythingDue(spool, circumstances) || isFlusherAlive(spool))
    return false;
  spool.statement('UPDATE installation SET flusher_asked_at = ?').run(circumstances.now);
  return true;
}

/** A mark far from `now` is one of a clock that was set meanwhile, and says nothing. */
function mayAsk(spool: Spool, { destination, now }: Pick<Circumstances, 'destination' | 'now'>): boolean {
  if (destination.apiKey === undefined) return false;
  const { flusher_asked_at: asked } = installationOf(spool);
  return asked === null || Math.abs(now - asked) >= FLUSHER.askEveryMs;
}

/** A lock that cannot be used keeps every flusher from working: none is started, and the events wait. */
function isFlusherAlive(spool: Spool): boolean {
  try {
    return isLocked(lockFile(spool.directory));
  } catch {
    return true;
  }
}

/** What `askForFlusher` will probably say of an event that is appended soon. Changes nothing. */
export function isWakeLikely(spool: Spool, destination: Destination, now: number): boolean {
  if (!mayAsk(spool, { destination, now }) || isFlusherAlive(spool)) return false;
  return backoffInForce(spool, postHogAt(spool, destination), now) === null;
}
