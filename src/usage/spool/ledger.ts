/**
 * The counters. recorded, pending and quarantined follow the rows by triggers; what leaves the spool is counted
 * here, in the transaction that removes it: recorded = delivered + pending + quarantined + dropped + purged.
 */
import type { Spool } from './spool.ts';

/** Why a record was dropped without having been delivered. */
export type DropReason = 'overflow' | 'expired' | 'discarded' | 'damaged';

/** Counts damaged databases of which nobody can tell how many records are lost with them. */
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
  const rows = spool.statement('SELECT name, value FROM ledger').all() as { name: string; value: number }[];
  const value = new Map(rows.map((row) => [row.name, row.value]));
  const dropped = rows
    .filter((row) => row.name.startsWith('dropped.'))
    .map((row) => [row.name.slice('dropped.'.length), row.value] as const);
  return {
    recorded: value.get('recorded') ?? 0,
    delivered: value.get('delivered') ?? 0,
    pending: value.get('pending') ?? 0,
    quarantined: value.get('quarantined') ?? 0,
    dropped: Object.fromEntries(dropped),
    purged: value.get('purged') ?? 0,
  };
}

/** One counter; 0 when it was never touched. */
export function readCounter(spool: Spool, name: string): number {
  const row = spool.statement('SELECT value FROM ledger WHERE name = ?').get(name) as
    | { value: number }
    | undefined;
  return row?.value ?? 0;
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
