/** `arcade usage stats` */

import { type Run, respond } from '../../invocation.ts';
import { figureLines } from '../../terminal/figure.ts';
import { readStats } from '../../usage/inspect/stats.ts';
import { figuresOf } from './figures.ts';
import { readSpool } from './reading.ts';
import { withIsoTimes } from './words.ts';

const DEFAULT_DAYS = 14;
/** Longer bars are no easier to read. */
const MAX_WIDTH = 120;

/** Charts the last days of the spool. */
export const run: Run = async (invocation) => {
  const { output, options } = invocation;
  const days = options.days ?? DEFAULT_DAYS;
  const { value: stats, absence } = await readSpool(invocation, (spool) =>
    readStats(spool, days, Date.now()),
  );
  if (absence !== null) output.note(absence);
  await respond(invocation, withIsoTimes(stats), async () => {
    if (absence !== null) return;
    const width = Math.min(output.width ?? 80, MAX_WIDTH);
    const style = { width, unicode: output.unicode, paint: await output.paint('stdout') };
    for (const [i, figure] of figuresOf(stats).entries()) {
      if (i > 0) output.line();
      for (const line of await figureLines(figure, style)) output.line(line);
    }
  });
  return undefined;
};
