/** When to try again after a failure: pure arithmetic, so that it can be tested and simulated. */

const FIRST_STEP_MS = 30_000;
const LONGEST_STEP_MS = 3600_000;
/** What a server may ask for at most; a wrong clock or a wrong header must not silence us for good. */
const LONGEST_WAIT_MS = 24 * 3600_000;

export type BackoffReason = 'offline' | 'portal' | 'throttled' | 'unauthorized';

/**
 * Milliseconds to wait after the `streak`th failure in a row (1 is the first). Steps double from 30 s to 1 h,
 * and each try falls at a random point of the second half of its step, so that machines that lost the network
 * together do not come back together. Rejected credentials wait the longest step at once.
 * `retryAfterMs` is a minimum, with up to 20 % on top. `random` is in [0, 1).
 */
export function backoffMs(
  failure: { reason: BackoffReason; streak: number; retryAfterMs: number | undefined },
  random: () => number,
): number {
  const doubled = FIRST_STEP_MS * 2 ** Math.min(failure.streak - 1, 20);
  const step = failure.reason === 'unauthorized' ? LONGEST_STEP_MS : Math.min(doubled, LONGEST_STEP_MS);
  const wait = Math.round(step * (0.5 + random() / 2));
  if (failure.retryAfterMs === undefined) return wait;
  const asked = Math.min(failure.retryAfterMs, LONGEST_WAIT_MS);
  return Math.max(wait, Math.round(asked * (1 + random() / 5)));
}

/**
 * Whether a back-off until `until`, taken at `since`, still holds at `now` (all in ms). A clock that has been
 * set back before `since`, or a time further ahead than any wait can be, is a stepped clock: it holds nobody.
 */
export function isBackingOff(backoff: { since: number; until: number }, now: number): boolean {
  return now >= backoff.since && now < backoff.until && backoff.until - now <= LONGEST_WAIT_MS * 1.2;
}
