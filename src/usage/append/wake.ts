/** Decides, inside a transaction, whether a flusher is to be started. */
import { isLocked } from '../../infra/sqlite/lock.ts';
import { type Destination, FLUSHER } from '../../settings.ts';
import { isBackingOff } from '../drain/backoff.ts';
import { backoffInForce, destinationId } from '../drain/destination.ts';
import { type Installation, lockFile, type Spool } from '../spool/spool.ts';

/** A command's own call has to come this long after a failure to say anything new about the network. */
export const EVIDENCE_AFTER_MS = 10_000;

interface Circumstances {
  readonly destination: Destination;
  /** The command has just had an answer from the network. */
  readonly online: boolean;
  /** The fingerprint of the key in the environment; null when there is none, and the file's credentials hold. */
  readonly environment: string | null;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * True when something is due, a destination is configured, no back-off holds, no flusher is alive and none
 * was asked for in the last two seconds; the asking is then noted in this transaction, so that of two
 * commands only one starts a flusher.
 */
export function askForFlusher(
  spool: Spool,
  installation: Installation,
  circumstances: Circumstances,
): boolean {
  const { now } = circumstances;
  const asked = installation.flusher_asked_at;
  if (circumstances.destination.apiKey === undefined) return false;
  // Also false for a clock that was set back meanwhile: |now - asked| is then large.
  if (asked !== null && Math.abs(now - asked) < FLUSHER.askEveryMs) return false;
  if (!isAnythingDue(spool, installation, circumstances)) return false;
  if (isFlusherAlive(spool)) return false;
  spool.statement('UPDATE installation SET flusher_asked_at = ?').run(now);
  return true;
}

/** A lock that cannot be used keeps every flusher from working: none is started, and the events wait. */
function isFlusherAlive(spool: Spool): boolean {
  try {
    return isLocked(lockFile(spool.directory));
  } catch {
    return true;
  }
}

/** Whether a flusher would find something to do. May use up the one hastening of a failure streak. */
export function isAnythingDue(
  spool: Spool,
  installation: Installation,
  circumstances: Circumstances,
): boolean {
  const { now, online, destination, environment } = circumstances;
  return (
    (mayResolve(installation, now) && hasUnbound(spool, environment, now)) ||
    (hasSendable(spool) && maySend(spool, destinationId(installation, destination), online, now))
  );
}

/** Whether the coordinator may be asked at `now`. */
export function mayResolve(installation: Installation, now: number): boolean {
  return !isBackingOff({ since: installation.resolve_since, until: installation.resolve_until }, now);
}

/** Of credentials that only another shell sees, those that are waited for no longer. */
function hasUnbound(spool: Spool, environment: string | null, now: number): boolean {
  const sql = `SELECT 1 FROM record AS r WHERE state = 'pending' AND distinct_id IS NULL
    AND (fingerprint IS NULL OR resolvable = 0 OR fingerprint = @environment
      OR (from_environment = 0 AND @environment IS NULL) OR recorded_at <= @overdue
      OR EXISTS (SELECT 1 FROM account AS a WHERE a.fingerprint = r.fingerprint)) LIMIT 1`;
  return spool.statement(sql).get({ environment, overdue: now - FLUSHER.unboundMs }) !== undefined;
}

function hasSendable(spool: Spool): boolean {
  const sql = `SELECT 1 FROM record WHERE state = 'pending' AND distinct_id IS NOT NULL LIMIT 1`;
  return spool.statement(sql).get() !== undefined;
}

function maySend(spool: Spool, destination: string, online: boolean, now: number): boolean {
  const backoff = backoffInForce(spool, destination, now);
  if (backoff === null) return true;
  const hastens =
    online &&
    (backoff.reason === 'offline' || backoff.reason === 'portal') &&
    backoff.hastened === 0 &&
    now - backoff.since >= EVIDENCE_AFTER_MS;
  if (hastens) spool.statement('UPDATE backoff SET hastened = 1, until = ?').run(now);
  return hastens;
}

/** What `askForFlusher` will probably say of an event that is appended soon. Changes nothing. */
export function isWakeLikely(
  spool: Spool,
  installation: Installation,
  destination: Destination,
  now: number,
): boolean {
  const asked = installation.flusher_asked_at;
  if (destination.apiKey === undefined || installation.consent === 0) return false;
  if (asked !== null && Math.abs(now - asked) < FLUSHER.askEveryMs) return false;
  if (backoffInForce(spool, destinationId(installation, destination), now) !== null) return false;
  return !isFlusherAlive(spool);
}
