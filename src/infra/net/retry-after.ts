/** `Retry-After`: what it means, and waiting as long as it says. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpAnswer } from './network.ts';

/** Milliseconds that a `Retry-After` header (RFC 9110, 10.2.3: seconds or a date) asks for. */
export function retryAfterMs(header: string | null | undefined, now: number): number | undefined {
  const text = header?.trim();
  if (!text) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Time that a request needs after a pause. */
const ROOM_MS = 1_000;

/** Pauses by origin, for all requests of this process. */
const pauses = new Map<string, { readonly until: number; readonly answer: HttpAnswer }>();

/**
 * Notes a 429 or 503 with `Retry-After` as a pause for all requests to `origin`, of `leastMs` at least; false
 * for any other answer.
 */
export function notePause(origin: string, answer: HttpAnswer, leastMs: number): boolean {
  if (answer.status !== 429 && answer.status !== 503) return false;
  const told = retryAfterMs(answer.retryAfter, Date.now());
  if (told === undefined) return false;
  const until = performance.now() + Math.max(told, leastMs);
  if (until > (pauses.get(origin)?.until ?? 0)) pauses.set(origin, { until, answer });
  return true;
}

/**
 * Waits until no pause of `origin` is left. Resolves to the answer that asked for the pause if it ends too late for a
 * request that must end at `deadline` (of `performance.now()`).
 */
export async function waitOutPause(origin: string, deadline: number): Promise<HttpAnswer | undefined> {
  for (;;) {
    const pause = pauses.get(origin);
    const left = (pause?.until ?? 0) - performance.now();
    if (pause === undefined || left <= 0) return undefined;
    if (pause.until > deadline - ROOM_MS) return pause.answer;
    await sleep(left);
  }
}
