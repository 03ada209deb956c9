/**
 * One batch: sent, and settled by what came of it. A refused one is halved until the bad record stands alone,
 * and a record that is refused alone is quarantined once it is plain that it is PostHog that refuses it.
 */
import type { Deliverer } from '../../infra/net/posthog.ts';
import { type Destination, FLUSHER } from '../../settings.ts';
import { installationOf, isRefused, type Spool } from '../spool/spool.ts';
import { type PendingRecord, sealNewest, wireRecord } from './claim.ts';
import type { Resolving } from './resolve.ts';
import { backOff, divide, doubtsOf, quarantine, settleDelivered, type Try } from './settle.ts';

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

/** A drain under way. */
export interface Sending extends Draining {
  readonly destinationId: string;
  readonly persist: <T>(work: () => T) => Promise<T>;
  /** A batch of this drain has already met a failure: the others meet the same one. */
  failed: boolean;
  /** PostHog has taken something in this drain, so it is PostHog that refuses the rest. */
  accepted: boolean;
  /** What was refused alone before that. */
  readonly doubted: { readonly record: PendingRecord; readonly tried: Try }[];
}

export type Stop = Exclude<DrainOutcome, 'drained'> | undefined;

/** Looked at before each request. */
export function reasonToStop({ spool, leftMs }: Draining): Stop {
  if (installationOf(spool).consent === 0 || isRefused(spool.directory)) return 'consent withdrawn';
  return leftMs() <= 0 ? 'out of time' : undefined;
}

/**
 * Sends a batch and settles it. PostHog refuses a batch as a whole for one bad record, so a refused one is
 * halved until the bad record stands alone.
 */
export async function send(sending: Sending, records: readonly PendingRecord[]): Promise<Stop> {
  const stop = reasonToStop(sending);
  if (stop !== undefined) return stop;
  const tried = await deliver(sending, records);
  switch (tried.answer.kind) {
    case 'accepted':
      sending.accepted = true;
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
  await putOff(sending, records, tried);
  return 'backing off';
}

async function putOff(sending: Sending, records: readonly PendingRecord[], tried: Try): Promise<void> {
  const { spool, destinationId: destination, random } = sending;
  const afterFailure = sending.failed;
  sending.failed = true;
  await sending.persist(() => backOff(spool, records, { ...tried, afterFailure }, { destination, random }));
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
  if (records.length === 1 && first !== undefined) return await refuse(sending, first, tried);
  const middle = Math.ceil(records.length / 2);
  const halves = [records.slice(0, middle), records.slice(middle)];
  await sending.persist(() => divide(sending.spool, halves, tried));
  for (const half of halves) {
    const stop = await send(sending, half);
    if (stop !== undefined) return stop;
  }
  return undefined;
}

/** After so many lone refusals it is tried whether PostHog takes anything at all. */
const MOST_DOUBTED = 8;
/** After so many drains, half a minute apart or more, a refusal is believed even if PostHog takes nothing else. */
const BELIEVED_AT = 3;
const DOUBT_MS = 30_000;

/**
 * A proxy that answers 400 to everything would empty the queue into the quarantine. A lone refusal is therefore
 * believed once PostHog has taken something in this drain, before or after it. Where many are refused in a row
 * the newest capture is tried, so that bad records in front do not hold up the good ones behind them.
 */
async function refuse(sending: Sending, record: PendingRecord, tried: Try): Promise<Stop> {
  const { spool, accepted, doubted } = sending;
  if (accepted || doubtsOf(spool, record, tried.at - DOUBT_MS) >= BELIEVED_AT - 1) {
    await sending.persist(() => quarantine(spool, record, tried));
    return undefined;
  }
  doubted.push({ record, tried });
  if (doubted.length < MOST_DOUBTED) return undefined;
  if (doubted.length > MOST_DOUBTED) return 'backing off';
  const newest = await sending.persist(() => sealNewest(spool));
  return newest === undefined ? 'backing off' : await send(sending, [newest]);
}

/** A flusher that dies before this only leaves the records to be asked about again, each alone. */
export async function settleDoubted(sending: Sending): Promise<Stop> {
  const { spool, accepted, doubted } = sending;
  for (const { record, tried } of accepted ? doubted : [])
    await sending.persist(() => quarantine(spool, record, tried));
  const [first] = doubted;
  if (accepted || first === undefined) return undefined;
  const { answer } = first.tried;
  const doubt: Try = { ...first.tried, answer: { kind: 'doubted', status: answer.status ?? 400 } };
  await putOff(
    sending,
    doubted.map(({ record }) => record),
    doubt,
  );
  return 'backing off';
}
