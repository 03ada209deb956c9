/**
 * One drain: bind the unbound, send the aliases one by one, then the captures in batches, until nothing is due or the
 * time is up.
 */
import type { Deliver } from '../../infra/net/posthog.ts';
import { persist } from '../../infra/sqlite/patience.ts';
import { type Destination, FLUSHER } from '../../settings.ts';
import { exportIdentity } from '../identity/export.ts';
import { takeInStep } from '../identity/take-in.ts';
import { backoffInForce, postHogAt } from '../spool/backoff.ts';
import type { Spool } from '../spool/spool.ts';
import { openDelivery, reasonToStop, type Stop } from './deliver.ts';
import { bindUnbound, type InForce } from './resolve.ts';

/** What a drain works with. */
export interface Draining {
  readonly spool: Spool;
  readonly destination: Destination;
  readonly deliver: Deliver;
  /** Reads the credentials; they may be others each time. Never rejects. */
  readonly credentials: () => Promise<InForce>;
  /** The account of the key in the environment, told apart as at append; null when there is none. */
  readonly environment: string | null;
  /** Milliseconds that are left; at 0 no request is begun and those under way are given up. */
  readonly leftMs: () => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly random: () => number;
  /** Called after each batch with how many records were delivered with it. */
  readonly onDelivered?: (records: number) => void;
}

/** Why a drain came to its end: nothing is due, or no further request is made. */
export type DrainOutcome = 'drained' | 'backing off' | 'out of time' | 'consent withdrawn';

/**
 * Sends what is due. The coordinator is asked meanwhile: however long it takes, it holds up no record but its own. What
 * its answer binds is due then, for the next drain. Rejects when the spool fails; what was not settled is sent again.
 */
export async function drain(draining: Draining): Promise<DrainOutcome> {
  const { spool, now } = draining;
  const early = await persist(draining, () => reasonToStop(draining));
  if (early !== undefined) return early;
  while ((await persist(draining, () => takeInStep(spool, now()))) > 0);
  const askAboutTheRest = await bindUnbound(draining);
  await persist(draining, () => exportIdentity(spool, now()));
  const [outcome] = await toTheEnd([sendDue(draining), askAboutTheRest?.()]);
  await persist(draining, () => exportIdentity(spool, now()));
  return outcome;
}

async function sendDue(draining: Draining): Promise<DrainOutcome> {
  const { spool, now } = draining;
  const target = postHogAt(spool, draining.destination);
  if ((await persist(draining, () => backoffInForce(spool, target, now()))) !== null) return 'backing off';
  const delivery = openDelivery(draining, target);
  let stop: Stop | undefined;
  const send = async (kind: 'alias' | 'capture', most = Number.POSITIVE_INFINITY): Promise<void> => {
    for (let sent = 0; sent < most && stop === undefined; sent += 1) {
      const end = await delivery.sendNext(kind);
      if (end === 'drained') return;
      stop ??= end;
    }
  };
  // Alone, each answered before the next and before any capture of its principal: the alias fence.
  await send('alias');
  // The first batch goes alone: while the network is down, one request finds that out. Where it was accepted and the
  // answer was slow, several batches are then under way at once, since PostHog needs no order among captures; where it
  // was fast that would gain nothing, and a crash could leave more than one batch to be sent again.
  await send('capture', 1);
  const isSlow = (delivery.acceptedInMs ?? 0) >= FLUSHER.slowAnswerMs;
  await toTheEnd(Array.from({ length: isSlow ? FLUSHER.batchesInFlight : 1 }, () => send('capture')));
  await delivery.finish();
  return stop ?? 'drained';
}

/** What all of them resolve to. When one of them fails the others come to their end first. */
async function toTheEnd<T extends readonly unknown[] | []>(all: T): ReturnType<typeof Promise.all<T>> {
  await Promise.allSettled(all);
  return await Promise.all(all);
}
