/**
 * One drain: bind the unbound, send the aliases one by one, then the captures in batches, until nothing is due or the
 * time is up.
 */
import type { Deliver } from '../../infra/net/posthog.ts';
import { stayLean } from '../../infra/os/detached.ts';
import { persist } from '../../infra/sqlite/patience.ts';
import { type Destination, FLUSHER } from '../../settings.ts';
import { exportIdentity } from '../identity/export.ts';
import { takeInStep } from '../identity/take-in.ts';
import { backoffInForce, postHogAt } from '../spool/backoff.ts';
import type { Spool } from '../spool/spool.ts';
import { claimsOf, type PendingRecord } from './claim.ts';
import { type Delivery, openDelivery, reasonToStop, type Stop } from './deliver.ts';
import { bindUnbound, type Resolving } from './resolve.ts';

/** What a drain works with. */
export interface Draining {
  readonly spool: Spool;
  readonly destination: Destination;
  readonly deliver: Deliver;
  readonly resolving: Resolving;
  /** Tries at once, whatever back-off is in force; for a person who asks. */
  readonly ignoreBackoff: boolean;
  /** Milliseconds that are left; at 0 no request is begun and those under way are given up. */
  readonly leftMs: () => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly random: () => number;
  /** Called after each batch with how many records were delivered with it. */
  readonly onDelivered: (records: number) => void;
}

/** Why a drain came to its end. */
export type DrainOutcome = 'drained' | Stop;

/**
 * Drains until nothing is due. The coordinator is asked while what is bound is sent: however long it takes, it holds
 * up no record but its own. Rejects when the spool fails; what was not settled is sent again.
 */
export async function drain(draining: Draining): Promise<DrainOutcome> {
  const { spool, now } = draining;
  const early = await persist(draining, () => reasonToStop(draining));
  if (early !== undefined) return early;
  while ((await persist(draining, () => takeInStep(spool, now()))) > 0);
  const askAboutTheRest = await bindUnbound(draining);
  await persist(draining, () => exportIdentity(spool, now()));
  const both = [sendDue(draining), askAboutTheRest()] as const;
  // To the end of both, also when one of them fails.
  await Promise.allSettled(both);
  const [outcome, hasBound] = await Promise.all(both);
  if (!hasBound) return outcome;
  await persist(draining, () => exportIdentity(spool, now()));
  return outcome === 'drained' ? await sendDue(draining) : outcome;
}

/** Sends what is bound. */
async function sendDue(draining: Draining): Promise<DrainOutcome> {
  const { spool, now } = draining;
  const target = postHogAt(spool, draining.destination);
  const backoff = await persist(draining, () => backoffInForce(spool, target, now()));
  if (!draining.ignoreBackoff && backoff !== null) return 'backing off';
  const claims = claimsOf(spool, now);
  const delivery = openDelivery(draining, target, claims);
  const next = async (kind: PendingRecord['kind']): Promise<PendingRecord[]> => {
    const batch = await persist(draining, () => claims.next(kind));
    if (batch.length === 0) return batch;
    // Nor is an alias sent that usage.json does not say yet: with the database lost it would lend the anon_id to
    // another account. The command that recorded it may have been killed before it exported.
    if (kind === 'alias') await persist(draining, () => exportIdentity(spool, now()));
    // What a power cut could still undo is not sent to PostHog, which forgets nothing.
    await spool.syncMeanwhile();
    return batch;
  };
  const stop =
    (await sendAliases(() => next('alias'), delivery)) ??
    (await sendCaptures(() => next('capture'), delivery));
  if (stop !== 'consent withdrawn') await delivery.finish();
  return stop ?? 'drained';
}

type Next = () => Promise<PendingRecord[]>;

/** Alone, each answered before the next and before any capture of its principal: the alias fence. */
async function sendAliases(next: Next, delivery: Delivery): Promise<Stop | undefined> {
  for (let alias = await next(); alias.length > 0; alias = await next()) {
    const stop = await delivery.send(alias);
    if (stop !== undefined) return stop;
  }
  return undefined;
}

/**
 * The first batch goes alone: while the network is down, one request finds that out. Where it was accepted and the
 * answer was slow, several batches are then under way at once, since PostHog needs no order among captures; where it
 * was fast that would gain nothing, and a crash could leave more than one batch to be sent again.
 */
async function sendCaptures(next: Next, delivery: Delivery): Promise<Stop | undefined> {
  const first = await next();
  if (first.length === 0) return undefined;
  if (first.length === FLUSHER.batchRecords) stayLean();
  const started = performance.now();
  let stopped = await delivery.send(first);
  const isSlow = performance.now() - started >= FLUSHER.slowAnswerMs;
  const worker = async (): Promise<void> => {
    try {
      while (stopped === undefined) {
        const batch = await next();
        if (batch.length === 0) return;
        const stop = await delivery.send(batch);
        stopped ??= stop;
      }
    } catch (error) {
      stopped ??= 'out of time';
      throw error;
    }
  };
  const together = isSlow && delivery.accepted ? FLUSHER.batchesInFlight : 1;
  const workers = Array.from({ length: together }, worker);
  // Every batch under way is settled first, also when one of them fails.
  await Promise.allSettled(workers);
  await Promise.all(workers);
  return stopped;
}
