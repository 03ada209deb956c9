/**
 * Records as `usage list` shows them: measured first, then told one after another, so that a list takes no more
 * memory however long it is.
 */

import type { Spool } from '../spool/spool.ts';
import type { RecordState, RecordSummary } from './status.ts';

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
