/** What is due, what a batch looks like on the wire, and what becomes of it: the flusher's side of the spool. */
import type { Answer, WireRecord } from '../infra/posthog.ts';
import { SPOOL } from '../settings.ts';
import { type BackoffReason, backoffMs, retryAfterMs } from './backoff.ts';
import { backoffOf } from './destination.ts';
import { count, readCounter } from './ledger.ts';
import type { Spool } from './spool.ts';

export interface PendingRecord {
  readonly id: number;
  readonly uuid: string;
  readonly kind: 'alias' | 'capture';
  readonly event: string;
  readonly distinct_id: string;
  readonly personless: number;
  readonly properties: string;
  readonly spool_dropped: number;
  readonly bytes: number;
  readonly recorded_at: number;
}

const COLUMNS =
  'id, uuid, kind, event, distinct_id, personless, properties, spool_dropped, bytes, recorded_at';

/** The oldest alias after `afterId`, or undefined. */
export function nextAlias(spool: Spool, afterId: number): PendingRecord | undefined {
  const sql = `SELECT ${COLUMNS} FROM record WHERE state = 'pending' AND kind = 'alias' AND id > ? ORDER BY id LIMIT 1`;
  return spool.statement(sql).get(afterId) as PendingRecord | undefined;
}

/**
 * The next captures after `afterId`, oldest first, sealed: what a later try sends is what this one sends. The
 * first of them that was never sent takes along how many events were dropped before it. Captures of a
 * principal whose alias still waits are passed over (the alias fence).
 */
export function sealCaptures(
  spool: Spool,
  afterId: number,
  limits: { records: number; bytes: number },
): PendingRecord[] {
  return spool.transaction(() => {
    const batch = selectCaptures(spool, afterId, limits);
    const unreported = readCounter(spool, 'unreported');
    const sealed: PendingRecord[] = [];
    let reported = unreported === 0;
    for (const record of batch) {
      const fresh =
        spool.statement('UPDATE record SET sealed = 1 WHERE id = ? AND sealed = 0').run(record.id).changes >
        0;
      const carries = fresh && !reported;
      if (carries) {
        spool.statement('UPDATE record SET spool_dropped = ? WHERE id = ?').run(unreported, record.id);
        count(spool, 'unreported', -unreported);
        reported = true;
      }
      sealed.push(carries ? { ...record, spool_dropped: unreported } : record);
    }
    return sealed;
  });
}

function selectCaptures(
  spool: Spool,
  afterId: number,
  limits: { records: number; bytes: number },
): PendingRecord[] {
  const rows = spool
    .statement(
      `SELECT ${COLUMNS} FROM record AS r
       WHERE state = 'pending' AND kind = 'capture' AND distinct_id IS NOT NULL AND id > ?
         AND NOT EXISTS (SELECT 1 FROM record AS a
           WHERE a.state = 'pending' AND a.kind = 'alias' AND a.distinct_id = r.distinct_id)
       ORDER BY id LIMIT ?`,
    )
    .iterate(afterId, limits.records) as IterableIterator<PendingRecord>;
  const batch: PendingRecord[] = [];
  let bytes = 0;
  for (const row of rows) {
    bytes += row.bytes;
    if (batch.length > 0 && bytes > limits.bytes) break;
    batch.push(row);
  }
  return batch;
}

/** A record as it is handed to posthog-node, which adds fields of its own. */
export function wireRecord(record: PendingRecord): WireRecord {
  return {
    uuid: record.uuid,
    event: record.event,
    distinctId: record.distinct_id,
    properties: {
      ...(JSON.parse(record.properties) as Record<string, unknown>),
      ...(record.spool_dropped > 0 ? { spool_dropped: record.spool_dropped } : {}),
      ...(record.personless === 1 ? { $process_person_profile: false } : {}),
    },
    at: record.recorded_at,
  };
}

interface Try {
  /** When it began and ended, ms since the epoch; the duration is of a clock that never steps. */
  readonly at: number;
  readonly until: number;
  readonly durationMs: number;
  readonly answer: Answer;
}

/** Settles records that PostHog has accepted; any back-off ends with them. */
export function settleDelivered(spool: Spool, records: readonly PendingRecord[], tried: Try): void {
  spool.transaction(() => {
    for (const record of records) {
      const settled = spool
        .statement(
          `UPDATE record SET state = 'delivered', attempts = attempts + 1, settled_at = ? WHERE id = ? AND state = 'pending'`,
        )
        .run(tried.at, record.id);
      if (settled.changes > 0) noteAttempt(spool, record.id, tried);
    }
    spool.statement('DELETE FROM backoff').run();
    trimReceipts(spool, tried.at);
  });
}

/** Settles a record that PostHog will never take. */
export function quarantine(spool: Spool, record: PendingRecord, tried: Try): void {
  spool.transaction(() => {
    const reason = tried.answer.kind === 'too-large' ? 'too large' : 'refused by PostHog';
    const settled = spool
      .statement(
        `UPDATE record SET state = 'quarantined', attempts = attempts + 1, settled_at = ?, reason = ?
         WHERE id = ? AND state = 'pending'`,
      )
      .run(tried.at, reason, record.id);
    if (settled.changes > 0) noteAttempt(spool, record.id, tried);
  });
}

/** Notes a refusal that says nothing yet of each single record: the batch is to be divided. */
export function noteRefusal(spool: Spool, records: readonly PendingRecord[], tried: Try): void {
  spool.transaction(() => {
    for (const record of records) {
      spool.statement('UPDATE record SET attempts = attempts + 1 WHERE id = ?').run(record.id);
      noteAttempt(spool, record.id, tried);
    }
  });
}

/**
 * Puts off what is due after a failure that is not the records' fault. Attempts count only where a server
 * answered: the network's absence burns none.
 */
export function backOff(
  spool: Spool,
  records: readonly PendingRecord[],
  tried: Try,
  sending: { destination: string; random: () => number },
): void {
  const reason = reasonOf(tried.answer);
  const answered = reason === 'throttled' || reason === 'unauthorized';
  spool.transaction(() => {
    for (const record of records) {
      if (answered) spool.statement('UPDATE record SET attempts = attempts + 1 WHERE id = ?').run(record.id);
      noteAttempt(spool, record.id, tried);
    }
    const before = backoffOf(spool, sending.destination);
    // Batches that were under way together fail together: that is one failure.
    if (before !== null && before.since > tried.at) return;
    const streak = (before?.streak ?? 0) + 1;
    const header = tried.answer.kind === 'throttled' ? tried.answer.retryAfter : undefined;
    const wait = backoffMs(
      { reason, streak, retryAfterMs: retryAfterMs(header, tried.until) },
      sending.random,
    );
    spool
      .statement(
        `INSERT OR REPLACE INTO backoff (id, until, since, reason, status, streak, hastened, destination)
         VALUES (1, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        tried.until + wait,
        tried.until,
        reason,
        tried.answer.status,
        streak,
        before?.hastened ?? 0,
        sending.destination,
      );
  });
}

function reasonOf(answer: Answer): BackoffReason {
  if (answer.kind === 'portal' || answer.kind === 'throttled' || answer.kind === 'unauthorized')
    return answer.kind;
  return 'offline';
}

function noteAttempt(spool: Spool, recordId: number, { at, durationMs, answer }: Try): void {
  spool
    .statement('INSERT INTO attempt (record_id, at, outcome, status, duration_ms) VALUES (?, ?, ?, ?, ?)')
    .run(recordId, at, answer.kind, answer.status, Math.round(durationMs));
  if (answer.kind === 'accepted') return;
  spool
    .statement(
      `DELETE FROM attempt WHERE record_id = @record AND id <= (
         SELECT id FROM attempt WHERE record_id = @record ORDER BY id DESC LIMIT 1 OFFSET @kept)`,
    )
    .run({ record: recordId, kept: SPOOL.attemptsKept });
}

/** Receipts of delivered records are kept for a while, so that a person can see what was sent. */
function trimReceipts(spool: Spool, now: number): void {
  spool
    .statement(
      `DELETE FROM record WHERE state = 'delivered' AND id <= coalesce((
         SELECT id FROM record WHERE state = 'delivered' ORDER BY id DESC LIMIT 1 OFFSET ?), -1)`,
    )
    .run(SPOOL.receipts);
  spool
    .statement(`DELETE FROM record WHERE state = 'delivered' AND settled_at < ?`)
    .run(now - SPOOL.receiptAgeMs);
}
