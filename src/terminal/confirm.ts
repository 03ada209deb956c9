/** Asking before something is done that cannot be undone. */
import { createInterface } from 'node:readline';
import { UserError, usageError } from '../errors.ts';
import type { Invocation } from '../invocation.ts';

/** Whether there is somebody to ask. */
export function canAsk({ input, output }: Invocation): boolean {
  return input.isTTY === true && output.stderrIsTerminal;
}

/** Returns when the person says yes, or has said --yes. Throws UserError otherwise. */
export async function confirm(invocation: Invocation, question: string): Promise<void> {
  if (invocation.options.yes === true) return;
  if (!canAsk(invocation)) {
    throw usageError('There is no terminal to ask on.', 'Give --yes to go ahead without being asked.');
  }
  invocation.output.progress(`${question} [y/N] `);
  const answer = await readLine(invocation);
  if (!/^y(es)?$/i.test(answer.trim())) throw new UserError('CANCELLED', 'Nothing was changed.');
}

/** The terminal itself shows what is typed, and turns Ctrl-C into a signal. Empty at end of input. */
function readLine({ input }: Invocation): Promise<string> {
  const reader = createInterface({ input, terminal: false });
  return new Promise((resolve) => {
    reader.once('line', (line) => {
      resolve(line);
      reader.close();
    });
    reader.once('close', () => resolve(''));
  });
}
