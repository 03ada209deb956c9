/** What is written down of records after an attempt. Each inside a transaction. */
import type { Answer } from '../../infra/net/posthog.ts';
import { SPOOL } from '../../settings.ts';
import { count } from '../spool/ledger.ts';
import type { Spool } from '../spool/spool.ts';
import type { PendingRecord } from './claim.ts';

/** One request and its answer. */
export interface Attempt {
  /** When it began, ms since the epoch; the duration is of a clock that never steps. */
  readonly at: number;
  readonly durationMs: number;
  readonly answer: Answer;
}

type Records = readonly PendingRecord[];

/** The records of a batch, as one parameter whatever their number. */
export const IDS = '(SELECT value FROM json_each(@ids))';

/** The value of that parameter. */
export function idsOf(records: Records): string {
  return JSON.stringify(records.map(({ id }) => id));
}

/** The run of the one flusher that holds the lock; none after `usage disable`. */
export const IS_THIS_RUN = 'id = (SELECT max(id) FROM flusher_run)';

/**
 * The history of each record that is still pending; its `attempts` are those that PostHog, or what stands before it, has
 * answered. The network's absence, which a portal is too, counts for none.
 */
export function noteAttempts(spool: Spool, records: Records, { at, durationMs, answer }: Attempt): void {
  const ids = idsOf(records);
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

/**
 * Settles what PostHog has accepted, and counts it for the flusher's run; returns how many were still pending. Receipts
 * are kept for a while, so that a person can see what was sent. `now` is ms since the epoch.
 */
export function settleDelivered(spool: Spool, records: Records, now: number): number {
  const sql = `UPDATE record SET state = 'delivered', settled_at = @now WHERE state = 'pending' AND id IN ${IDS}`;
  const { changes } = spool.statement(sql).run({ ids: idsOf(records), now });
  spool.statement(`UPDATE flusher_run SET delivered = delivered + ? WHERE ${IS_THIS_RUN}`).run(changes);
  spool
    .statement(
      `DELETE FROM record WHERE ${SETTLED} 'delivered' AND (settled_at < ? OR id <= (
         SELECT id FROM record WHERE ${SETTLED} 'delivered' ORDER BY id DESC LIMIT 1 OFFSET ?))`,
    )
    .run(now - SPOOL.receiptAgeMs, SPOOL.receipts);
  return changes;
}

/**
 * Puts a record aside that is never to be sent as it is. What it would have reported as dropped, the next event reports.
 * `at` is ms since the epoch.
 */
export function quarantine(spool: Spool, record: PendingRecord, reason: string, at: number): void {
  const { changes } = spool
    .statement(
      `UPDATE record SET state = 'quarantined', settled_at = ?, reason = ?, spool_dropped = 0
       WHERE id = ? AND state = 'pending'`,
    )
    .run(at, reason, record.id);
  if (changes > 0) count(spool, 'unreported', record.spool_dropped);
}

/** Notes the half of a rejected batch that these records are sent with from now on. */
export function noteHalf(spool: Spool, records: Records): void {
  const sql = `UPDATE record SET half_id = @half WHERE id IN ${IDS}`;
  spool.statement(sql).run({ ids: idsOf(records), half: records[0]?.id ?? null });
}
