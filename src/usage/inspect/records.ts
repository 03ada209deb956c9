/** Records as a person may see them: listed, one by one with what goes on the wire, and what came of each request. */
import type { WireRecord } from '../../infra/net/posthog.ts';
import { type StoredRecord, wireRecord } from '../event/wire.ts';
import type { Spool } from '../spool/spool.ts';

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
const COLUMNS = 'id, uuid, kind, event, command_name, state, distinct_id, recorded_at, attempts, reason';

/** Records that look alike, and the extremes among them. */
export interface Alike
  extends Pick<RecordSummary, 'state' | 'kind' | 'event' | 'command_name' | 'distinct_id' | 'reason'> {
  readonly records: number;
  /** The greatest. */
  readonly id: number;
  readonly attempts: number;
  readonly oldest: number;
  readonly newest: number;
}

/** What the filter finds, in groups of records that look alike: the widths of a table's columns are among them. */
export function alikeRecords(spool: Spool, filter: Filter): Alike[] {
  return spool
    .statement(
      `SELECT state, kind, event, command_name, distinct_id, reason, count(*) AS records, max(id) AS id,
         max(attempts) AS attempts, min(recorded_at) AS oldest, max(recorded_at) AS newest
       FROM record WHERE id >= @from AND ${MATCHES} GROUP BY 1, 2, 3, 4, 5, 6`,
    )
    .all(bound(spool, filter)) as Alike[];
}

/** Summaries of records, oldest first, one at a time. */
export function eachRecord(spool: Spool, filter: Filter): IterableIterator<RecordSummary> {
  return spool
    .statement(`SELECT ${COLUMNS} FROM record WHERE id >= @from AND ${MATCHES} ORDER BY id`)
    .iterate(bound(spool, filter)) as IterableIterator<RecordSummary>;
}

/** How many records a filter finds, whatever its limit. */
export function countRecords(spool: Spool, { state, command, since }: Filter): number {
  const sql = `SELECT count(*) FROM record WHERE ${MATCHES}`;
  return spool.statement(sql).pluck().get({ state, command, since }) as number;
}

/** How many records have been quarantined since a moment, and still are. */
export function countQuarantinedSince(spool: Spool, at: number): number {
  const sql = `SELECT count(*) FROM record WHERE state = 'quarantined' AND settled_at >= ?`;
  return spool.statement(sql).pluck().get(at) as number;
}

/** ISO 8601, to the millisecond. */
const RECORDED_AT = `strftime('%Y-%m-%dT%H:%M:%S', recorded_at / 1000, 'unixepoch') || printf('.%03dZ', recorded_at % 1000)`;

/** A record's summary as JSON. SQLite writes it in a third of the time that it takes to bring the row here. */
const SUMMARY_JSON = `json_object('id', id, 'uuid', uuid, 'kind', kind, 'event', event,
  'command_name', command_name, 'state', state, 'distinct_id', distinct_id,
  'recorded_at', ${RECORDED_AT}, 'attempts', attempts, 'reason', reason)`;

const PAGE = 500;

/** The summaries as JSON, oldest first, a page at a time: each on a line of its own, parted by commas. */
export function* pagesOfJson(spool: Spool, filter: Filter): Generator<string> {
  const page = spool.statement(
    `SELECT max(id) AS last, group_concat(json, char(10) || ' ,' ORDER BY id) AS text FROM (
       SELECT id, ${SUMMARY_JSON} AS json FROM record WHERE id >= @from AND ${MATCHES} ORDER BY id LIMIT ${PAGE})`,
  );
  const { from, ...rest } = bound(spool, filter);
  for (let next = from; ; ) {
    const { last, text } = page.get({ ...rest, from: next }) as { last: number | null; text: string | null };
    if (last === null || text === null) return;
    yield text;
    // Beyond it there is no next one: an id that only another program can have written.
    if (last >= Number.MAX_SAFE_INTEGER) return;
    next = last + 1;
  }
}

interface Bound extends Pick<Filter, 'state' | 'command' | 'since'> {
  /** The first id that the limit lets through. */
  readonly from: number;
}

function bound(spool: Spool, { state, command, since, limit }: Filter): Bound {
  const rest = { state, command, since };
  if (limit === null) return { ...rest, from: 0 };
  const sql = `SELECT min(id) AS id FROM (SELECT id FROM record WHERE ${MATCHES} ORDER BY id DESC LIMIT @limit)`;
  const { id } = spool.statement(sql).get({ ...rest, limit }) as { id: number | null };
  return { ...rest, from: id ?? 0 };
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
