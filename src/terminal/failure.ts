/** How a failure is shown: on stderr, and as JSON. */
import { UserError } from '../errors.ts';
import type { Output } from './output.ts';
import { joined, type Safe, say, visible } from './visible.ts';

/** Prints a failure on stderr: what went wrong in one line, what to do next in another; the stack with `debug`. */
export async function printError(output: Output, error: unknown, debug: boolean): Promise<void> {
  const paint = await output.paint('stderr');
  const { message, hint } = describe(error);
  output.warn(say`${paint.red(say`Error:`)} ${visible(message)}`);
  if (hint !== undefined) output.warn(say`${paint.dim(say`Hint:`)} ${visible(hint)}`);
  if (debug && error instanceof Error) output.warn(describeStack(error));
}

/** A program that was promised a JSON document gets one, also when there is no result. */
export function errorDocument(error: unknown): unknown {
  const { code, message, hint } = describe(error);
  return { error: { code, message, hint: hint ?? null } };
}

function describe(error: unknown): Pick<UserError, 'code' | 'message' | 'hint'> {
  if (error instanceof UserError) return error;
  return {
    code: 'UNEXPECTED',
    message: 'An unexpected error occurred; this is a bug in arcade.',
    hint: 'Run the command again with --debug and report the output.',
  };
}

/** An error's stack, with those of its causes, safe to print. */
export function describeStack(error: Error): Safe {
  const lines = (error.stack ?? error.message).split('\n').map(visible);
  const causes = error.cause instanceof Error ? [say`Caused by: ${describeStack(error.cause)}`] : [];
  return joined([...lines, ...causes], say`\n`);
}
