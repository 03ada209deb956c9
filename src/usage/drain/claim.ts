/** What is due, and what a batch looks like on the wire: the flusher's view of the spool. */
import type { WireRecord } from '../../infra/net/posthog.ts';
import { DamagedError } from '../../infra/sqlite/errors.ts';
import { EVENT_NAMES } from '../event/event.ts';
import { count, readCounter } from '../spool/ledger.ts';
import type { Spool } from '../spool/spool.ts';

export interface PendingRecord {
  readonly id: number;
  readonly uuid: string;
  readonly kind: 'alias' | 'capture';
  readonly event: string;
  readonly distinct_id: string;
  readonly personless: number;
  readonly properties: string;
  readonly spool_dropped: number;
  readonly sealed: number;
  readonly half_id: number | null;
  readonly bytes: number;
  readonly recorded_at: number;
}

const COLUMNS =
  'id, uuid, kind, event, distinct_id, personless, properties, spool_dropped, sealed, half_id, bytes, recorded_at';

/** The records of a batch, as one parameter whatever their number. */
export const IDS = '(SELECT value FROM json_each(@ids))';

/** The value of that parameter. */
export function idsOf(records: readonly PendingRecord[]): string {
  return JSON.stringify(records.map(({ id }) => id));
}

/** The oldest alias after `afterId`, or undefined. */
export function nextAlias(spool: Spool, afterId: number): PendingRecord | undefined {
  const sql = `SELECT ${COLUMNS} FROM record WHERE state = 'pending' AND kind = 'alias' AND id > ? ORDER BY id LIMIT 1`;
  return spool.statement(sql).get(afterId) as PendingRecord | undefined;
}

/**
 * The next captures after `afterId`, oldest first, sealed: what a later try sends is what this one sends. The
 * first of them that was never sent takes along how many events were dropped before it. Captures of a
 * principal whose alias still waits are passed over (the alias fence); the half of a batch that was refused
 * comes alone.
 */
export function sealCaptures(
  spool: Spool,
  afterId: number,
  limits: { records: number; bytes: number },
): PendingRecord[] {
  // Without the lock, for which commands wait: a long queue behind an alias takes long to look through.
  const selected = selectCaptures(spool, afterId, limits);
  if (selected.length === 0) return [];
  return spool.transaction(() => {
    const seal = `UPDATE record SET sealed = 1 WHERE state = 'pending' AND id IN ${IDS} RETURNING id`;
    const sealed = spool.statement(seal).all({ ids: idsOf(selected) }) as { id: number }[];
    const pending = new Set(sealed.map(({ id }) => id));
    const batch = selected.filter(({ id }) => pending.has(id));
    const unreported = readCounter(spool, 'unreported');
    const carrier = batch.find((record) => record.sealed === 0);
    if (carrier === undefined || unreported === 0) return batch;
    spool.statement('UPDATE record SET spool_dropped = ? WHERE id = ?').run(unreported, carrier.id);
    count(spool, 'unreported', -unreported);
    return batch.map((record) => (record === carrier ? { ...record, spool_dropped: unreported } : record));
  });
}

/** A capture that is bound, and of whose principal no alias still waits. */
const SENDABLE = `state = 'pending' AND kind = 'capture' AND distinct_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM record AS a
    WHERE a.state = 'pending' AND a.kind = 'alias' AND a.distinct_id = r.distinct_id)`;

function selectCaptures(
  spool: Spool,
  afterId: number,
  limits: { records: number; bytes: number },
): PendingRecord[] {
  const rows = spool
    .statement(`SELECT ${COLUMNS} FROM record AS r WHERE ${SENDABLE} AND id > ? ORDER BY id LIMIT ?`)
    .iterate(afterId, limits.records) as IterableIterator<PendingRecord>;
  const batch: PendingRecord[] = [];
  let bytes = 0;
  for (const row of rows) {
    bytes += row.bytes;
    const first = batch[0] ?? row;
    if (batch.length > 0 && (bytes > limits.bytes || row.half_id !== first.half_id)) break;
    batch.push(row);
  }
  return batch;
}

/** The newest capture that may be sent and was never part of a refused batch, sealed. */
export function sealNewest(spool: Spool): PendingRecord | undefined {
  const sql = `SELECT ${COLUMNS} FROM record AS r WHERE ${SENDABLE} AND half_id IS NULL ORDER BY id DESC LIMIT 1`;
  const newest = spool.statement(sql).get() as PendingRecord | undefined;
  if (newest === undefined) return undefined;
  const seal = `UPDATE record SET sealed = 1 WHERE id = ? AND state = 'pending'`;
  return spool.statement(seal).run(newest.id).changes === 0 ? undefined : newest;
}

const EVENTS = new Set<unknown>([...EVENT_NAMES, '$create_alias']);
/** ECMA-262, section 21.4.1.1: no Date is farther from 1970. */
export const LAST_TIME = 8.64e15;

/** Whether a row is one that this program has written: a disk may have changed it since in a way that SQLite does not see. */
export function isIntact(
  row: Partial<Record<'uuid' | 'event' | 'properties' | 'recorded_at', unknown>>,
): boolean {
  const { uuid, event, properties, recorded_at: at } = row;
  if (typeof uuid !== 'string' || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) return false;
  if (!EVENTS.has(event) || typeof at !== 'number' || at < 0 || at > LAST_TIME) return false;
  try {
    const parsed: unknown = JSON.parse(String(properties));
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  } catch {
    return false;
  }
}

/** How many of all records are not intact. */
export function countBroken(spool: Spool): number {
  const rows = spool.statement('SELECT uuid, event, properties, recorded_at FROM record').iterate();
  let broken = 0;
  for (const row of rows) if (!isIntact(row as object)) broken += 1;
  return broken;
}

/**
 * A record as it is handed to posthog-node, which adds fields of its own. `$ignore_sent_at`: else PostHog
 * shifts the time by what each try's `sent_at` differs from its clock, and a try after midnight or after the
 * clock was set would be stored beside the first one, for it deduplicates within a day.
 * Source: PostHog's rust/common/types/timestamp.rs and posthog/models/event/sql.py.
 */
export function wireRecord(record: PendingRecord): WireRecord {
  if (!isIntact(record)) throw new DamagedError('a record cannot be read');
  return {
    uuid: record.uuid,
    event: record.event,
    distinctId: record.distinct_id,
    properties: {
      ...(JSON.parse(record.properties) as Record<string, unknown>),
      ...(record.spool_dropped > 0 ? { spool_dropped: record.spool_dropped } : {}),
      ...(record.personless === 1 ? { $process_person_profile: false } : {}),
      $ignore_sent_at: true,
    },
    at: record.recorded_at,
  };
}
