/** How a failure is told. */
import { UserError } from '../errors.ts';
import { type Output, visible } from './output.ts';

/** Tells a failure on stderr: what went wrong in one line, what to do next in another; the stack with `debug`. */
export async function tell(output: Output, error: unknown, debug: boolean): Promise<void> {
  const paint = await output.paint('stderr');
  const known = error instanceof UserError ? error : undefined;
  const message = known?.message ?? 'Something unexpected went wrong in this program.';
  const hint =
    known === undefined
      ? 'Run it again with ARCADE_DEBUG=1 to see the details, and please report them.'
      : known.hint;
  output.note(`${paint.red('Error:')} ${visible(message)}`);
  if (hint !== undefined) output.note(`${paint.dim('Hint:')} ${visible(hint)}`);
  if (debug && error instanceof Error) output.note(describeStack(error));
}

/** A program that was promised a JSON document gets one, also when there is no result. */
export function errorDocument(error: unknown): unknown {
  const known = error instanceof UserError ? error : undefined;
  const message = known?.message ?? 'Something unexpected went wrong in this program.';
  return { error: { code: known?.code ?? 'UNEXPECTED', message, hint: known?.hint ?? null } };
}

/** An error's stack, with those of its causes, safe to print. */
export function describeStack(error: Error): string {
  const cause = error.cause instanceof Error ? `\nCaused by: ${describeStack(error.cause)}` : '';
  const stack = error.stack ?? error.message;
  return `${stack.split('\n').map(visible).join('\n')}${cause}`;
}
