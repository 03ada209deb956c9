/**
 * The counters. recorded, pending and quarantined follow the rows by triggers; what leaves the spool is counted
 * here, in the transaction that removes it: recorded = delivered + pending + quarantined + dropped + purged.
 */
import type { Spool } from './spool.ts';

/** Why a record was dropped without having been delivered. */
export type DropReason = 'overflow' | 'expired' | 'discarded' | 'damaged';

/** Counts damaged databases whose lost records cannot be counted. */
export const UNCOUNTED = 'uncounted';

export interface Ledger {
  readonly recorded: number;
  readonly delivered: number;
  readonly pending: number;
  readonly quarantined: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly purged: number;
}

/** All counters as they stand in the present transaction or read. */
export function readLedger(spool: Spool): Ledger {
  const rows = spool.statement('SELECT name, value FROM ledger').raw().all() as [string, number][];
  const dropped = rows
    .filter(([name]) => name.startsWith('dropped.'))
    .map(([name, value]) => [name.slice('dropped.'.length), value] as const);
  const { recorded = 0, delivered = 0, pending = 0, quarantined = 0, purged = 0 } = Object.fromEntries(rows);
  return { recorded, delivered, pending, quarantined, dropped: Object.fromEntries(dropped), purged };
}

/** One counter; 0 when it was never touched. */
export function readCounter(spool: Spool, name: string): number {
  const sql = 'SELECT value FROM ledger WHERE name = ?';
  return (spool.statement(sql).pluck().get(name) as number | undefined) ?? 0;
}

/** Adds `by` to a counter. */
export function count(spool: Spool, name: string, by: number): void {
  spool
    .statement(
      'INSERT INTO ledger (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value',
    )
    .run(name, by);
}

/**
 * Counts records that were dropped. `carried` are earlier drops which those records would have reported: they
 * are to be reported again, by the next event that is sent.
 */
export function countDropped(spool: Spool, reason: DropReason, records: number, carried: number): void {
  count(spool, `dropped.${reason}`, records);
  count(spool, 'unreported', records + carried);
}
