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
  readonly at: number;
}

function insert(spool: Spool, row: Row): void {
  spool
    .statement(
      `INSERT INTO record (uuid, kind, event, command_name, distinct_id, personless, identity_id, fingerprint,
         resolvable, from_environment, properties, bytes, recorded_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      uuidv7(row.at),
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
    );
}

/**
 * Drops what is over the bounds, oldest captures first, aliases last; at most `atMost` rows. Returns how many
 * it dropped. `now` is ms since the epoch.
 */
export function trim(spool: Spool, maxRecords: number, atMost: number, now: number): number {
  let dropped = 0;
  while (dropped < atMost) {
    const reason = overBound(spool, maxRecords, now);
    if (reason === undefined || !dropOldest(spool, reason)) break;
    dropped += 1;
  }
  return dropped;
}

function overBound(spool: Spool, maxRecords: number, now: number): DropReason | undefined {
  if (readCounter(spool, 'pending') > maxRecords) return 'overflow';
  if (readCounter(spool, 'pending_bytes') > maxRecords * SPOOL.bytesPerRecord) return 'overflow';
  const oldest = spool
    .statement(
      `SELECT recorded_at FROM record WHERE state = 'pending' AND kind = 'capture' ORDER BY id LIMIT 1`,
    )
    .get() as { recorded_at: number } | undefined;
  return oldest !== undefined && oldest.recorded_at < now - SPOOL.maxAgeMs ? 'expired' : undefined;
}

function dropOldest(spool: Spool, reason: DropReason): boolean {
  const victim = spool
    .statement(
      `SELECT id, spool_dropped FROM record WHERE state = 'pending' AND kind = 'capture' ORDER BY id LIMIT 1`,
    )
    .get() as { id: number; spool_dropped: number } | undefined;
  const row =
    victim ??
    (spool
      .statement(`SELECT id, spool_dropped FROM record WHERE state = 'pending' ORDER BY kind, id LIMIT 1`)
      .get() as { id: number; spool_dropped: number } | undefined);
  if (row === undefined) return false;
  spool.statement('DELETE FROM record WHERE id = ?').run(row.id);
  countDropped(spool, reason, 1, row.spool_dropped);
  return true;
}
