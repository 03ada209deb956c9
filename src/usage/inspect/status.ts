/** What a person may see of the spool, read from a copy of it (`store.ts`), so that all of it belongs together. */
import type { WireRecord } from '../../infra/net/posthog.ts';
import { isLocked } from '../../infra/sqlite/lock.ts';
import type { Settings } from '../../settings.ts';
import { type StoredRecord, wireRecord } from '../event/wire.ts';
import { currentIdentity, type StoredIdentity } from '../identity/identities.ts';
import { backoffInForce, COORDINATOR, postHogAt } from '../spool/backoff.ts';
import { type Ledger, readLedger } from '../spool/ledger.ts';
import { installationOf, lockFile, type Spool } from '../spool/spool.ts';

export type RecordState = 'pending' | 'quarantined' | 'delivered';

export interface RecordSummary {
  readonly id: number;
  readonly uuid: string;
  readonly kind: 'alias' | 'capture';
  readonly event: string;
  readonly command_name: string | null;
  readonly state: RecordState;
  /** Null while it is not known whose the event is. */
  readonly distinct_id: string | null;
  readonly recorded_at: number;
  readonly attempts: number;
  readonly reason: string | null;
}

export interface Attempt {
  readonly at: number;
  readonly outcome: string;
  readonly status: number | null;
  readonly duration_ms: number;
}

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
  readonly backoff: { since: number; until: number; reason: string; status: number | null } | null;
  readonly resolveUntil: number;
  readonly flusherIsRunning: boolean;
  /** When a command last asked for a flusher that has not begun since; null when none is awaited. */
  readonly flusherAskedAt: number | null;
  readonly lastRun: FlusherRun | null;
}

/** Everything that `usage status` tells. `now` is ms since the epoch. */
export function readStatus(spool: Spool, settings: Settings, now: number): Status {
  const installation = installationOf(spool);
  return {
    consent: installation.consent === 1,
    keepsRecords: keepsRecords(spool),
    identity: currentIdentity(spool),
    ledger: readLedger(spool),
    ...(spool
      .statement(
        `SELECT count(*) FILTER (WHERE distinct_id IS NULL) AS unbound, min(recorded_at) AS oldestPendingAt
         FROM record WHERE state = 'pending'`,
      )
      .get() as Pick<Status, 'unbound' | 'oldestPendingAt'>),
    backoff: backoffInForce(spool, postHogAt(spool, settings.destination), now),
    resolveUntil: backoffInForce(spool, COORDINATOR, now)?.until ?? 0,
    flusherIsRunning: isFlusherAlive(spool.directory),
    flusherAskedAt: installation.flusher_asked_at,
    lastRun: lastRunOf(spool),
  };
}

/** The latest flusher's run; null before the first. */
export function lastRunOf(spool: Spool): FlusherRun | null {
  const sql = 'SELECT started_at, ended_at, outcome, delivered FROM flusher_run ORDER BY id DESC LIMIT 1';
  return (spool.statement(sql).get() as FlusherRun | undefined) ?? null;
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
  if (isFlusherAwaited(status)) return NEVER_BEGAN;
  if (lastRun?.outcome === 'failed') return 'The last flusher failed.';
  return lastRun !== null && lastRun.ended_at === null ? ENDED_EARLY : null;
}

const NEVER_BEGAN =
  'The last flusher did not start, or was ended at once: by the end of its container or service, or for want of a library.';
const ENDED_EARLY =
  'The last flusher was ended before it was done, perhaps by the end of its container or service.';

/** Whether a record is kept in any state. */
export function keepsRecords(spool: Spool): boolean {
  return spool.statement('SELECT 1 FROM record LIMIT 1').get() !== undefined;
}

/** Whether a flusher is at work. A lock that cannot be read is no flusher's. */
export function isFlusherAlive(directory: string): boolean {
  try {
    return isLocked(lockFile(directory));
  } catch {
    return false;
  }
}

export interface RecordInFull {
  readonly record: RecordSummary;
  readonly wire: WireRecord;
  readonly personless: boolean;
  readonly settledAt: number | null;
}

export interface RecordDetails extends RecordInFull {
  readonly attempts: readonly Attempt[];
}

type Row = RecordSummary & StoredRecord & { readonly settled_at: number | null };

/** One record by its id or uuid; undefined when the spool does not have it. */
export function findRecord(spool: Spool, id: string): RecordDetails | undefined {
  const column = /^\d+$/.test(id) ? 'id' : 'uuid';
  const row = spool.statement(`SELECT * FROM record WHERE ${column} = ?`).get(id.toLowerCase()) as
    | Row
    | undefined;
  if (row === undefined) return undefined;
  const sql = 'SELECT at, outcome, status, duration_ms FROM attempt WHERE record_id = ? ORDER BY id';
  return { ...inFull(row), attempts: spool.statement(sql).all(row.id) as Attempt[] };
}

/** Every record with its wire form, one at a time: oldest first, or the latest first. */
export function* eachRecordInFull(spool: Spool, order: 'ASC' | 'DESC' = 'ASC'): Generator<RecordInFull> {
  const rows = spool
    .statement(`SELECT * FROM record ORDER BY id ${order}`)
    .iterate() as IterableIterator<Row>;
  for (const row of rows) yield inFull(row);
}

function inFull(row: Row): RecordInFull {
  const { id, uuid, kind, event, command_name, state, distinct_id, recorded_at, attempts, reason } = row;
  return {
    record: { id, uuid, kind, event, command_name, state, distinct_id, recorded_at, attempts, reason },
    wire: wireRecord({ ...row, distinct_id: distinct_id ?? '' }),
    personless: row.personless === 1,
    settledAt: row.settled_at,
  };
}

export interface LatestAnswer extends Attempt {
  /** How many records were in the request. */
  readonly records: number;
}

/** The last requests and what came of them, the latest first. */
export function latestAnswers(spool: Spool, limit: number): LatestAnswer[] {
  return spool
    .statement(
      `SELECT at, outcome, status, duration_ms, count(*) AS records
       FROM (SELECT * FROM attempt ORDER BY id DESC LIMIT 5000)
       GROUP BY at, outcome, status, duration_ms ORDER BY max(id) DESC LIMIT ?`,
    )
    .all(limit) as LatestAnswer[];
}
