/** `arcade usage stats` */

import type { Run } from '../../invocation.ts';
import type { Paint } from '../../terminal/output.ts';
import type { Safe } from '../../terminal/visible.ts';
import { readStats, type Stats } from '../../usage/inspect/stats.ts';
import { printLines } from './lines.ts';
import { readPositive } from './options.ts';
import { readSpool } from './reading.ts';
import { delivery, eventsADay, queue, slowest } from './stats-charts.ts';
import { isoTime } from './words.ts';

const DEFAULT_DAYS = 14;
/** As long as the numbers are kept. */
const MOST_DAYS = 90;
/** Longer bars are no easier to read. */
const WIDEST = 120;

/** Draws what the spool knows of the last days. */
export const run: Run = async (invocation) => {
  const { output, options } = invocation;
  const days = readPositive(options.days, '--days', MOST_DAYS) ?? DEFAULT_DAYS;
  const { value: stats, absence } = await readSpool(invocation, (spool) =>
    readStats(spool, days, Date.now()),
  );
  if (absence !== null) output.note(absence);
  if (options.json === true) {
    output.json(statsDocument(stats));
  } else if (absence === null) {
    const width = Math.min(output.width ?? 80, WIDEST);
    const style = { width, unicode: output.unicode, paint: await output.paint('stdout') };
    printLines(output, charts(stats, style) as Safe[]);
  }
  return undefined;
};

/** How charts are to be drawn. */
export interface ChartStyle {
  readonly width: number;
  readonly unicode: boolean;
  readonly paint: Paint;
}

function charts(stats: Stats, style: ChartStyle): string[] {
  const parts = [eventsADay, slowest, queue, delivery].map((draw) => draw(stats, style));
  return parts.flatMap((part, i) => (i === 0 ? part : ['', ...part]));
}

/** The numbers, for scripts and for the report. */
export function statsDocument(stats: Stats): unknown {
  return {
    days: stats.days,
    since: isoTime(stats.since),
    until: isoTime(stats.until),
    events_per_day: stats.perDay,
    commands: stats.commands,
    queue: stats.queue.map(({ at, most }) => ({ at: isoTime(at), most })),
    waiting: stats.waiting,
    delivery: stats.delivery,
  };
}
