/** Rows of the spool: put in, bound, trimmed. */
import { SPOOL } from '../../settings.ts';
import type { UsageEvent } from '../event/event.ts';
import { uuidv7 } from '../event/uuid.ts';
import { countDropped, type DropReason, readCounter } from './ledger.ts';
import type { Spool } from './spool.ts';

interface NewCapture {
  readonly event: UsageEvent;
  readonly identityId: number;
  /** Null: unbound. */
  readonly distinctId: string | null;
  readonly personless: boolean;
  readonly fingerprint: string | null;
  readonly resolvable: boolean;
  /** Whether its credentials are the environment's and not the file's. */
  readonly fromEnvironment?: boolean;
  /** Drawn already, for it may have been put in before; it is then left as it is. */
  readonly uuid?: string;
  /** When it came into the database, where that is not its time. */
  readonly enteredAt?: number;
}

interface NewAlias {
  readonly identityId: number;
  readonly anonId: string;
  readonly principalId: string;
}

/** Bytes that a record counts for beside its properties: its ids, names, times and index entries. */
const ROW_BYTES = 400;

/** Appends a capture. `at` is its time, ms since the epoch. */
export function insertCapture(spool: Spool, capture: NewCapture, at: number): void {
  insert(spool, {
    kind: 'capture',
    event: capture.event.name,
    commandName: capture.event.command,
    distinctId: capture.distinctId,
    personless: capture.personless,
    identityId: capture.identityId,
    fingerprint: capture.fingerprint,
    resolvable: capture.resolvable,
    fromEnvironment: capture.fromEnvironment ?? false,
    properties: capture.event.toText(),
    uuid: capture.uuid ?? uuidv7(at),
    enteredAt: capture.enteredAt ?? null,
    at,
  });
}

/**
 * Appends the alias that joins an anon_id's history to a principal. PostHog merges the person of `alias` into
 * that of `distinct_id`; in this direction it also takes an account that it knows from another machine.
 */
export function insertAlias(spool: Spool, alias: NewAlias, at: number): void {
  insert(spool, {
    kind: 'alias',
    event: '$create_alias',
    commandName: null,
    distinctId: alias.principalId,
    personless: false,
    identityId: alias.identityId,
    fingerprint: null,
    resolvable: false,
    fromEnvironment: false,
    properties: JSON.stringify({ distinct_id: alias.principalId, alias: alias.anonId }),
    uuid: uuidv7(at),
    enteredAt: null,
    at,
  });
}

interface Row {
  readonly kind: 'alias' | 'capture';
  readonly event: string;
  readonly commandName: string | null;
  readonly distinctId: string | null;
  readonly personless: boolean;
  readonly identityId: number;
  readonly fingerprint: string | null;
  readonly resolvable: boolean;
  readonly fromEnvironment: boolean;
  readonly properties: string;
  readonly uuid: string;
  readonly enteredAt: number | null;
  readonly at: number;
}

function insert(spool: Spool, row: Row): void {
  spool
    .statement(
      `INSERT INTO record (uuid, kind, event, command_name, distinct_id, personless, identity_id, fingerprint,
         resolvable, from_environment, properties, bytes, recorded_at, entered_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uuid) DO NOTHING`,
    )
    .run(
      row.uuid,
      row.kind,
      row.event,
      row.commandName,
      row.distinctId,
      row.personless ? 1 : 0,
      row.identityId,
      row.fingerprint,
      row.resolvable ? 1 : 0,
      row.fromEnvironment ? 1 : 0,
      row.properties,
      ROW_BYTES + Buffer.byteLength(row.properties),
      row.at,
      row.enteredAt,
    );
}

/**
 * Drops what is over the bounds, oldest captures first, aliases last; at most `atMost` rows. Returns how many
 * it dropped. `now` is ms since the epoch.
 */
export function trim(spool: Spool, maxRecords: number, atMost: number, now: number): number {
  let dropped = 0;
  while (dropped < atMost) {
    const over = overBound(spool, maxRecords, now);
    if (over === undefined) break;
    drop(spool, over);
    dropped += 1;
  }
  return dropped;
}

interface Victim {
  readonly id: number;
  readonly spool_dropped: number;
  readonly reason: DropReason;
}

function overBound(spool: Spool, maxRecords: number, now: number): Victim | undefined {
  const isTooMuch =
    readCounter(spool, 'pending') > maxRecords ||
    readCounter(spool, 'pending_bytes') > maxRecords * SPOOL.bytesPerRecord;
  if (isTooMuch) return oldest(spool, 'capture', 0) ?? oldest(spool, 'alias', 0);
  // A time from before this program existed is one of a clock that was not set: it tells no age.
  const capture = oldest(spool, 'capture', SPOOL.existsSince);
  if (capture === undefined || capture.recorded_at >= now - SPOOL.maxAgeMs) return undefined;
  return { ...capture, reason: 'expired' };
}

function oldest(
  spool: Spool,
  kind: 'alias' | 'capture',
  since: number,
): (Victim & { readonly recorded_at: number }) | undefined {
  const sql = `SELECT id, spool_dropped, recorded_at, 'overflow' AS reason FROM record
    WHERE state = 'pending' AND kind = ? AND recorded_at >= ? ORDER BY id LIMIT 1`;
  return spool.statement(sql).get(kind, since) as ReturnType<typeof oldest>;
}

function drop(spool: Spool, { id, spool_dropped: carried, reason }: Victim): void {
  spool.statement('DELETE FROM record WHERE id = ?').run(id);
  countDropped(spool, reason, 1, carried);
}
