/**
 * What one drain takes out of the queue, oldest first and each record once: sealed, so that a later attempt sends what
 * this one sends. A record whose text is not what this program wrote is quarantined here, and never sent.
 */
import { FLUSHER } from '../../settings.ts';
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

/** The claims of one drain. Each is made at once, so that no two batches have a record in common. */
export interface Claims {
  /**
   * The next alias alone, or the next batch of captures; empty when there is none. Captures of a principal whose alias
   * is pending are passed over (the alias fence); the half of a batch that was rejected comes alone.
   */
  next(kind: PendingRecord['kind']): PendingRecord[];
  /**
   * The newest capture that was not claimed yet and never was in a rejected batch, or else the newest one at all; not
   * one of `except`.
   */
  newest(except: readonly PendingRecord[]): PendingRecord[];
  /** What is still pending of records that were claimed before. */
  again(records: readonly PendingRecord[]): PendingRecord[];
}

/** What is bound; of captures those of whose principal no alias is pending. */
const SENDABLE = `SELECT id, uuid, kind, event, distinct_id, personless, properties, spool_dropped, sealed, half_id, bytes,
    recorded_at
  FROM record AS r WHERE state = 'pending' AND kind = @kind AND distinct_id IS NOT NULL
    AND (@kind = 'alias' OR NOT EXISTS (SELECT 1 FROM record AS a
      WHERE a.state = 'pending' AND a.kind = 'alias' AND a.distinct_id = r.distinct_id))`;

/** `now` is ms since the epoch. */
export function claimsOf(spool: Spool, now: () => number): Claims {
  const claimedTo = { alias: 0, capture: 0 };
  const again = (found: readonly PendingRecord[]): PendingRecord[] =>
    spool.transaction(() => seal(spool, found, now()));
  return {
    next(kind) {
      for (;;) {
        // Without the lock, for which commands wait: a long queue behind an alias takes long to look through.
        const found = select(spool, kind, claimedTo[kind]);
        const last = found.at(-1);
        if (last === undefined) return [];
        const batch = again(found);
        claimedTo[kind] = last.id;
        if (batch.length > 0) return batch;
      }
    },
    newest(except) {
      const sql = `${SENDABLE} AND id NOT IN ${IDS} ORDER BY (id > @claimed AND half_id IS NULL) DESC, id DESC LIMIT 1`;
      const which = { kind: 'capture', ids: idsOf(except), claimed: claimedTo.capture };
      return again(spool.statement(sql).all(which) as PendingRecord[]);
    },
    again,
  };
}

function select(spool: Spool, kind: PendingRecord['kind'], after: number): PendingRecord[] {
  const most = kind === 'alias' ? 1 : FLUSHER.batchRecords;
  const rows = spool.statement(`${SENDABLE} AND id > @after ORDER BY id LIMIT @most`);
  const batch: PendingRecord[] = [];
  let bytes = 0;
  for (const row of rows.iterate({ kind, after, most }) as IterableIterator<PendingRecord>) {
    bytes += row.bytes;
    const [first = row] = batch;
    if (batch.length > 0 && (bytes > FLUSHER.batchBytes || row.half_id !== first.half_id)) break;
    batch.push(row);
  }
  return batch;
}

/**
 * What is pending and readable of `found`, sealed; what is not readable is quarantined. The first capture that was never
 * sent takes along how many events were dropped before it.
 */
function seal(spool: Spool, found: readonly PendingRecord[], now: number): PendingRecord[] {
  const sealed = spool
    .statement(`UPDATE record SET sealed = 1 WHERE state = 'pending' AND id IN ${IDS} RETURNING id`)
    .pluck()
    .all({ ids: idsOf(found) });
  const pending = new Set(sealed);
  const batch = found.filter((record) => {
    if (!pending.has(record.id)) return false;
    const isSound = isReadable(record);
    if (!isSound) quarantine(spool, record, 'unreadable', now);
    return isSound;
  });
  const carrier = batch.find(({ kind, sealed }) => kind === 'capture' && sealed === 0);
  const unreported = carrier === undefined ? 0 : readCounter(spool, 'unreported');
  if (carrier !== undefined && unreported > 0) {
    spool.statement('UPDATE record SET spool_dropped = ? WHERE id = ?').run(unreported, carrier.id);
    count(spool, 'unreported', -unreported);
  }
  return batch.map((record) => ({
    ...record,
    sealed: 1,
    spool_dropped: record === carrier ? unreported : record.spool_dropped,
  }));
}
