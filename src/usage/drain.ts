/**
 * The flusher's loop: bind the unbound, send the aliases one by one, then the captures in batches, until
 * nothing is due or the time is up.
 */
import type { Deliverer } from '../infra/posthog.ts';
import { type Destination, FLUSHER } from '../settings.ts';
import { exportIfDue } from './append.ts';
import { backoffInForce, destinationId } from './destination.ts';
import {
  backOff,
  nextAlias,
  noteRefusal,
  type PendingRecord,
  quarantine,
  sealCaptures,
  settleDelivered,
  wireRecord,
} from './outbox.ts';
import { bindUnbound, type Resolving } from './resolve.ts';
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
  /** Told after each batch that was accepted. */
  readonly onDelivered: (records: number) => void;
}

/** Why a drain came to its end. */
export type DrainOutcome = 'drained' | 'backing off' | 'out of time' | 'consent withdrawn';

/** Drains until nothing is due. Rejects when the spool fails; what was not settled is sent again. */
export async function drain(draining: Draining): Promise<DrainOutcome> {
  const { spool } = draining;
  const stop = reasonToStop(draining);
  if (stop !== undefined) return stop;
  await bindUnbound(spool, draining.resolving);
  exportIfDue(spool);
  const destination = destinationId(installationOf(spool), draining.destination);
  if (!draining.ignoreBackoff && backoffInForce(spool, destination, draining.now()) !== null)
    return 'backing off';
  const sending = { ...draining, destinationId: destination };
  return (await sendAliases(sending)) ?? (await sendCaptures(sending)) ?? 'drained';
}

interface Sending extends Draining {
  readonly destinationId: string;
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

/** PostHog needs no order among captures, so several batches are under way at once. */
async function sendCaptures(sending: Sending): Promise<Stop> {
  const limits = { records: FLUSHER.batchRecords, bytes: FLUSHER.batchBytes };
  let after = 0;
  let stopped: Stop;
  const worker = async (): Promise<void> => {
    while (stopped === undefined) {
      const batch = sealCaptures(sending.spool, after, limits);
      const last = batch.at(-1);
      if (last === undefined) return;
      after = last.id;
      const stop = await send(sending, batch);
      stopped ??= stop;
    }
  };
  await Promise.all(Array.from({ length: FLUSHER.batchesInFlight }, worker));
  return stopped;
}

/**
 * Sends a batch and settles it. PostHog refuses a batch as a whole for one bad record, so a refused one is
 * halved until the bad record stands alone.
 */
async function send(sending: Sending, records: readonly PendingRecord[]): Promise<Stop> {
  const stop = reasonToStop(sending);
  if (stop !== undefined) return stop;
  const at = sending.now();
  const started = performance.now();
  const limitMs = Math.min(FLUSHER.requestMs, sending.leftMs());
  const answer = await sending.deliverer.deliver(records.map(wireRecord), limitMs);
  const tried = { at, until: sending.now(), durationMs: performance.now() - started, answer };
  switch (answer.kind) {
    case 'accepted':
      settleDelivered(sending.spool, records, tried);
      sending.onDelivered(records.length);
      return undefined;
    case 'invalid':
    case 'too-large':
      return await divide(sending, records, tried);
    case 'offline':
      // A request that our own time limit cut short says nothing about the network.
      if (sending.leftMs() <= 0) return 'out of time';
      backOff(sending.spool, records, tried, { destination: sending.destinationId, random: sending.random });
      return 'backing off';
    default:
      backOff(sending.spool, records, tried, { destination: sending.destinationId, random: sending.random });
      return 'backing off';
  }
}

type Tried = Parameters<typeof noteRefusal>[2];

async function divide(sending: Sending, records: readonly PendingRecord[], tried: Tried): Promise<Stop> {
  const [first] = records;
  if (records.length === 1 && first !== undefined) {
    quarantine(sending.spool, first, tried);
    return undefined;
  }
  noteRefusal(sending.spool, records, tried);
  const middle = Math.ceil(records.length / 2);
  return (await send(sending, records.slice(0, middle))) ?? (await send(sending, records.slice(middle)));
}
