/** `arcade usage enable` */
import { UserError } from '../../errors.ts';
import { type Invocation, type Run, respond } from '../../invocation.ts';
import { say, visible } from '../../terminal/visible.ts';
import { enable, withdrawOptOut } from '../../usage/spool/consent.ts';
import { changeSpool } from './changing.ts';

/** Undoes `usage disable`; a variable that switches recording off still does, and is named. */
export const run: Run = async (invocation) => {
  const { output, settings } = invocation;
  const changed = await takeBack(invocation);
  const { enabled, decidedBy } = settings.consent;
  await respond(invocation, { changed, consent: { enabled, decided_by: decidedBy } }, () => {
    output.line(changed ? say`Recording is on.` : say`Recording was not disabled.`);
    if (!enabled)
      output.warn(say`${visible(decidedBy)} is still set, so nothing is recorded until you unset it.`);
  });
  return undefined;
};

/** What `disable` remembers beside a spool that cannot be opened is taken back there too. */
async function takeBack(invocation: Invocation): Promise<boolean> {
  const { directory } = invocation.settings;
  try {
    return await changeSpool(invocation, (spool, isNew) => enable(spool, Date.now(), isNew));
  } catch (cause) {
    if (!(cause instanceof UserError) || directory === undefined || !withdrawOptOut(directory)) throw cause;
    const message = `Recording is enabled again, but nothing can be recorded yet. ${cause.message}`;
    throw new UserError(cause.code, message, { hint: 'Run `arcade usage doctor`.', cause });
  }
}
