/** What becomes of a batch: delivered, divided, quarantined, or put off. Each in one transaction. */
import type { Answer } from '../../infra/net/posthog.ts';
import { retryAfterMs } from '../../infra/net/retry-after.ts';
import { SPOOL } from '../../settings.ts';
import { count, countDropped, readCounter } from '../spool/ledger.ts';
import type { Spool } from '../spool/spool.ts';
import { type BackoffReason, backoffMs } from './backoff.ts';
import { IDS, idsOf, type PendingRecord } from './claim.ts';
import { backoffOf } from './destination.ts';

/** One request and its answer. */
export interface Try {
  /** When it began and ended, ms since the epoch; the duration is of a clock that never steps. */
  readonly at: number;
  readonly until: number;
  readonly durationMs: number;
  /** `doubted`: a record was refused alone, by what may not be PostHog. */
  readonly answer: Answer | { readonly kind: 'doubted'; readonly status: number };
  /** Another batch of this drain has already failed. */
  readonly afterFailure: boolean;
}

/**
 * Settles records that PostHog has accepted; any back-off ends with them, unless it is one that another batch
 * of the same drain has just met. Returns how many were still pending.
 */
export function settleDelivered(spool: Spool, records: readonly PendingRecord[], tried: Try): number {
  return spool.transaction(() => {
    const ids = idsOf(records);
    noteAttempts(spool, ids, tried);
    const { changes } = spool
      .statement(
        `UPDATE record SET state = 'delivered', attempts = attempts + 1, settled_at = @until
         WHERE state = 'pending' AND id IN ${IDS}`,
      )
      .run({ ids, until: tried.until });
    if (!tried.afterFailure) spool.statement('DELETE FROM backoff').run();
    trimReceipts(spool, tried.until);
    return changes;
  });
}

/** Settles a record that PostHog will never take. What it would have reported, the next event reports. */
export function quarantine(spool: Spool, record: PendingRecord, tried: Try): void {
  spool.transaction(() => {
    const reason = tried.answer.kind === 'too-large' ? 'too large' : 'refused by PostHog';
    noteAttempts(spool, idsOf([record]), tried);
    const { changes } = spool
      .statement(
        `UPDATE record SET state = 'quarantined', attempts = attempts + 1, settled_at = ?, reason = ?, spool_dropped = 0
         WHERE id = ? AND state = 'pending'`,
      )
      .run(tried.until, reason, record.id);
    if (changes === 0) return;
    count(spool, 'unreported', record.spool_dropped);
    trimQuarantine(spool, tried.until);
  });
}

/** Notes a refusal that says nothing yet of each single record, and the halves to be sent from now on. */
export function divide(spool: Spool, halves: readonly (readonly PendingRecord[])[], tried: Try): void {
  spool.transaction(() => {
    for (const half of halves) {
      const ids = idsOf(half);
      noteAttempts(spool, ids, tried);
      spool
        .statement(`UPDATE record SET attempts = attempts + 1, half_id = @half WHERE id IN ${IDS}`)
        .run({ ids, half: half[0]?.id ?? null });
    }
  });
}

/**
 * Puts off what is due after a failure that is not the records' fault. Attempts count only where a server
 * answered: the network's absence burns none. Batches that fail together are one failure; of their waits the
 * longest holds.
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
    const ids = idsOf(records);
    noteAttempts(spool, ids, tried);
    if (answered)
      spool.statement(`UPDATE record SET attempts = attempts + 1 WHERE id IN ${IDS}`).run({ ids });
    const before = backoffOf(spool, sending.destination);
    const same = tried.afterFailure ? before : null;
    const streak = same?.streak ?? (before?.streak ?? 0) + 1;
    const header = tried.answer.kind === 'throttled' ? tried.answer.retryAfter : undefined;
    const retryAfter = retryAfterMs(header, tried.until);
    const until = tried.until + backoffMs({ reason, streak, retryAfterMs: retryAfter }, sending.random);
    if (same !== null && same.until >= until) return;
    spool
      .statement(
        `INSERT OR REPLACE INTO backoff (id, until, since, reason, status, streak, hastened, destination)
         VALUES (1, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        until,
        tried.until,
        reason,
        tried.answer.status,
        streak,
        before?.hastened ?? 0,
        sending.destination,
      );
  });
}

function reasonOf({ kind }: Try['answer']): BackoffReason {
  if (kind === 'doubted') return 'portal';
  return kind === 'portal' || kind === 'throttled' || kind === 'unauthorized' ? kind : 'offline';
}

/** In how many drains before `time` a record was refused alone while PostHog took nothing else. */
export function doubtsOf(spool: Spool, record: PendingRecord, time: number): number {
  const sql = `SELECT count(*) AS doubts FROM attempt WHERE record_id = ? AND outcome = 'doubted' AND at < ?`;
  return (spool.statement(sql).get(record.id, time) as { doubts: number }).doubts;
}

/** Those that still wait: one that a command has dropped meanwhile, over the bounds, has no attempts any more. */
function noteAttempts(spool: Spool, ids: string, { at, durationMs, answer }: Try): void {
  spool
    .statement(
      `INSERT INTO attempt (record_id, at, outcome, status, duration_ms)
       SELECT id, @at, @outcome, @status, @duration FROM record WHERE state = 'pending' AND id IN ${IDS}`,
    )
    .run({ ids, at, outcome: answer.kind, status: answer.status, duration: Math.round(durationMs) });
  if (answer.kind === 'accepted') return;
  spool
    .statement(
      `DELETE FROM attempt WHERE record_id IN ${IDS} AND outcome <> 'doubted' AND id <= (
         SELECT id FROM attempt AS newer WHERE newer.record_id = attempt.record_id
         ORDER BY id DESC LIMIT 1 OFFSET @kept)`,
    )
    .run({ ids, kept: SPOOL.attemptsKept });
}

// `state <> 'pending'` says nothing new; with it SQLite sees that the index of settled records serves.
const SETTLED = `state <> 'pending' AND state =`;

/** Receipts of delivered records are kept for a while, so that a person can see what was sent. */
function trimReceipts(spool: Spool, now: number): void {
  spool
    .statement(
      `DELETE FROM record WHERE ${SETTLED} 'delivered' AND id <= (
         SELECT id FROM record WHERE ${SETTLED} 'delivered' ORDER BY id DESC LIMIT 1 OFFSET ?)`,
    )
    .run(SPOOL.receipts);
  spool
    .statement(`DELETE FROM record WHERE ${SETTLED} 'delivered' AND settled_at < ?`)
    .run(now - SPOOL.receiptAgeMs);
}

/** Drops what has been in quarantine for longest, over its bound or older than any record may be. */
export function trimQuarantine(spool: Spool, now: number): void {
  const over = readCounter(spool, 'quarantined') - SPOOL.quarantined;
  if (over > 0) {
    const { changes } = spool
      .statement(
        `DELETE FROM record WHERE id IN (SELECT id FROM record WHERE ${SETTLED} 'quarantined' ORDER BY id LIMIT ?)`,
      )
      .run(over);
    if (changes > 0) countDropped(spool, 'overflow', changes, 0);
  }
  const { changes } = spool
    .statement(`DELETE FROM record WHERE ${SETTLED} 'quarantined' AND settled_at < ?`)
    .run(now - SPOOL.maxAgeMs);
  if (changes > 0) countDropped(spool, 'expired', changes, 0);
}
