/** Reading the spool for a person. */
import { UserError } from '../../errors.ts';
import { inspect } from '../../usage/inspect.ts';
import type { Spool } from '../../usage/spool.ts';
import type { Invocation } from '../command.ts';

/** Reads with `look`; undefined when nothing has been recorded yet. Throws UserError when the spool cannot be read. */
export function readSpool<T>({ settings }: Invocation, look: (spool: Spool) => T): T | undefined {
  try {
    return inspect(settings, look);
  } catch (cause) {
    throw new UserError('UNEXPECTED', 'The usage spool cannot be read.', {
      hint: 'It may be damaged, locked, or of a newer version of this program; commands work all the same.',
      cause,
    });
  }
}

/** An instant for JSON. */
export function isoTime(at: number): string {
  return new Date(at).toISOString();
}

/** How long ago, or ahead, in words: "3 min ago", "in 40 s". `at` and `now` in ms. */
export function relativeTime(at: number, now: number): string {
  const words = duration(Math.abs(now - at));
  return at <= now ? `${words} ago` : `in ${words}`;
}

function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
