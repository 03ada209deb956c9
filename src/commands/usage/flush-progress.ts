/** How far a flush has come, on one line. */
import { barOf } from '../../terminal/chart.ts';
import { repeated, type Safe, say } from '../../terminal/visible.ts';
import type { Ledger } from '../../usage/spool/ledger.ts';
import { digits } from './words.ts';

const CELLS = 30;

/** What is done of what waited at the beginning; what arrives meanwhile makes the bar longer, never shorter. */
export function progressLine(before: Ledger, now: Ledger, unicode: boolean): Safe {
  const done = now.delivered - before.delivered + (now.quarantined - before.quarantined);
  const total = done + now.pending;
  const bar = barOf(done, total, CELLS, unicode);
  const rest = repeated(unicode ? say`░` : say`.`, CELLS - bar.length);
  return say`Sending ${bar}${rest} ${digits(done)} of ${digits(total)}`;
}
