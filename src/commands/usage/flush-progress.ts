/** How far a flush has come, on one line. */
import { barOf } from '../../terminal/chart.ts';
import type { Ledger } from '../../usage/spool/ledger.ts';

const CELLS = 30;

/** What is done of what waited at the beginning; what arrives meanwhile makes the bar longer, never shorter. */
export function progressLine(before: Ledger, now: Ledger, unicode: boolean): string {
  const done = now.delivered - before.delivered + (now.quarantined - before.quarantined);
  const total = done + now.pending;
  const bar = barOf(done, total, CELLS, unicode).padEnd(CELLS, unicode ? '░' : '.');
  return `Sending ${bar} ${done.toLocaleString('en')} of ${total.toLocaleString('en')}`;
}
