/**
 * One batch: sent, and settled by its answer. PostHog rejects a batch as a whole for one bad record: it is halved
 * until the bad record stands alone. The circuit breaker decides what a record that is rejected alone is worth.
 */
import { persist } from '../../infra/sqlite/patience.ts';
import { FLUSHER } from '../../settings.ts';
import { wireRecord } from '../event/wire.ts';
import type { Target } from '../spool/backoff.ts';
import { isRecordingAllowed } from '../spool/spool.ts';
import type { Claims, PendingRecord } from './claim.ts';
import type { Draining } from './drain.ts';
import { type Attempt, putOff, settleDelivered, settleRejected, settleSplit } from './settle.ts';

/** Why no further request is made. */
export type Stop = 'backing off' | 'out of time' | 'consent withdrawn';

export interface Delivery {
  /** Sends a batch and settles it. */
  send(records: readonly PendingRecord[]): Promise<Stop | undefined>;
  /** At the end of a drain: what was rejected alone is believed, unless it was too much for that. */
  finish(): Promise<void>;
  /** Whether PostHog has accepted anything: so it is PostHog that rejects the rest. */
  readonly accepted: boolean;
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

/** The deliveries of one drain to `target`, out of what it claims. */
export function openDelivery(draining: Draining, target: Target, claims: Claims): Delivery {
  const { spool, leftMs, now, random } = draining;
  let failed = false;
  let accepted = false;
  let probed: PendingRecord | undefined;
  /** Rejected alone, while nothing was accepted. */
  let held: { readonly records: readonly [PendingRecord]; readonly attempt: Attempt }[] = [];

  async function send(records: readonly PendingRecord[]): Promise<Stop | undefined> {
    const stop = await persist(draining, () => reasonToStop(draining));
    if (stop !== undefined) return stop;
    const attempt = await deliver(records);
    switch (attempt.answer.kind) {
      case 'accepted':
        accepted = true;
        draining.onDelivered(await persist(draining, () => settleDelivered(spool, records, attempt, target)));
        await finish();
        return undefined;
      case 'invalid':
      case 'too-large':
        return await reject(records, attempt);
      case 'offline':
        // A request that our own time limit cut short says nothing about the network.
        if (isTimeUp(draining)) return 'out of time';
    }
    return await backOff([{ records, attempt }]);
  }

  async function deliver(records: readonly PendingRecord[]): Promise<Attempt> {
    const at = now();
    const started = performance.now();
    const answer = await draining.deliver(records.map(wireRecord), Math.min(FLUSHER.requestMs, leftMs()));
    return { at, until: now(), durationMs: performance.now() - started, answer, afterFailure: failed };
  }

  async function backOff(failures: Parameters<typeof putOff>[2]): Promise<Stop> {
    failed = true;
    await persist(draining, () => putOff(spool, target, failures, random));
    return 'backing off';
  }

  async function reject(records: readonly PendingRecord[], attempt: Attempt): Promise<Stop | undefined> {
    const [first, ...others] = records;
    if (first === undefined) return undefined;
    if (others.length === 0) return await rejectAlone(first, attempt);
    const middle = Math.ceil(records.length / 2);
    const halves = [records.slice(0, middle), records.slice(middle)];
    await persist(draining, () => settleSplit(spool, halves, attempt));
    for (const half of halves) {
      // Not once more what was sent in between to find out who rejects.
      const rest = half.filter(({ id }) => id !== probed?.id);
      const stop = rest.length === 0 ? undefined : await send(rest);
      if (stop !== undefined) return stop;
    }
    return undefined;
  }

  /**
   * A proxy that answers 400 to everything would empty the queue into the quarantine. Until PostHog has accepted
   * something, lone rejections are held; at the eighth the newest capture decides. No server and no proxy takes a batch
   * for too large that has one record: that is believed at once.
   */
  async function rejectAlone(record: PendingRecord, attempt: Attempt): Promise<Stop | undefined> {
    if (accepted || attempt.answer.kind === 'too-large') {
      await persist(draining, () => settleRejected(spool, record, attempt));
      return undefined;
    }
    held.push({ records: [record], attempt });
    if (held.length < TRIPS_AT) return undefined;
    if (held.length > TRIPS_AT) return await backOff(held);
    probed = await persist(draining, () => claims.newest(held.flatMap(({ records }) => records)));
    if (probed === undefined) return await backOff(held);
    // Sealed on the disk before it is sent, as every record.
    await spool.syncMeanwhile();
    return await send([probed]);
  }

  async function finish(): Promise<void> {
    if (!accepted && held.length >= TRIPS_AT) return;
    const believed = held;
    held = [];
    for (const { records, attempt } of believed)
      await persist(draining, () => settleRejected(spool, records[0], attempt));
  }

  return {
    send,
    finish,
    get accepted() {
      return accepted;
    },
  };
}
