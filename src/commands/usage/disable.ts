/** `arcade usage disable` */
import { UserError } from '../../errors.ts';
import type { Invocation, Run } from '../../invocation.ts';
import { disable, type Purged, refuse } from '../../usage/spool/consent.ts';
import { changeSpool } from './changing.ts';
import { counted } from './words.ts';

/** Stops recording and erases what was recorded. */
export const run: Run = async (invocation) => {
  const { output, options, settings } = invocation;
  // First: whatever keeps the spool from being opened, or ends this before its time, the "no" holds.
  const refused = settings.directory !== undefined && refuse(settings.directory);
  const { purged, erased } = purge(invocation, refused);
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

function purge(invocation: Invocation, refused: boolean): Purged {
  try {
    return changeSpool(invocation, (spool, isNew) => disable(spool, Date.now(), isNew));
  } catch (cause) {
    if (!refused || !(cause instanceof UserError)) throw cause;
    const message = `Usage is no longer recorded, but the events kept here could not be erased. ${cause.message}`;
    const hint = 'See `arcade usage doctor` for what to do; then `arcade usage disable` again erases them.';
    throw new UserError(cause.code, message, { hint, cause });
  }
}
