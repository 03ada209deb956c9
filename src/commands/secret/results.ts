/** The results of setting or deleting several secrets. */

import { type FailureCode, UserError } from '../../errors.ts';
import type { Output } from '../../terminal/output.ts';
import { type Safe, visible } from '../../terminal/visible.ts';

export interface Result {
  readonly key: string;
  readonly error: UserError | undefined;
  /** False: the secret to delete does not exist. */
  readonly found?: boolean;
}

/** Failures that the next secret would meet as well, some after many seconds. */
const FINAL: ReadonlySet<FailureCode> = new Set([
  'DNS_FAILED',
  'CONNECTION_REFUSED',
  'TLS_FAILED',
  'TIMED_OUT',
  'UNAUTHORIZED',
  'RATE_LIMITED',
]);

/**
 * Runs one of several pieces of work and resolves to its UserError, for a line of its own. Once the server cannot be
 * reached, work that has not begun fails with the same error. Rejects with any other error.
 */
export function openAttempts(): (work: () => Promise<void>) => Promise<UserError | undefined> {
  let final: UserError | undefined;
  return async (work) => {
    if (final !== undefined) return final;
    try {
      await work();
      return undefined;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      if (FINAL.has(error.code)) final = error;
      return error;
    }
  };
}

/** The message and its hint, in one line that is safe to print. */
export function describeFailure({ message, hint }: UserError): Safe {
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

/** The code to record: that of all results when they share one, otherwise PARTIAL_FAILURE. */
export function failureOfResults(results: readonly Result[]): FailureCode | undefined {
  const codes = new Set(results.map(({ error }) => error?.code));
  if (codes.size > 1) return 'PARTIAL_FAILURE';
  return [...codes][0];
}
