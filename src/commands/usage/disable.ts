/** `arcade usage disable` */
import { disable } from '../../usage/control.ts';
import type { Run } from '../command.ts';
import { changeSpool } from './changing.ts';
import { counted } from './words.ts';

/** Stops recording and erases what was recorded. */
export const run: Run = async (invocation) => {
  const { output, options } = invocation;
  const { purged, erased } = changeSpool(invocation, (spool) => disable(spool, Date.now()));
  if (options.json === true) {
    output.json({ consent: { enabled: false, decided_by: 'usage disable' }, purged, erased });
  } else {
    output.line('Usage is no longer recorded, nothing is sent, and the events kept here are erased.');
    if (purged > 0) output.line(`${counted(purged, 'event')} will never be sent.`);
  }
  if (erased) return undefined;
  output.note(
    'Another process still reads the spool: run this again when it has ended, to erase its copy too.',
  );
  return 'PARTIAL_FAILURE';
};
