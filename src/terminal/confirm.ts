/** Asks before something is done that cannot be undone. */
import { createInterface } from 'node:readline';
import { UserError, usageError } from '../errors.ts';
import type { Output } from './output.ts';
import type { Input } from './prompt.ts';
import { type Safe, say } from './visible.ts';

/** Of an invocation, what it takes to ask. */
export interface Asking {
  readonly input: Input;
  readonly output: Output;
  readonly options: { readonly yes?: true | undefined; readonly 'no-input'?: true | undefined };
}

/** Whether there is a terminal to ask on. */
export function canAsk({ input, output, options }: Asking): boolean {
  return options['no-input'] !== true && input.isTTY === true && output.stderrIsTerminal;
}

/** Returns when the person says yes, or has said --yes. Throws UserError otherwise. */
export async function confirm(asking: Asking, question: Safe): Promise<void> {
  if (asking.options.yes === true) return;
  if (!canAsk(asking)) {
    throw usageError('There is no terminal to ask on.', 'Use --yes to skip the confirmation.');
  }
  asking.output.ask(say`${question} [y/N] `);
  const answer = await readLine(asking);
  if (!/^y(es)?$/i.test(answer.trim())) throw new UserError('CANCELLED', 'Nothing was changed.');
}

/** The terminal itself shows what is typed, and turns Ctrl-C into a signal. Empty at end of input. */
function readLine({ input }: Asking): Promise<string> {
  const reader = createInterface({ input, terminal: false });
  return new Promise((resolve) => {
    reader.once('line', (line) => {
      resolve(line);
      reader.close();
    });
    reader.once('close', () => resolve(''));
  });
}
