/** What becomes of a batch: delivered, split, quarantined, or put off. Each in one transaction. */
import type { Answer } from '../../infra/net/posthog.ts';
import { SPOOL } from '../../settings.ts';
import { backOff, endBackoff, type Target } from '../spool/backoff.ts';
import { count } from '../spool/ledger.ts';
import type { Spool } from '../spool/spool.ts';
import type { PendingRecord } from './claim.ts';

/** One request and its answer. */
export interface Attempt {
  /** When it began and ended, ms since the epoch; the duration is of a clock that never steps. */
  readonly at: number;
  readonly until: number;
  readonly durationMs: number;
  readonly answer: Answer;
  /** Another request of this drain has failed already. */
  readonly afterFailure: boolean;
}

type Records = readonly Pick<PendingRecord, 'id'>[];

/** The records of a batch, as one parameter whatever their number. */
export const IDS = '(SELECT value FROM json_each(@ids))';

/** The run of the one flusher that holds the lock; none after `usage disable`. */
export const IS_THIS_RUN = 'id = (SELECT max(id) FROM flusher_run)';

/** The value of that parameter. */
export function idsOf(records: Records): string {
  return JSON.stringify(records.map(({ id }) => id));
}

/**
 * Settles records that PostHog has accepted, and counts them for the flusher's run. Any back-off ends with them, unless
 * it is one that another batch of the same drain has just met. Returns how many were still pending.
 */
export function settleDelivered(spool: Spool, records: Records, attempt: Attempt, target: Target): number {
  return spool.transaction(() => {
    const ids = idsOf(records);
    noteAttempts(spool, ids, attempt);
    const { changes } = spool
      .statement(
        `UPDATE record SET state = 'delivered', settled_at = @until WHERE state = 'pending' AND id IN ${IDS}`,
      )
      .run({ ids, until: attempt.until });
    if (!attempt.afterFailure) endBackoff(spool, target);
    spool.statement(`UPDATE flusher_run SET delivered = delivered + ? WHERE ${IS_THIS_RUN}`).run(changes);
    trimReceipts(spool, attempt.until);
    return changes;
  });
}

/** Settles a record that PostHog will never take. */
export function settleRejected(spool: Spool, record: PendingRecord, attempt: Attempt): void {
  spool.transaction(() => {
    noteAttempts(spool, idsOf([record]), attempt);
    const reason = attempt.answer.kind === 'too-large' ? 'too large' : 'refused by PostHog';
    quarantine(spool, record, reason, attempt.until);
  });
}

/**
 * Inside a transaction: puts a record aside that is never to be sent as it is. What it would have reported as dropped,
 * the next event reports. `at` is ms since the epoch.
 */
export function quarantine(
  spool: Spool,
  record: Pick<PendingRecord, 'id' | 'spool_dropped'>,
  reason: string,
  at: number,
): void {
  const { changes } = spool
    .statement(
      `UPDATE record SET state = 'quarantined', settled_at = ?, reason = ?, spool_dropped = 0
       WHERE id = ? AND state = 'pending'`,
    )
    .run(at, reason, record.id);
  if (changes > 0) count(spool, 'unreported', record.spool_dropped);
}

/** Notes a rejection that says nothing yet of each single record, and the halves to be sent from now on. */
export function settleSplit(spool: Spool, halves: readonly Records[], attempt: Attempt): void {
  spool.transaction(() => {
    for (const half of halves) {
      const ids = idsOf(half);
      noteAttempts(spool, ids, attempt);
      spool
        .statement(`UPDATE record SET half_id = @half WHERE id IN ${IDS}`)
        .run({ ids, half: half[0]?.id ?? null });
    }
  });
}

/** Puts off what is due after a failure that is not the records' fault. Batches that fail together are one failure. */
export function putOff(
  spool: Spool,
  target: Target,
  failed: readonly { readonly records: Records; readonly attempt: Attempt }[],
  random: () => number,
): void {
  const [first] = failed;
  if (first === undefined) return;
  spool.transaction(() => {
    for (const { records, attempt } of failed) noteAttempts(spool, idsOf(records), attempt);
    const { answer, until: at, afterFailure: isRepeated } = first.attempt;
    const { kind, status } = answer;
    const reason = kind === 'accepted' || kind === 'invalid' || kind === 'too-large' ? 'rejected' : kind;
    const retryAfterMs = kind === 'throttled' ? answer.retryAfterMs : undefined;
    backOff(spool, target, { reason, status, retryAfterMs, isRepeated }, { at, random });
  });
}

/**
 * The history of each record that is still pending; its `attempts` are those that PostHog, or what stands before it, has
 * answered. The network's absence, which a portal is too, counts for none.
 */
function noteAttempts(spool: Spool, ids: string, { at, durationMs, answer }: Attempt): void {
  spool
    .statement(
      `INSERT INTO attempt (record_id, at, outcome, status, duration_ms)
       SELECT id, @at, @outcome, @status, @duration FROM record WHERE state = 'pending' AND id IN ${IDS}`,
    )
    .run({ ids, at, outcome: answer.kind, status: answer.status, duration: Math.round(durationMs) });
  if (answer.status !== null && answer.kind !== 'portal') {
    const sql = `UPDATE record SET attempts = attempts + 1 WHERE state = 'pending' AND id IN ${IDS}`;
    spool.statement(sql).run({ ids });
  }
  if (answer.kind === 'accepted') return;
  spool
    .statement(
      `DELETE FROM attempt WHERE record_id IN ${IDS} AND id <= (
         SELECT id FROM attempt AS newer WHERE newer.record_id = attempt.record_id
         ORDER BY id DESC LIMIT 1 OFFSET @kept)`,
    )
    .run({ ids, kept: SPOOL.attemptsKept });
}

// `state <> 'pending'` says nothing new; with it SQLite sees that the index of settled records serves.
const SETTLED = `state <> 'pending' AND state =`;

/** Receipts of delivered records are kept for a while, so that a person can see what was sent. */
function trimReceipts(spool: Spool, now: number): void {
  const sql = `DELETE FROM record WHERE ${SETTLED} 'delivered' AND (settled_at < ? OR id <= (
    SELECT id FROM record WHERE ${SETTLED} 'delivered' ORDER BY id DESC LIMIT 1 OFFSET ?))`;
  spool.statement(sql).run(now - SPOOL.receiptAgeMs, SPOOL.receipts);
}
