/**
 * What one drain takes out of the queue, oldest first and each record once: sealed, so that a later attempt sends what
 * this one sends. A record whose text is not what this program wrote is quarantined here, and never sent.
 */
import { isReadable, type StoredRecord } from '../event/wire.ts';
import { count, readCounter } from '../spool/ledger.ts';
import type { Spool } from '../spool/spool.ts';
import { IDS, idsOf, quarantine } from './settle.ts';

export interface PendingRecord extends StoredRecord {
  readonly id: number;
  readonly kind: 'alias' | 'capture';
  readonly sealed: number;
  readonly half_id: number | null;
  readonly bytes: number;
}

interface Limits {
  readonly records: number;
  readonly bytes: number;
}

/** The claims of one drain. Each is made at once, so that no two batches have a record in common. */
export interface Claims {
  /** The next alias; undefined when there is none. */
  alias(): PendingRecord | undefined;
  /**
   * The next captures. Those of a principal whose alias is pending are passed over (the alias fence); the half of a
   * batch that was rejected comes alone.
   */
  captures(limits: Limits): PendingRecord[];
  /**
   * The newest capture that was not claimed yet and never was in a rejected batch, or else the newest one at all; not
   * one of `except`.
   */
  newest(except: readonly PendingRecord[]): PendingRecord | undefined;
}

const COLUMNS =
  'id, uuid, kind, event, distinct_id, personless, properties, spool_dropped, sealed, half_id, bytes, recorded_at';

/** A capture that is bound, and of whose principal no alias is pending. */
const SENDABLE = `state = 'pending' AND kind = 'capture' AND distinct_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM record AS a
    WHERE a.state = 'pending' AND a.kind = 'alias' AND a.distinct_id = r.distinct_id)`;

/** `now` is ms since the epoch. */
export function claimsOf(spool: Spool, now: () => number): Claims {
  let aliasesTo = 0;
  let capturesTo = 0;
  /** What is readable of `found`, sealed; the rest is quarantined. */
  const seal = (found: readonly PendingRecord[]): PendingRecord[] => {
    const sealed = spool
      .statement(`UPDATE record SET sealed = 1 WHERE state = 'pending' AND id IN ${IDS} RETURNING id`)
      .all({ ids: idsOf(found) }) as { id: number }[];
    const pending = new Set(sealed.map(({ id }) => id));
    return found.filter((record) => {
      if (!pending.has(record.id)) return false;
      if (isReadable(record)) return true;
      quarantine(spool, record, 'unreadable', now());
      return false;
    });
  };
  return {
    alias() {
      const sql = `SELECT ${COLUMNS} FROM record WHERE state = 'pending' AND kind = 'alias' AND id > ? ORDER BY id LIMIT 1`;
      for (;;) {
        const found = spool.statement(sql).get(aliasesTo) as PendingRecord | undefined;
        if (found === undefined) return undefined;
        const [alias] = spool.transaction(() => seal([found]));
        aliasesTo = found.id;
        if (alias !== undefined) return alias;
      }
    },
    captures(limits) {
      for (;;) {
        // Without the lock, for which commands wait: a long queue behind an alias takes long to look through.
        const found = selectCaptures(spool, capturesTo, limits);
        const last = found.at(-1);
        if (last === undefined) return [];
        const batch = spool.transaction(() => reportDropped(spool, seal(found)));
        capturesTo = last.id;
        if (batch.length > 0) return batch;
      }
    },
    newest(except) {
      const sql = `SELECT ${COLUMNS} FROM record AS r WHERE ${SENDABLE} AND id NOT IN ${IDS}
        ORDER BY (id > @claimed AND half_id IS NULL) DESC, id DESC LIMIT 1`;
      const newest = spool.statement(sql).get({ ids: idsOf(except), claimed: capturesTo });
      if (newest === undefined) return undefined;
      return spool.transaction(() => seal([newest as PendingRecord]))[0];
    },
  };
}

function selectCaptures(spool: Spool, afterId: number, limits: Limits): PendingRecord[] {
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

/** The first capture that was never sent takes along how many events were dropped before it. */
function reportDropped(spool: Spool, batch: readonly PendingRecord[]): PendingRecord[] {
  const unreported = readCounter(spool, 'unreported');
  const carrier = batch.find((record) => record.sealed === 0);
  if (carrier === undefined || unreported === 0) return [...batch];
  spool.statement('UPDATE record SET spool_dropped = ? WHERE id = ?').run(unreported, carrier.id);
  count(spool, 'unreported', -unreported);
  return batch.map((record) => (record === carrier ? { ...record, spool_dropped: unreported } : record));
}
