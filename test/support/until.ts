/** The one way in which tests wait: for a condition, never for a length of time. */
import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 10;

/**
 * Polls `condition` until it is truthy and resolves to what it returned; throws, naming `what`, when
 * `timeoutMs` (60 s, for a busy machine) has passed. An error thrown by the condition itself ends the wait at once.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: { timeoutMs?: number; what?: string } = {},
): Promise<Exclude<T, false | null | undefined>> {
  const { timeoutMs = 60_000, what = 'the condition' } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value as Exclude<T, false | null | undefined>;
    if (performance.now() >= deadline) throw new Error(`gave up after ${timeoutMs} ms waiting for ${what}`);
    await pause(POLL_MS);
  }
}
