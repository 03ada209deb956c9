/** A queue far beyond any bound, for the flusher that meets it. */
import type { Verdict } from './deadlines.ts';
import { accountOf, startFlusher } from './flusher.ts';
import { startPostHog } from './posthog.ts';
import { fillSpool } from './queue.ts';
import { openSandbox, removeHome } from './sandbox.ts';

interface BigQueue {
  /** Fills it up again and runs one flusher against a PostHog that takes `delayMs` for each answer. */
  drain(delayMs: number): Promise<Verdict & { readonly delivered: number }>;
  remove(): Promise<void>;
}

/** Fills a spool with `records`, its bound raised above them. */
export function openBigQueue(records: number): BigQueue {
  const home = openSandbox();
  fillSpool(home.directory, records);
  return {
    drain: async (delayMs) => {
      const posthog = await startPostHog();
      posthog.fault({ kind: 'delay', ms: delayMs }, Number.POSITIVE_INFINITY);
      const before = accountOf(home);
      fillSpool(home.directory, records - before.pending);
      const ended = await startFlusher(home, {
        ...posthog.env,
        ARCADE_USAGE_MAX_RECORDS: String(2 * records),
      }).ended;
      const { recorded, delivered, pending } = accountOf(home);
      const stored = posthog.stored();
      const distinct = new Set(stored.map(({ uuid }) => uuid)).size;
      await posthog.close();
      return {
        ...ended,
        // Settled and not at the server, or no longer in the books.
        lost: Math.max(0, delivered - before.delivered - distinct) + (recorded - delivered - pending),
        delivered: delivered - before.delivered,
        copies: posthog.duplicates(),
        duplicates: stored.length - distinct,
      };
    },
    remove: () => removeHome(home),
  };
}
