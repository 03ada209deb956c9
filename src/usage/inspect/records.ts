/** Records as a person may see them: listed, one by one with what goes on the wire, and what came of each request. */
import type { WireRecord } from '../../infra/net/posthog.ts';
import { type StoredRecord, wireRecord } from '../event/wire.ts';
import type { Spool } from '../spool/spool.ts';

type RecordState = 'pending' | 'quarantined' | 'delivered';

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

export interface Filter {
  readonly state: RecordState | null;
  readonly command: string | null;
  /** Ms since the epoch; 0 for all. */
  readonly since: number;
  /** The last so many of them; null for all. */
  readonly limit: number | null;
}

const MATCHES = `(@state IS NULL OR state = @state) AND (@command IS NULL OR command_name = @command)
  AND recorded_at >= @since`;

/** Summaries of records, oldest first, one at a time. */
export function eachRecord(spool: Spool, filter: Filter): IterableIterator<RecordSummary> {
  const first = `SELECT min(id) FROM (SELECT id FROM record WHERE ${MATCHES} ORDER BY id DESC LIMIT @limit)`;
  return spool
    .statement(
      `SELECT id, uuid, kind, event, command_name, state, distinct_id, recorded_at, attempts, reason FROM record
       WHERE ${filter.limit === null ? '' : `id >= (${first}) AND`} ${MATCHES} ORDER BY id`,
    )
    .iterate(filter) as IterableIterator<RecordSummary>;
}

/** How many records a filter finds, whatever its limit. */
export function countRecords(spool: Spool, filter: Filter): number {
  return spool.statement(`SELECT count(*) FROM record WHERE ${MATCHES}`).pluck().get(filter) as number;
}

/** How many records have been quarantined since a moment, and still are. */
export function countQuarantinedSince(spool: Spool, at: number): number {
  const sql = `SELECT count(*) FROM record WHERE state = 'quarantined' AND settled_at >= ?`;
  return spool.statement(sql).pluck().get(at) as number;
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

/** Every record with its wire form, oldest first, one at a time. */
export function* eachRecordInFull(spool: Spool): Generator<RecordInFull> {
  const rows = spool.statement('SELECT * FROM record ORDER BY id').iterate() as IterableIterator<Row>;
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
