/** What a person may see of the spool: read in one snapshot, changing nothing. */
import { existsSync } from 'node:fs';
import { openReadOnly } from '../infra/database.ts';
import { isLocked } from '../infra/lock.ts';
import type { WireRecord } from '../infra/posthog.ts';
import { LIMITS, type Settings } from '../settings.ts';
import { backoffInForce, destinationId } from './destination.ts';
import { currentIdentity, type StoredIdentity } from './identities.ts';
import { type Ledger, readLedger } from './ledger.ts';
import { type PendingRecord, wireRecord } from './outbox.ts';
import { installationOf, lockFile, type Spool, spoolFile, spoolOf } from './spool.ts';

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

export interface FlusherRun {
  readonly started_at: number;
  readonly ended_at: number | null;
  readonly outcome: string | null;
  readonly delivered: number;
}

export interface Status {
  readonly consent: boolean;
  readonly identity: StoredIdentity | null;
  readonly ledger: Ledger;
  readonly unbound: number;
  readonly oldestPendingAt: number | null;
  readonly backoff: { since: number; until: number; reason: string; status: number | null } | null;
  readonly resolveUntil: number;
  readonly flusherIsRunning: boolean;
  readonly lastRun: FlusherRun | null;
}

/**
 * Reads from the spool with `look`, in one transaction, so that all it says belongs together. Undefined when
 * there is no spool yet. Throws when there is one that cannot be read.
 */
export function inspect<T>(settings: Settings, look: (spool: Spool) => T): T | undefined {
  if (settings.directory === undefined) return undefined;
  const path = spoolFile(settings.directory);
  if (!existsSync(path)) return undefined;
  const db = openReadOnly(path, LIMITS.lockWaitMs);
  try {
    if (db.pragma('user_version', { simple: true }) === 0) return undefined;
    const spool = spoolOf(settings.directory, db);
    return db.transaction(() => look(spool))();
  } finally {
    db.close();
  }
}

/** Everything that `usage status` tells. `now` is ms since the epoch. */
export function readStatus(spool: Spool, settings: Settings, now: number): Status {
  const installation = installationOf(spool);
  const one = <T>(sql: string): T => spool.statement(sql).get() as T;
  return {
    consent: installation.consent === 1,
    identity: currentIdentity(spool),
    ledger: readLedger(spool),
    unbound: one<{ n: number }>(
      `SELECT count(*) AS n FROM record WHERE state = 'pending' AND distinct_id IS NULL`,
    ).n,
    oldestPendingAt: one<{ at: number | null }>(
      `SELECT min(recorded_at) AS at FROM record WHERE state = 'pending'`,
    ).at,
    backoff: backoffInForce(spool, destinationId(installation, settings.destination), now),
    resolveUntil: installation.resolve_until,
    flusherIsRunning: existsSync(lockFile(spool.directory)) && isLocked(lockFile(spool.directory)),
    lastRun:
      one<FlusherRun | undefined>(
        'SELECT started_at, ended_at, outcome, delivered FROM flusher_run ORDER BY id DESC LIMIT 1',
      ) ?? null,
  };
}

/** Summaries of records, oldest first; the last `limit` of them. */
export function listRecords(
  spool: Spool,
  filter: { state: RecordState | null; limit: number },
): RecordSummary[] {
  return spool
    .statement(
      `SELECT * FROM (
         SELECT id, uuid, kind, event, command_name, state, distinct_id, recorded_at, attempts, reason
         FROM record WHERE @state IS NULL OR state = @state ORDER BY id DESC LIMIT @limit
       ) ORDER BY id`,
    )
    .all(filter) as RecordSummary[];
}

export interface RecordDetails {
  readonly record: RecordSummary;
  readonly wire: WireRecord;
  readonly attempts: readonly Attempt[];
}

/** One record by its id or uuid; undefined when the spool does not have it. */
export function findRecord(spool: Spool, id: string): RecordDetails | undefined {
  const column = /^\d+$/.test(id) ? 'id' : 'uuid';
  const row = spool.statement(`SELECT * FROM record WHERE ${column} = ?`).get(id.toLowerCase()) as
    | (RecordSummary & PendingRecord)
    | undefined;
  if (row === undefined) return undefined;
  const { uuid, kind, event, command_name, state, distinct_id, recorded_at, attempts, reason } = row;
  return {
    record: {
      id: row.id,
      uuid,
      kind,
      event,
      command_name,
      state,
      distinct_id,
      recorded_at,
      attempts,
      reason,
    },
    wire: wireRecord({ ...row, distinct_id: distinct_id ?? '' }),
    attempts: spool
      .statement('SELECT at, outcome, status, duration_ms FROM attempt WHERE record_id = ? ORDER BY id')
      .all(row.id) as Attempt[],
  };
}
