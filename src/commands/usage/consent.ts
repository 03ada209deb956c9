/** `arcade usage disable` and `arcade usage enable` */
import { UserError } from '../../errors.ts';
import { type Invocation, type Run, respond } from '../../invocation.ts';
import { say, visible } from '../../terminal/visible.ts';
import { printText } from '../../terminal/wrap.ts';
import { sentIds } from '../../usage/inspect/identities.ts';
import { NO_HOME } from '../../usage/inspect/obstacles.ts';
import { readSnapshot } from '../../usage/inspect/snapshot.ts';
import { disable, enable, eraseUnfit, optOut, type Purged } from '../../usage/spool/consent.ts';
import { countSpilled } from '../../usage/spool/spill.ts';
import { changeSpool, spoolError } from './changing.ts';
import { unusable } from './reading.ts';
import { counted } from './words.ts';

/** Stops recording and erases what was recorded. */
export const stopRecording: Run = async (invocation) => {
  const { output, settings } = invocation;
  const { directory } = settings;
  if (directory === undefined) throw unusable(NO_HOME);
  const spilled = countSpilled(directory).waiting;
  try {
    // First: the opt-out holds even if the spool cannot be opened or this process is killed.
    optOut(directory);
  } catch (cause) {
    throw spoolError(cause);
  }
  // Here they are erased; what was sent under them can be found by nothing else.
  const ids = (await readSnapshot(settings, sentIds)).value ?? [];
  if (!invocation.json && ids.length > 0) await printIds(invocation, ids);
  const { purged, erased } = purge(invocation, directory);
  await respond(
    invocation,
    { consent: { enabled: false, decided_by: 'usage disable' }, purged, spilled, erased, sent_as: ids },
    () => {
      output.line(say`Recording is off. Nothing will be sent, and stored events have been erased.`);
      if (purged + spilled > 0) output.line(say`${counted(purged + spilled, 'event')} will never be sent.`);
    },
  );
  if (erased) return undefined;
  output.warn(
    say`Another process still has the spool open; run this again once it exits, to erase its copy too.`,
  );
  return 'PARTIAL_FAILURE';
};

async function printIds({ output }: Invocation, ids: readonly string[]): Promise<void> {
  const intro = say`Events were sent under these ids, which are erased here. To have the events erased at Arcade too, ask as its Privacy Policy describes, and give these ids:`;
  await printText(output, intro);
  for (const id of ids) output.line(say`  ${visible(id)}`);
  output.line();
}

function purge(invocation: Invocation, directory: string): Purged {
  try {
    return changeSpool(invocation, (spool, isNew) => disable(spool, Date.now(), isNew));
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    if (eraseUnfit(directory)) return { purged: 0, erased: true };
    const message = `Recording is off, but stored events could not be erased. ${cause.message}`;
    const hint = 'Run `arcade usage doctor`, then `arcade usage disable` again to erase them.';
    throw new UserError(cause.code, message, { hint, cause });
  }
}

/**
 * Undoes `usage disable`; a variable that switches recording off still does, and is named. A spool that cannot be opened
 * stays off: what `disable` could not erase in it would come back.
 */
export const resumeRecording: Run = async (invocation) => {
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
