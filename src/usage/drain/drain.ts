/**
 * The flusher's loop: bind the unbound, send the aliases one by one, then the captures in batches, until
 * nothing is due or the time is up.
 */
import { FLUSHER } from '../../settings.ts';
import { exportIfDue } from '../append/append.ts';
import { installationOf } from '../spool/spool.ts';
import { nextAlias, type PendingRecord, sealCaptures } from './claim.ts';
import {
  type Draining,
  type DrainOutcome,
  reasonToStop,
  type Sending,
  type Stop,
  send,
  settleDoubted,
} from './deliver.ts';
import { backoffInForce, destinationId } from './destination.ts';
import { persist } from './persist.ts';
import { bindUnbound } from './resolve.ts';

/** Drains until nothing is due. Rejects when the spool fails; what was not settled is sent again. */
export async function drain(draining: Draining): Promise<DrainOutcome> {
  const { spool, leftMs } = draining;
  const early = reasonToStop(draining);
  if (early !== undefined) return early;
  await bindUnbound(spool, draining.resolving, draining.ignoreBackoff);
  exportIfDue(spool, draining.now());
  const destination = destinationId(installationOf(spool), draining.destination);
  if (!draining.ignoreBackoff && backoffInForce(spool, destination, draining.now()) !== null)
    return 'backing off';
  const sending: Sending = {
    ...draining,
    destinationId: destination,
    persist: (work) => persist(leftMs, work),
    failed: false,
    accepted: false,
    doubted: [],
  };
  const stop = (await sendAliases(sending)) ?? (await sendCaptures(sending));
  return stop === 'consent withdrawn' ? stop : ((await settleDoubted(sending)) ?? stop ?? 'drained');
}

/**
 * Alone, each answered before the next and before any capture of its principal: the alias fence. What a power cut
 * could still undo is not told to PostHog, which forgets nothing: whoever recorded the alias may have been killed
 * before it saw to that.
 */
async function sendAliases(sending: Sending): Promise<Stop> {
  let after = 0;
  for (;;) {
    const alias = nextAlias(sending.spool, after);
    if (alias === undefined) return undefined;
    await sending.spool.syncMeanwhile();
    const stop = await send(sending, [alias]);
    if (stop !== undefined) return stop;
    after = alias.id;
  }
}

/**
 * The first batch goes alone: while the network is down, one request finds that out. Where its answer was slow
 * several batches are then under way at once, since PostHog needs no order among captures; where it was fast
 * that would gain nothing, and a crash could leave more than one batch to be sent again. Each is sealed on the disk
 * before it is sent: after a power cut it is sent again as it was.
 */
async function sendCaptures(sending: Sending): Promise<Stop> {
  const limits = { records: FLUSHER.batchRecords, bytes: FLUSHER.batchBytes };
  let after = 0;
  const next = async (): Promise<PendingRecord[]> => {
    const batch = await sending.persist(() => sealCaptures(sending.spool, after, limits));
    after = batch.at(-1)?.id ?? after;
    if (batch.length > 0) await sending.spool.syncMeanwhile();
    return batch;
  };
  const first = await next();
  if (first.length === 0) return undefined;
  const started = performance.now();
  const stop = await send(sending, first);
  if (stop !== undefined) return stop;
  const slow = performance.now() - started >= FLUSHER.slowAnswerMs;
  return await sendTogether(sending, next, slow ? FLUSHER.batchesInFlight : 1);
}

/** Every batch under way is settled before this ends, also when one of them fails. */
async function sendTogether(
  sending: Sending,
  next: () => Promise<PendingRecord[]>,
  together: number,
): Promise<Stop> {
  let stopped: Stop;
  const worker = async (): Promise<void> => {
    try {
      for (let batch = await next(); batch.length > 0 && stopped === undefined; batch = await next()) {
        const stop = await send(sending, batch);
        stopped ??= stop;
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
