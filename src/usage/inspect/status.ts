/** How the spool stands, and whether what is pending is being sent: read from a copy of it, so that all belongs together. */
import { isLocked } from '../../infra/sqlite/lock.ts';
import type { Settings } from '../../settings.ts';
import { currentIdentity, type StoredIdentity } from '../identity/identities.ts';
import {
  type Backoff,
  type BackoffReason,
  backoffInForce,
  COORDINATOR,
  postHogAt,
} from '../spool/backoff.ts';
import { type Ledger, readLedger } from '../spool/ledger.ts';
import { installationOf, lockFile, type Spool } from '../spool/spool.ts';

interface FlusherRun {
  readonly started_at: number;
  readonly ended_at: number | null;
  readonly outcome: string | null;
  readonly delivered: number;
}

export interface Status {
  readonly consent: boolean;
  /** Whether a record is kept in any state; `usage disable` leaves none. */
  readonly keepsRecords: boolean;
  readonly identity: StoredIdentity | null;
  readonly ledger: Ledger;
  readonly unbound: number;
  readonly oldestPendingAt: number | null;
  readonly backoff: Backoff | null;
  readonly resolveUntil: number;
  readonly flusherIsRunning: boolean;
  /** When a command last asked for a flusher that has not begun since; null when none is awaited. */
  readonly flusherAskedAt: number | null;
  readonly lastRun: FlusherRun | null;
}

/** Everything that `usage status` tells. `now` is ms since the epoch. */
export function readStatus(spool: Spool, settings: Settings, now: number): Status {
  const installation = installationOf(spool);
  const row = (sql: string): unknown => spool.statement(sql).get();
  return {
    consent: installation.consent === 1,
    keepsRecords: row('SELECT 1 FROM record LIMIT 1') !== undefined,
    identity: currentIdentity(spool),
    ledger: readLedger(spool),
    ...(row(
      `SELECT count(*) FILTER (WHERE distinct_id IS NULL) AS unbound, min(recorded_at) AS oldestPendingAt
       FROM record WHERE state = 'pending'`,
    ) as Pick<Status, 'unbound' | 'oldestPendingAt'>),
    backoff: backoffInForce(spool, postHogAt(spool, settings.destination), now),
    resolveUntil: backoffInForce(spool, COORDINATOR, now)?.until ?? 0,
    flusherIsRunning: isFlusherAlive(spool.directory),
    flusherAskedAt: installation.flusher_asked_at,
    lastRun: (row('SELECT * FROM flusher_run ORDER BY id DESC LIMIT 1') as FlusherRun | undefined) ?? null,
  };
}

/** A flusher has begun by then, on a slow machine too. */
const BEGINS_WITHIN_MS = 5_000;

/** Whether a flusher that was asked for may be about to begin. A mark far ahead is one of a clock that was set back. */
export function isFlusherStarting(status: Status, now: number): boolean {
  return isFlusherAwaited(status) && Math.abs(now - (status.flusherAskedAt ?? 0)) < BEGINS_WITHIN_MS;
}

/** The mark of one that was asked for goes when it begins; one that fails leaves another in its place. */
function isFlusherAwaited({ flusherAskedAt, lastRun }: Status): boolean {
  return flusherAskedAt !== null && flusherAskedAt !== lastRun?.ended_at;
}

/** Whether all that is pending waits for Arcade to be asked again whose it is. */
export function waitsForAccount({ ledger, unbound, resolveUntil }: Status, now: number): boolean {
  return unbound === ledger.pending && resolveUntil > now;
}

/**
 * What became of the flusher that should be sending what is pending, in a sentence; null where nothing has befallen it,
 * or there is nothing to send at this moment.
 */
export function flusherFault(status: Status, now: number): string | null {
  const { ledger, backoff, flusherIsRunning, lastRun } = status;
  if (ledger.pending === 0 || backoff !== null || waitsForAccount(status, now)) return null;
  if (flusherIsRunning || isFlusherStarting(status, now)) return null;
  if (isFlusherAwaited(status))
    return 'The last flusher did not start, or was ended at once: by the end of its container or service, by a limit of processes, or because a library is missing.';
  if (lastRun?.outcome === 'failed') return 'The last flusher failed.';
  if (lastRun === null || lastRun.ended_at !== null) return null;
  return 'The last flusher was ended before it was done, perhaps by the end of its container or service.';
}

const LEFT_ALONE: Readonly<Record<BackoffReason, string>> = {
  offline: 'PostHog cannot be reached',
  portal: 'Something other than PostHog answers, such as the login page of a network',
  throttled: 'PostHog asked to wait',
  unauthorized: 'PostHog does not accept the project key',
  rejected: "The server at PostHog's address rejects everything",
  proxy: 'The address of the proxy (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY) cannot be used',
};

/** Why PostHog is left alone, in a sentence. */
export function backoffInWords({ reason, status }: Pick<Backoff, 'reason' | 'status'>): string {
  return `${LEFT_ALONE[reason]}${status === null ? '' : ` (status ${status})`}.`;
}

/** Whether a flusher is at work. A lock that cannot be read is no flusher's. */
export function isFlusherAlive(directory: string): boolean {
  try {
    return isLocked(lockFile(directory));
  } catch {
    return false;
  }
}
