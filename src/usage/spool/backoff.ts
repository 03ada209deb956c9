/** When PostHog or the coordinator may be asked again after a failure: the arithmetic, and the rows that remember it. */
import type { Destination } from '../../settings.ts';
import { fingerprintBy } from './key.ts';
import type { Spool } from './spool.ts';

const FIRST_STEP_MS = 30_000;
const LONGEST_STEP_MS = 3600_000;
/** What a server may ask for at most; a wrong clock or a wrong header must not silence us for good. */
const LONGEST_WAIT_MS = 24 * 3600_000;
/** A call of a command says something new about the network only this long after the failure. */
const EVIDENCE_AFTER_MS = 10_000;

/**
 * `offline`: no answer. `portal`: an answer that is not PostHog's. `throttled`, `unauthorized`: PostHog asked to wait,
 * or does not take the project key. `rejected`: everything is rejected, as by a proxy. `proxy`: the address of the
 * proxy cannot be used.
 */
export type BackoffReason = 'offline' | 'portal' | 'throttled' | 'unauthorized' | 'rejected' | 'proxy';

/** Times are ms since the epoch. */
export interface Backoff {
  /** The moment of the failure. */
  readonly since: number;
  readonly until: number;
  readonly reason: BackoffReason;
  /** The HTTP status; null without an answer. */
  readonly status: number | null;
  /** Failures in a row. */
  readonly streak: number;
}

/** Who is left alone. */
export interface Target {
  readonly name: 'posthog' | 'coordinator';
  /** A back-off holds for this destination alone: another host or key starts without one. */
  readonly destination: string;
}

export const COORDINATOR: Target = { name: 'coordinator', destination: '' };

/** PostHog at `destination`, without host or key: what is stored says nothing about them. */
export function postHogAt(spool: Spool, destination: Destination): Target {
  const text = JSON.stringify([destination.host, destination.apiKey ?? null]);
  return { name: 'posthog', destination: fingerprintBy<never>(spool.key(), text) };
}

/** The stored back-off, whether or not it still holds; null when there is none. */
export function backoffOf(spool: Spool, target: Target): Backoff | null {
  const sql = 'SELECT since, until, reason, status, streak FROM backoff WHERE target = ? AND destination = ?';
  return (spool.statement(sql).get(target.name, target.destination) as Backoff | undefined) ?? null;
}

/**
 * The back-off that forbids an attempt at `now` (ms since the epoch), or null. A clock that was set back before the
 * failure, or a time further ahead than any wait can be, is a clock that was set: it holds up no attempt.
 */
export function backoffInForce(spool: Spool, target: Target, now: number): Backoff | null {
  const backoff = backoffOf(spool, target);
  if (backoff === null || now < backoff.since || now >= backoff.until) return null;
  return backoff.until - now <= LONGEST_WAIT_MS * 1.2 ? backoff : null;
}

/** After a success. */
export function endBackoff(spool: Spool, { name }: Target): void {
  spool.statement('DELETE FROM backoff WHERE target = ?').run(name);
}

interface Failure extends Pick<Backoff, 'reason' | 'status'> {
  /** What a `Retry-After` header asks for, in ms. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * Remembers a failure at `at`, ms since the epoch. While a back-off is in force, as after another failure of the same
 * drain, it is no further one, and the longest of the waits holds.
 */
export function backOff(
  spool: Spool,
  target: Target,
  failure: Failure,
  { at, random }: { at: number; random: () => number },
): void {
  const inForce = backoffInForce(spool, target, at);
  const streak = inForce?.streak ?? (backoffOf(spool, target)?.streak ?? 0) + 1;
  const until = at + backoffMs({ ...failure, streak }, random);
  if (inForce !== null && inForce.until >= until) return;
  spool
    .statement(
      `INSERT OR REPLACE INTO backoff (target, destination, since, until, reason, status, streak)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(target.name, target.destination, at, until, failure.reason, failure.status, streak);
}

/**
 * Brings the next attempt forward to `now`, after a call of a command that got through, and tells whether it did. Only
 * where the network was what failed, and not before `hasteningFrom`: minutes after the network
 * is back everything is sent, and a destination that stays away costs eight flushers an hour at most.
 */
export function hasten(spool: Spool, target: Target, backoff: Backoff, now: number): boolean {
  const isOffline = ['offline', 'portal', 'proxy'].includes(backoff.reason);
  if (!isOffline || now < hasteningFrom(backoff)) return false;
  spool.statement('UPDATE backoff SET until = ? WHERE target = ?').run(now, target.name);
  return true;
}

/**
 * From when on a call that got through hastens, ms since the epoch: between an eighth and a quarter of the step after
 * the failure, as the random point of the back-off has it. Else machines whose commands get through all the time would
 * come back in the same second (`test/bench/fleet.ts`).
 */
export function hasteningFrom(backoff: Omit<Backoff, 'status'>): number {
  const step = stepMs(backoff);
  const spread = Math.min(1, Math.max(0, (2 * (backoff.until - backoff.since)) / step - 1));
  return backoff.since + Math.max(EVIDENCE_AFTER_MS, (step / 8) * (1 + spread));
}

/** Steps double from 30 s to 1 h. A project key that was rejected waits the longest step at once. */
function stepMs({ reason, streak }: Pick<Backoff, 'reason' | 'streak'>): number {
  if (reason === 'unauthorized') return LONGEST_STEP_MS;
  return Math.min(FIRST_STEP_MS * 2 ** Math.min(streak - 1, 20), LONGEST_STEP_MS);
}

/**
 * Milliseconds to wait after the `streak`th failure in a row (1 is the first). Each attempt falls at a random point of
 * the second half of its step, so that machines that lost the network together do not come back together.
 * `retryAfterMs` is a minimum, with up to 20 % on top. `random` is in [0, 1).
 */
export function backoffMs(
  failure: { reason: BackoffReason; streak: number; retryAfterMs?: number | undefined },
  random: () => number,
): number {
  const wait = Math.round(stepMs(failure) * (0.5 + random() / 2));
  if (failure.retryAfterMs === undefined) return wait;
  const asked = Math.min(failure.retryAfterMs, LONGEST_WAIT_MS);
  return Math.max(wait, Math.round(asked * (1 + random() / 5)));
}
