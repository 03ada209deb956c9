/** `arcade usage enable` */
import { UserError } from '../../errors.ts';
import type { Invocation, Run } from '../../invocation.ts';
import { enable, withdrawRefusal } from '../../usage/spool/consent.ts';
import { changeSpool } from './changing.ts';

/** Takes `usage disable` back; a variable that says off is still obeyed, and told. */
export const run: Run = async (invocation) => {
  const { output, options, settings } = invocation;
  const changed = takeBack(invocation);
  const { enabled, decidedBy } = settings.consent;
  if (options.json === true) {
    output.json({ changed, consent: { enabled, decided_by: decidedBy } });
    return undefined;
  }
  output.line(changed ? 'Usage is recorded from now on.' : 'Nothing had switched recording off here.');
  if (!enabled) output.note(`But ${decidedBy} says off, and that is obeyed as long as it is set.`);
  return undefined;
};

/** What `disable` remembers beside a spool that cannot be opened is taken back there too. */
function takeBack(invocation: Invocation): boolean {
  const { directory } = invocation.settings;
  try {
    return changeSpool(invocation, enable);
  } catch (cause) {
    if (!(cause instanceof UserError) || directory === undefined || !withdrawRefusal(directory)) throw cause;
    const message = `\`usage disable\` is taken back, but nothing can be recorded yet. ${cause.message}`;
    throw new UserError(cause.code, message, { hint: 'See `arcade usage doctor` for what to do.', cause });
  }
}
