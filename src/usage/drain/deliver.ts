/**
 * One batch: sent, and settled by its answer. PostHog rejects a batch as a whole for one bad record: it is halved
 * until the bad record stands alone. The circuit breaker decides what a record that is rejected alone is worth.
 */
import { stayLean } from '../../infra/os/detached.ts';
import { persist } from '../../infra/sqlite/patience.ts';
import { FLUSHER } from '../../settings.ts';
import { wireRecord } from '../event/wire.ts';
import { exportIdentity } from '../identity/export.ts';
import { type BackoffReason, backOff, endBackoff, type Target } from '../spool/backoff.ts';
import { isRecordingAllowed } from '../spool/spool.ts';
import { claimsOf, type PendingRecord } from './claim.ts';
import type { Draining, DrainOutcome } from './drain.ts';
import { type Attempt, noteAttempts, noteHalf, quarantine, settleDelivered } from './settle.ts';

/** Why no further request is made. */
export type Stop = Exclude<DrainOutcome, 'drained'>;

export interface Delivery {
  /** Sends the next batch of a kind and settles it. 'drained' when there is none; undefined where more may be sent. */
  sendNext(kind: PendingRecord['kind']): Promise<DrainOutcome | undefined>;
  /** At the end of a drain: what was rejected alone is believed, unless it was too much for that. */
  finish(): Promise<void>;
  /** How long PostHog took for the last batch that it accepted; undefined: it has accepted none. */
  readonly acceptedInMs: number | undefined;
}

/** After so many lone rejections, and nothing accepted, one more record decides who it is that rejects. */
const TRIPS_AT = 8;

/** Whether the time is up, and what ended just now was ended by that: a timer may come a moment early. */
export function isTimeUp({ leftMs }: Pick<Draining, 'leftMs'>): boolean {
  return leftMs() < 2;
}

/** Looked at before each request. */
export function reasonToStop(draining: Pick<Draining, 'spool' | 'leftMs'>): Stop | undefined {
  if (!isRecordingAllowed(draining.spool)) return 'consent withdrawn';
  return isTimeUp(draining) ? 'out of time' : undefined;
}

/** The deliveries of one drain to `target`. */
export function openDelivery(draining: Draining, target: Target): Delivery {
  const { spool, leftMs, now, random } = draining;
  const claims = claimsOf(spool, now);
  let failed = false;
  let acceptedInMs: number | undefined;
  /** Rejected alone, while nothing was accepted. */
  let held: readonly PendingRecord[] = [];

  async function send(claim: () => readonly PendingRecord[]): Promise<DrainOutcome | undefined> {
    const records = await persist(draining, claim);
    const [first] = records;
    if (first === undefined) return 'drained';
    if (records.length === FLUSHER.batchRecords) stayLean();
    // An alias is sent only once usage.json states its link: else, with the database lost, another account could take
    // up the anon_id. The command that recorded it may have been killed before it exported.
    if (first.kind === 'alias') await persist(draining, () => exportIdentity(spool, now()));
    // What a power cut could still undo is not sent to PostHog, which forgets nothing.
    await spool.syncMeanwhile();
    const stop = await persist(draining, () => reasonToStop(draining));
    if (stop !== undefined) return stop;
    const attempt = await deliver(records);
    switch (attempt.answer.kind) {
      case 'accepted':
        return await accept(records, attempt);
      case 'invalid':
      case 'too-large':
        return records.length === 1 ? await rejectAlone(first, attempt) : await split(records, attempt);
      case 'offline':
        // A request that our own time limit cut short says nothing about the network.
        if (isTimeUp(draining)) return 'out of time';
    }
    return await fail(records, attempt, attempt.answer.kind);
  }

  async function deliver(records: readonly PendingRecord[]): Promise<Attempt> {
    const at = now();
    const started = performance.now();
    const limitMs = Math.min(FLUSHER.requestMs, leftMs());
    const answer = await draining.deliver(records.map(wireRecord), limitMs);
    return { at, durationMs: performance.now() - started, answer };
  }

  /** Notes an attempt and does what follows from its answer, in one transaction. */
  function settle<T>(records: readonly PendingRecord[], attempt: Attempt, work: () => T): Promise<T> {
    return persist(draining, () =>
      spool.transaction(() => {
        noteAttempts(spool, records, attempt);
        return work();
      }),
    );
  }

  async function accept(records: readonly PendingRecord[], attempt: Attempt): Promise<undefined> {
    acceptedInMs = attempt.durationMs;
    const delivered = await settle(records, attempt, () => {
      // A back-off that another batch of this drain has just met stays.
      if (!failed) endBackoff(spool, target);
      believe();
      return settleDelivered(spool, records, now());
    });
    held = [];
    draining.onDelivered?.(delivered);
  }

  async function split(records: readonly PendingRecord[], attempt: Attempt): Promise<Stop | undefined> {
    const middle = Math.ceil(records.length / 2);
    const halves = [records.slice(0, middle), records.slice(middle)];
    await settle(records, attempt, () => {
      for (const half of halves) noteHalf(spool, half);
    });
    for (const half of halves) {
      const stop = await send(() => claims.again(half));
      if (stop !== undefined && stop !== 'drained') return stop;
    }
    return undefined;
  }

  /**
   * A proxy that answers 400 to everything would empty the queue into the quarantine. Until PostHog has accepted
   * something, lone rejections are held; at the eighth the newest capture decides. No server and no proxy takes a batch
   * for too large that has one record: that is believed at once.
   */
  async function rejectAlone(record: PendingRecord, attempt: Attempt): Promise<Stop | undefined> {
    const isTooLarge = attempt.answer.kind === 'too-large';
    const isBelieved = isTooLarge || acceptedInMs !== undefined;
    await settle([record], attempt, () => {
      if (isBelieved) quarantine(spool, record, isTooLarge ? 'too large' : REJECTED, now());
    });
    if (isBelieved) return undefined;
    held = [...held, record];
    if (held.length < TRIPS_AT) return undefined;
    const end = held.length > TRIPS_AT ? 'drained' : await send(() => claims.newest(held));
    return end === 'drained' ? await fail([], attempt, 'rejected') : end;
  }

  async function fail(
    records: readonly PendingRecord[],
    attempt: Attempt,
    reason: BackoffReason,
  ): Promise<Stop> {
    failed = true;
    const { answer } = attempt;
    const retryAfterMs = answer.kind === 'throttled' ? answer.retryAfterMs : undefined;
    const failure = { reason, status: answer.status, retryAfterMs };
    await settle(records, attempt, () => backOff(spool, target, failure, { at: now(), random }));
    return 'backing off';
  }

  function believe(): void {
    for (const record of held) quarantine(spool, record, REJECTED, now());
  }

  return {
    sendNext: (kind) => send(() => claims.next(kind)),
    async finish() {
      if (held.length > 0 && held.length < TRIPS_AT)
        await persist(draining, () => spool.transaction(believe));
    },
    get acceptedInMs() {
      return acceptedInMs;
    },
  };
}

const REJECTED = 'refused by PostHog';
