/** `arcade usage enable` */
import { enable } from '../../usage/control.ts';
import type { Run } from '../command.ts';
import { changeSpool } from './changing.ts';

/** Takes `usage disable` back; a variable that says off is still obeyed, and told. */
export const run: Run = async (invocation) => {
  const { output, options, settings } = invocation;
  const changed = changeSpool(invocation, enable);
  const { enabled, decidedBy } = settings.consent;
  if (options.json === true) {
    output.json({ changed, consent: { enabled, decided_by: decidedBy } });
    return undefined;
  }
  output.line(changed ? 'Usage is recorded from now on.' : 'Nothing had switched recording off here.');
  if (!enabled) output.note(`But ${decidedBy} says off, and that is obeyed as long as it is set.`);
  return undefined;
};
