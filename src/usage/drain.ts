/**
 * The flusher's loop: bind the unbound, send the aliases one by one, then the captures in batches, until
 * nothing is due or the time is up.
 */
import type { Deliverer } from '../infra/posthog.ts';
import { type Destination, FLUSHER } from '../settings.ts';
import { exportIfDue } from './append.ts';
import { backoffInForce, destinationId } from './destination.ts';
import { nextAlias, type PendingRecord, sealCaptures, wireRecord } from './outbox.ts';
import { persist } from './persist.ts';
import { bindUnbound, type Resolving } from './resolve.ts';
import { backOff, divide, quarantine, settleDelivered, type Try } from './settle.ts';
import { installationOf, type Spool } from './spool.ts';

export interface Draining {
  readonly spool: Spool;
  readonly destination: Destination;
  readonly deliverer: Deliverer;
  readonly resolving: Resolving;
  /** Tries at once, whatever back-off is in force; for a person who asks. */
  readonly ignoreBackoff: boolean;
  /** Milliseconds that are left; at 0 no request is begun and those under way are given up. */
  readonly leftMs: () => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly random: () => number;
  /** Told after each batch how many records were delivered with it. */
  readonly onDelivered: (records: number) => void;
}

/** Why a drain came to its end. */
export type DrainOutcome = 'drained' | 'backing off' | 'out of time' | 'consent withdrawn';

/** Drains until nothing is due. Rejects when the spool fails; what was not settled is sent again. */
export async function drain(draining: Draining): Promise<DrainOutcome> {
  const { spool, leftMs } = draining;
  const stop = reasonToStop(draining);
  if (stop !== undefined) return stop;
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
  };
  return (await sendAliases(sending)) ?? (await sendCaptures(sending)) ?? 'drained';
}

interface Sending extends Draining {
  readonly destinationId: string;
  readonly persist: <T>(work: () => T) => Promise<T>;
  /** A batch of this drain has already met a failure: the others meet the same one. */
  failed: boolean;
}

type Stop = Exclude<DrainOutcome, 'drained'> | undefined;

function reasonToStop({ spool, leftMs }: Draining): Stop {
  if (installationOf(spool).consent === 0) return 'consent withdrawn';
  return leftMs() <= 0 ? 'out of time' : undefined;
}

/** Alone, each answered before the next and before any capture of its principal: the alias fence. */
async function sendAliases(sending: Sending): Promise<Stop> {
  let after = 0;
  for (;;) {
    const alias = nextAlias(sending.spool, after);
    if (alias === undefined) return undefined;
    const stop = await send(sending, [alias]);
    if (stop !== undefined) return stop;
    after = alias.id;
  }
}

/**
 * The first batch goes alone: while the network is down, one request finds that out. Where its answer was slow
 * several batches are then under way at once, since PostHog needs no order among captures; where it was fast
 * that would gain nothing, and a crash could leave more than one batch to be sent again.
 */
async function sendCaptures(sending: Sending): Promise<Stop> {
  const limits = { records: FLUSHER.batchRecords, bytes: FLUSHER.batchBytes };
  let after = 0;
  const next = (): Promise<PendingRecord[]> =>
    sending.persist(() => {
      const batch = sealCaptures(sending.spool, after, limits);
      after = batch.at(-1)?.id ?? after;
      return batch;
    });
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

/**
 * Sends a batch and settles it. PostHog refuses a batch as a whole for one bad record, so a refused one is
 * halved until the bad record stands alone.
 */
async function send(sending: Sending, records: readonly PendingRecord[]): Promise<Stop> {
  const stop = reasonToStop(sending);
  if (stop !== undefined) return stop;
  const tried = await deliver(sending, records);
  switch (tried.answer.kind) {
    case 'accepted':
      sending.onDelivered(await sending.persist(() => settleDelivered(sending.spool, records, tried)));
      return undefined;
    case 'invalid':
    case 'too-large':
      return await sendHalves(sending, records, tried);
    case 'offline':
      // A request that our own time limit cut short says nothing about the network.
      if (sending.leftMs() <= 0) return 'out of time';
      break;
  }
  const { destinationId: destination, random } = sending;
  const afterFailure = sending.failed;
  sending.failed = true;
  await sending.persist(() =>
    backOff(sending.spool, records, { ...tried, afterFailure }, { destination, random }),
  );
  return 'backing off';
}

async function deliver(sending: Sending, records: readonly PendingRecord[]): Promise<Try> {
  const at = sending.now();
  const started = performance.now();
  const limitMs = Math.min(FLUSHER.requestMs, sending.leftMs());
  const answer = await sending.deliverer.deliver(records.map(wireRecord), limitMs);
  const durationMs = performance.now() - started;
  return { at, until: sending.now(), durationMs, answer, afterFailure: sending.failed };
}

async function sendHalves(sending: Sending, records: readonly PendingRecord[], tried: Try): Promise<Stop> {
  const [first] = records;
  if (records.length === 1 && first !== undefined) {
    await sending.persist(() => quarantine(sending.spool, first, tried));
    return undefined;
  }
  const middle = Math.ceil(records.length / 2);
  const halves = [records.slice(0, middle), records.slice(middle)];
  await sending.persist(() => divide(sending.spool, halves, tried));
  for (const half of halves) {
    const stop = await send(sending, half);
    if (stop !== undefined) return stop;
  }
  return undefined;
}
