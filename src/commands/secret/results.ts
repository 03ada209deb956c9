/** What became of each of several secrets. */

import { type FailureCode, UserError } from '../../errors.ts';
import { type Output, visible } from '../../terminal/output.ts';

export interface Result {
  readonly key: string;
  readonly error: UserError | undefined;
  /** False: there was no such secret to delete. */
  readonly found?: boolean;
}

/** What the next secret would meet as well, after many seconds each. */
const HOPELESS: ReadonlySet<FailureCode> = new Set([
  'DNS_FAILED',
  'CONNECTION_REFUSED',
  'TLS_FAILED',
  'TIMED_OUT',
  'UNAUTHORIZED',
]);

/**
 * Does one of several things; what it fails with is kept for its own line. Once the server cannot be reached,
 * the things not yet begun fail with the same. Rejects with what is no UserError.
 */
export function openAttempts(): (work: () => Promise<void>) => Promise<UserError | undefined> {
  let hopeless: UserError | undefined;
  return async (work) => {
    if (hopeless !== undefined) return hopeless;
    try {
      await work();
      return undefined;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      if (HOPELESS.has(error.code)) hopeless = error;
      return error;
    }
  };
}

/** Why, and what to do next, in one line that is safe to print. */
export function describeFailure({ message, hint }: UserError): string {
  return visible(hint === undefined ? message : `${message} ${hint}`);
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
export function failureOfResults(results: readonly Result[]): FailureCode | undefined {
  const codes = new Set(results.map(({ error }) => error?.code));
  if (codes.size > 1) return 'PARTIAL_FAILURE';
  return [...codes][0];
}
