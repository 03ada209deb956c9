/** What became of each of several secrets. */
import type { Output } from '../../cli/output.ts';
import { type ErrorCode, UserError } from '../../errors.ts';

export interface Result {
  readonly key: string;
  readonly error: UserError | undefined;
  /** False: there was no such secret to delete. */
  readonly found?: boolean;
}

/** Does one of several things; what it fails with is kept for its own line. Rejects with what is no UserError. */
export async function attempt(work: () => Promise<void>): Promise<UserError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

/** Prints the results as one JSON document. */
export function printResults(output: Output, results: readonly Result[]): void {
  output.json({
    results: results.map(({ key, error, found }) => ({
      key,
      ok: error === undefined,
      ...(error === undefined ? {} : { error: error.message }),
      ...(found === false ? { found } : {}),
    })),
  });
}

/** The code under which failures are recorded: their own when they all have the same and nothing succeeded. */
export function failureOfResults(results: readonly Result[]): ErrorCode | undefined {
  const codes = new Set(results.map(({ error }) => error?.code));
  if (codes.size > 1) return 'PARTIAL_FAILURE';
  return [...codes][0];
}
