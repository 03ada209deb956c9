/** Rows of the spool: put in, bound, trimmed. */
import { randomUUID } from 'node:crypto';
import { SPOOL } from '../../settings.ts';
import type { UsageEvent } from '../event/event.ts';
import { uuidv7 } from '../event/uuid.ts';
import { countDropped, type DropReason, readCounter } from './ledger.ts';
import type { Spool } from './spool.ts';

/** Who a capture is sent as. */
export interface Owner {
  readonly identityId: number;
  /** Null: unbound. */
  readonly distinctId: string | null;
  readonly personless: boolean;
}

interface NewCapture extends Owner {
  readonly event: UsageEvent;
  readonly fingerprint: string | null;
  readonly resolvable: boolean;
  /** Whether its credentials are the environment's and not the file's. */
  readonly fromEnvironment?: boolean;
  /** Drawn already, for it may have been put in before; it is then left as it is. */
  readonly uuid?: string | undefined;
  /** When it came into the database, where that is not its time. */
  readonly enteredAt?: number;
}

/** Appends a capture. `at` is its time, ms since the epoch. */
export function insertCapture(spool: Spool, { event, ...capture }: NewCapture, at: number): void {
  const { name, command: commandName } = event;
  insert(spool, { ...capture, kind: 'capture', event: name, commandName, properties: event.toText() }, at);
}

/**
 * Appends the alias that joins an anon_id's history to a principal. PostHog merges the person of `alias` into
 * that of `distinct_id`; in this direction it also takes an account that it knows from another machine.
 */
export function insertAlias(
  spool: Spool,
  { identityId, anonId, principalId }: { identityId: number; anonId: string; principalId: string },
  at: number,
): void {
  const properties = JSON.stringify({ distinct_id: principalId, alias: anonId });
  const row = { event: '$create_alias', distinctId: principalId, identityId, properties } as const;
  insert(spool, { kind: 'alias', ...row }, at);
}

interface Row extends Partial<Omit<NewCapture, 'event'>> {
  readonly kind: 'alias' | 'capture';
  readonly event: string;
  readonly commandName?: string;
  readonly properties: string;
}

/** Bytes that a record counts for beside its properties: its ids, names, times and index entries. */
const ROW_BYTES = 400;

function insert(spool: Spool, row: Row, at: number): void {
  const sql = `INSERT INTO record (uuid, kind, event, command_name, distinct_id, personless, identity_id, fingerprint,
      resolvable, from_environment, properties, bytes, recorded_at, entered_at)
    VALUES (@uuid, @kind, @event, @commandName, @distinctId, @personless, @identityId, @fingerprint,
      @resolvable, @fromEnvironment, @properties, @bytes, @at, @enteredAt) ON CONFLICT (uuid) DO NOTHING`;
  spool.statement(sql).run({
    commandName: null,
    fingerprint: null,
    enteredAt: null,
    ...row,
    uuid: row.uuid ?? uuidv7(at),
    personless: row.personless ? 1 : 0,
    resolvable: row.resolvable ? 1 : 0,
    fromEnvironment: row.fromEnvironment ? 1 : 0,
    bytes: ROW_BYTES + Buffer.byteLength(row.properties),
    at,
  });
}

/**
 * The identity that has an anon_id. Where there is none, or `anonId` is null: one that never holds and counts as linked, so
 * that what is given up under it gets an id of its own. Inside a transaction.
 */
export function identityOf(spool: Spool, anonId: string | null, now: number): number {
  const sql = `SELECT id FROM identity WHERE anon_id = @anonId
    OR (retired_at = created_at AND linked_at = created_at AND principal_id IS NULL) ORDER BY anon_id = @anonId DESC, id DESC LIMIT 1`;
  const known = spool.statement(sql).pluck().get({ anonId }) as number | undefined;
  if (known !== undefined) return known;
  const { lastInsertRowid } = spool
    .statement('INSERT INTO identity (anon_id, created_at, linked_at, retired_at) VALUES (?, ?, ?, ?)')
    .run(randomUUID(), now, now, now);
  return Number(lastInsertRowid);
}

/**
 * Drops what is over the bounds, oldest captures first, aliases last, then what was quarantined first; at most `atMost`
 * rows. Returns how many it dropped. `now` is ms since the epoch.
 */
export function trim(spool: Spool, maxRecords: number, atMost: number, now: number): number {
  for (let dropped = 0; dropped < atMost; dropped += 1) {
    const over = overBound(spool, maxRecords, now);
    if (over === undefined) return dropped;
    spool.statement('DELETE FROM record WHERE id = ?').run(over.id);
    countDropped(spool, over.reason, 1, over.spool_dropped);
  }
  return atMost;
}

interface Victim {
  readonly id: number;
  readonly spool_dropped: number;
  /** When it was recorded, or quarantined. */
  readonly at: number;
}

const CAPTURES = `state = 'pending' AND kind = 'capture'`;
const ALIASES = `state = 'pending' AND kind = 'alias'`;
// `state <> 'pending'` says nothing new; with it SQLite sees that the index of settled records serves.
const QUARANTINED = `state <> 'pending' AND state = 'quarantined'`;

function overBound(
  spool: Spool,
  maxRecords: number,
  now: number,
): (Victim & { reason: DropReason }) | undefined {
  const isFull =
    readCounter(spool, 'pending') > maxRecords ||
    readCounter(spool, 'pending_bytes') > maxRecords * SPOOL.bytesPerRecord;
  const over = isFull
    ? (oldest(spool, CAPTURES) ?? oldest(spool, ALIASES))
    : readCounter(spool, 'quarantined') > SPOOL.quarantined
      ? oldest(spool, QUARANTINED)
      : undefined;
  if (over !== undefined) return { ...over, reason: 'overflow' };
  // A time from before this program existed is one of a clock that was not set: it tells no age.
  const expired = [CAPTURES, QUARANTINED]
    .map((which) => oldest(spool, which, SPOOL.existsSince))
    .find((victim) => victim !== undefined && victim.at < now - SPOOL.maxAgeMs);
  return expired && { ...expired, reason: 'expired' };
}

function oldest(spool: Spool, which: string, since = 0): Victim | undefined {
  const sql = `SELECT id, spool_dropped, coalesce(settled_at, recorded_at) AS at FROM record
    WHERE ${which} AND at >= ? ORDER BY id LIMIT 1`;
  return spool.statement(sql).get(since) as Victim | undefined;
}
