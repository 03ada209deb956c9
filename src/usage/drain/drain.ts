/**
 * The flusher's loop: bind the unbound, send the aliases one by one, then the captures in batches, until
 * nothing is due or the time is up.
 */
import { type Destination, FLUSHER } from '../../settings.ts';
import { exportIdentity } from '../identity/export.ts';
import { takeInStep } from '../identity/take-in.ts';
import { backoffInForce, postHogAt } from '../spool/backoff.ts';
import { claimsOf, type PendingRecord } from './claim.ts';
import { type Circuit, type Delivery, openDelivery, reasonToStop, type Stop } from './deliver.ts';
import { bindUnbound, type Resolving } from './resolve.ts';

export interface Draining extends Omit<Circuit, 'target' | 'claims'> {
  readonly destination: Destination;
  readonly resolving: Resolving;
  /** Tries at once, whatever back-off is in force; for a person who asks. */
  readonly ignoreBackoff: boolean;
}

/** Why a drain came to its end. */
export type DrainOutcome = 'drained' | Stop;

/**
 * Drains until nothing is due. The coordinator is asked while what is bound is sent: however long it takes, it holds
 * up no record but its own. Rejects when the spool fails; what was not settled is sent again.
 */
export async function drain(draining: Draining): Promise<DrainOutcome> {
  const { spool, persist } = draining;
  const early = await persist(() => reasonToStop(spool, draining.leftMs));
  if (early !== undefined) return early;
  while ((await persist(() => takeInStep(spool, draining.now()))) > 0);
  const askAboutTheRest = await bindUnbound(draining);
  await persist(() => exportIdentity(spool, draining.now()));
  const [asked, sent] = await Promise.allSettled([askAboutTheRest(), sendDue(draining)]);
  for (const each of [sent, asked]) if (each.status === 'rejected') throw each.reason;
  const [{ value: hasBound }, { value: outcome }] = [asked, sent] as [
    PromiseFulfilledResult<boolean>,
    PromiseFulfilledResult<DrainOutcome>,
  ];
  if (!hasBound) return outcome;
  await persist(() => exportIdentity(spool, draining.now()));
  return outcome === 'drained' ? await sendDue(draining) : outcome;
}

/** Sends what is bound. */
async function sendDue(draining: Draining): Promise<DrainOutcome> {
  const { spool, now } = draining;
  const target = postHogAt(spool, draining.destination);
  if (!draining.ignoreBackoff && backoffInForce(spool, target, now()) !== null) return 'backing off';
  const circuit: Circuit = { ...draining, target, claims: claimsOf(spool, now) };
  const delivery = openDelivery(circuit);
  const stop = (await sendAliases(circuit, delivery)) ?? (await sendCaptures(circuit, delivery));
  if (stop !== 'consent withdrawn') await delivery.finish();
  return stop ?? 'drained';
}

/**
 * Alone, each answered before the next and before any capture of its principal: the alias fence. What a power cut
 * could still undo is not sent to PostHog, which forgets nothing, nor what usage.json does not say yet: with the
 * database lost it would lend the anon_id to another account. The command that recorded the alias may have been killed
 * before it did either.
 */
async function sendAliases(
  { spool, claims, persist, now }: Circuit,
  delivery: Delivery,
): Promise<Stop | undefined> {
  for (;;) {
    const alias = await persist(claims.alias);
    if (alias === undefined) return undefined;
    await persist(() => exportIdentity(spool, now()));
    await spool.syncMeanwhile();
    const stop = await delivery.send([alias]);
    if (stop !== undefined) return stop;
  }
}

/**
 * The first batch goes alone: while the network is down, one request finds that out. Where it was accepted and the
 * answer was slow, several batches are then under way at once, since PostHog needs no order among captures; where it
 * was fast that would gain nothing, and a crash could leave more than one batch to be sent again. Each is sealed on
 * the disk before it is sent: after a power cut it is sent again as it was.
 */
async function sendCaptures(
  { spool, claims, persist }: Circuit,
  delivery: Delivery,
): Promise<Stop | undefined> {
  const limits = { records: FLUSHER.batchRecords, bytes: FLUSHER.batchBytes };
  const next = async (): Promise<PendingRecord[]> => {
    const batch = await persist(() => claims.captures(limits));
    if (batch.length > 0) await spool.syncMeanwhile();
    return batch;
  };
  const first = await next();
  if (first.length === 0) return undefined;
  const started = performance.now();
  const stop = await delivery.send(first);
  if (stop !== undefined) return stop;
  const isSlow = performance.now() - started >= FLUSHER.slowAnswerMs;
  return await sendTogether(delivery, next, isSlow && delivery.accepted ? FLUSHER.batchesInFlight : 1);
}

/** Every batch under way is settled before this ends, also when one of them fails. */
async function sendTogether(
  delivery: Delivery,
  next: () => Promise<PendingRecord[]>,
  together: number,
): Promise<Stop | undefined> {
  let stopped: Stop | undefined;
  const worker = async (): Promise<void> => {
    try {
      while (stopped === undefined) {
        const batch = await next();
        if (batch.length === 0) return;
        stopped ??= await delivery.send(batch);
      }
    } catch (error) {
      stopped ??= 'out of time';
      throw error;
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: together }, worker));
  for (const each of ended) if (each.status === 'rejected') throw each.reason;
  return stopped;
}
