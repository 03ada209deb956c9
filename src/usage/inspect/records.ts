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
  /** When it was delivered or quarantined. */
  readonly settled_at: number | null;
  readonly attempts: number;
  readonly reason: string | null;
}

/** The columns of a summary, in the order in which they are shown. */
export const SUMMARY =
  'id, uuid, kind, event, command_name, state, distinct_id, recorded_at, settled_at, attempts, reason';

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
      `SELECT ${SUMMARY} FROM record
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

/** A record, and what goes on the wire. */
export interface RecordInFull {
  readonly record: RecordSummary;
  readonly wire: WireRecord;
}

export interface RecordDetails extends RecordInFull {
  readonly attempts: readonly Attempt[];
}

const IN_FULL = `SELECT ${SUMMARY}, personless, properties, spool_dropped FROM record`;

/** One record by its id or uuid; undefined when the spool does not have it. */
export function findRecord(spool: Spool, id: string): RecordDetails | undefined {
  const sql = `${IN_FULL} WHERE ${/^\d+$/.test(id) ? 'id' : 'uuid'} = ?`;
  const row = spool.statement(sql).get(id.toLowerCase()) as Row | undefined;
  if (row === undefined) return undefined;
  const attempts = 'SELECT at, outcome, status, duration_ms FROM attempt WHERE record_id = ? ORDER BY id';
  return { ...inFull(row), attempts: spool.statement(attempts).all(row.id) as Attempt[] };
}

/** Every record, oldest first, one at a time. */
export function* eachRecordInFull(spool: Spool): Generator<RecordInFull> {
  const rows = spool.statement(`${IN_FULL} ORDER BY id`).iterate() as IterableIterator<Row>;
  for (const row of rows) yield inFull(row);
}

type Row = RecordSummary & StoredRecord;

function inFull({ personless, properties, spool_dropped, ...record }: Row): RecordInFull {
  const distinct_id = record.distinct_id ?? '';
  return { record, wire: wireRecord({ ...record, distinct_id, personless, properties, spool_dropped }) };
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
