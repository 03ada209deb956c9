/** `arcade usage disable` */
import { UserError } from '../../errors.ts';
import { type Invocation, type Run, respond } from '../../invocation.ts';
import { say } from '../../terminal/visible.ts';
import { disable, type Purged, refuse } from '../../usage/spool/consent.ts';
import { changeSpool } from './changing.ts';
import { counted } from './words.ts';

/** Stops recording and erases what was recorded. */
export const run: Run = async (invocation) => {
  const { output, settings } = invocation;
  // First: whatever keeps the spool from being opened, or ends this before its time, the "no" holds.
  const refused = settings.directory !== undefined && refuse(settings.directory);
  const { purged, erased } = await purge(invocation, refused);
  await respond(
    invocation,
    { consent: { enabled: false, decided_by: 'usage disable' }, purged, erased },
    () => {
      output.line(say`Recording is off. Nothing will be sent, and stored events have been erased.`);
      if (purged > 0) output.line(say`${counted(purged, 'event')} will never be sent.`);
    },
  );
  if (erased) return undefined;
  output.warn(
    say`Another process still has the spool open; run this again once it exits, to erase its copy too.`,
  );
  return 'PARTIAL_FAILURE';
};

async function purge(invocation: Invocation, refused: boolean): Promise<Purged> {
  try {
    return await changeSpool(invocation, (spool, isNew) => disable(spool, Date.now(), isNew));
  } catch (cause) {
    if (!refused || !(cause instanceof UserError)) throw cause;
    const message = `Recording is off, but stored events could not be erased. ${cause.message}`;
    const hint = 'Run `arcade usage doctor`, then `arcade usage disable` again to erase them.';
    throw new UserError(cause.code, message, { hint, cause });
  }
}
