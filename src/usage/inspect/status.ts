/** How the spool stands, and whether what is pending is being sent: read from a copy of it, so that all belongs together. */
import { isLocked } from '../../infra/sqlite/lock.ts';
import type { Settings } from '../../settings.ts';
import { currentIdentity } from '../identity/identities.ts';
import { type BackoffReason, backoffInForce, COORDINATOR, postHogAt } from '../spool/backoff.ts';
import { type Finding, info, passed, warning } from '../spool/finding.ts';
import { readLedger } from '../spool/ledger.ts';
import { isOptedOut } from '../spool/place.ts';
import { installationOf, lockFile, type Spool } from '../spool/spool.ts';
import type { StoreState } from './snapshot.ts';

export type Status = ReturnType<typeof readStatus>;

/** Everything that `usage status` tells. Times are ms since the epoch. */
export function readStatus(spool: Spool, { destination }: Pick<Settings, 'destination'>, now: number) {
  const installation = installationOf(spool);
  const row = <T>(sql: string): T | null => (spool.statement(sql).get() as T | undefined) ?? null;
  return {
    consent: installation.consent === 1,
    /** Whether a record is kept in any state; `usage disable` leaves none. */
    keepsRecords: row('SELECT 1 FROM record LIMIT 1') !== null,
    identity: currentIdentity(spool),
    ledger: readLedger(spool),
    ...(row(
      `SELECT count(*) FILTER (WHERE distinct_id IS NULL) AS unbound, min(recorded_at) AS oldestPendingAt
       FROM record WHERE state = 'pending'`,
    ) as { unbound: number; oldestPendingAt: number | null }),
    backoff: backoffInForce(spool, postHogAt(spool, destination), now),
    /** Until when Arcade is not asked again whose the unbound records are; null where it may be asked. */
    resolveUntil: backoffInForce(spool, COORDINATOR, now)?.until ?? null,
    flusherIsRunning: isFlusherAlive(spool.directory),
    /** When a command last asked for a flusher that has not begun since; null when none is awaited. */
    flusherAskedAt: installation.flusher_asked_at,
    lastRun: row<FlusherRun>(
      'SELECT started_at, ended_at, outcome, delivered FROM flusher_run ORDER BY id DESC LIMIT 1',
    ),
  };
}

interface FlusherRun {
  readonly started_at: number;
  readonly ended_at: number | null;
  readonly outcome: string | null;
  readonly delivered: number;
}

/** Whether a flusher is at work. A lock that cannot be read is no flusher's. */
export function isFlusherAlive(directory: string): boolean {
  try {
    return isLocked(lockFile(directory));
  } catch {
    return false;
  }
}

/** Why nothing is being sent at `now`, or that all is well: the first reason that applies. */
export function deliveryOf(
  status: Status,
  { destination }: Pick<Settings, 'destination'>,
  now: number,
): Finding {
  const { ledger, backoff, unbound, resolveUntil } = status;
  const { recorded, delivered, pending, quarantined } = ledger;
  if (pending === 0) {
    if (quarantined > 0) return fine(`Nothing pending; PostHog permanently rejected ${quarantined}.`);
    if (delivered === recorded) return fine('Everything recorded has been sent.');
    return fine('Nothing pending; what was recorded and not sent was dropped or erased.');
  }
  if (destination.apiKey === undefined)
    return fine('Nothing is sent: this build has no project key, and ARCADE_POSTHOG_API_KEY is not set.');
  if (status.flusherIsRunning) return fine('A flusher is sending right now.');
  if (backoff !== null) {
    const [words, advice] = LEFT_ALONE[backoff.reason];
    const answer = backoff.status === null ? '' : ` (status ${backoff.status})`;
    const message = `${words}${answer}. Next attempt ${after(backoff.until)}.`;
    return advice === null
      ? info('backing-off', message, 'Events stay pending meanwhile.')
      : warning('refused', message, advice);
  }
  if (unbound === pending && resolveUntil !== null)
    return fine(
      `The account of these events is not known yet; Arcade is asked again ${after(resolveUntil)}.`,
    );
  return flusherState(status, now);
}

const fine = (message: string): Finding => passed('delivery', message);

/** A moment ahead that a back-off may reach. */
const after = (at: number): string =>
  `after ${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC, with the next command you run`;

const SIGN_IN = 'Sign in to the network you are on; `arcade usage doctor --network` tests the connection.';
/** Why PostHog is left alone, and what to do where that does not pass by itself. */
const LEFT_ALONE: Readonly<Record<BackoffReason, readonly [words: string, advice: string | null]>> = {
  offline: ['PostHog cannot be reached', null],
  throttled: ['PostHog asked to wait', null],
  portal: ['Something other than PostHog answers, such as the login page of a network', SIGN_IN],
  rejected: ["The server at PostHog's address rejects everything", SIGN_IN],
  unauthorized: ['PostHog does not accept the project key', 'Check ARCADE_POSTHOG_API_KEY, if you set it.'],
  proxy: ['The address of the proxy cannot be used', 'Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY.'],
};

/** A flusher has begun by then, on a slow machine too. */
const BEGINS_WITHIN_MS = 5_000;

/** What became of the flusher that should be sending what is pending. */
function flusherState({ flusherAskedAt: askedAt, lastRun }: Status, now: number): Finding {
  // The mark of one that was asked for goes when it begins; one that fails leaves another in its place.
  const isAwaited = askedAt !== null && askedAt !== lastRun?.ended_at;
  // A mark far ahead is one of a clock that was set back.
  if (isAwaited && Math.abs(now - askedAt) < BEGINS_WITHIN_MS)
    return fine('A flusher was asked for just now.');
  const isKilled = lastRun !== null && lastRun.ended_at === null;
  if (!isAwaited && !isKilled && lastRun?.outcome !== 'failed')
    return fine('Pending events will be sent with your next command.');
  const message = isAwaited
    ? 'The last flusher did not start, or was ended at once: by the end of its container or service, by a limit of processes, or because a library is missing.'
    : isKilled
      ? 'The last flusher was ended before it was done, perhaps by the end of its container or service.'
      : 'The last flusher failed.';
  return warning(
    'flusher-dies',
    message,
    'Run `arcade usage flush` to send the pending events, as the last step of a container or a service. `arcade usage doctor --network` starts a flusher and says how that goes.',
  );
}

/**
 * What `usage disable` has left, which it may where it was ended before its time, or could not open the spool. Undefined
 * where the person has not said it.
 */
export function leftByDisable(
  { directory }: Settings,
  store: StoreState,
  status: Status | undefined,
): Finding | undefined {
  if (!isOptedOut(directory)) return undefined;
  const advice = 'Run `arcade usage disable` again to erase it';
  if (status?.keepsRecords === true)
    return warning('not-erased', 'What was recorded before is still here.', `${advice}.`);
  if (status !== undefined || !('advice' in store)) return passed('not-erased', 'No event is kept here.');
  const message = `What was recorded before may still be here. ${store.message}`;
  return warning('not-erased', message, `${advice}, once it can be opened.`);
}
