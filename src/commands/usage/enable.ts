/** `arcade usage enable` */
import { type Run, respond } from '../../invocation.ts';
import { say, visible } from '../../terminal/visible.ts';
import { enable } from '../../usage/spool/consent.ts';
import { changeSpool } from './changing.ts';

/**
 * Undoes `usage disable`; a variable that switches recording off still does, and is named. A spool that cannot be opened
 * stays off: what `disable` could not erase in it would come back.
 */
export const run: Run = async (invocation) => {
  const { output, settings } = invocation;
  const changed = changeSpool(invocation, (spool, isNew) => enable(spool, Date.now(), isNew));
  const { enabled, decidedBy } = settings.consent;
  await respond(invocation, { changed, consent: { enabled, decided_by: decidedBy } }, () => {
    output.line(changed ? say`Recording is on.` : say`Recording was not disabled.`);
    if (!enabled)
      output.warn(say`${visible(decidedBy)} is still set, so nothing is recorded until you unset it.`);
  });
  return undefined;
};
