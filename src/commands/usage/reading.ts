/** Reading the spool for a person: what keeps it from being read, or from being whole, is said on stderr. */

import { UserError } from '../../errors.ts';
import { postHogEvents } from '../../infra/net/posthog.ts';
import type { Invocation } from '../../invocation.ts';
import { type Safe, say } from '../../terminal/visible.ts';
import { takeIntoCopy } from '../../usage/identity/take-in.ts';
import type { Obstacle } from '../../usage/inspect/obstacles.ts';
import { eachRecordInFull, type RecordInFull } from '../../usage/inspect/records.ts';
import { readSnapshot, type StoreState } from '../../usage/inspect/snapshot.ts';
import type { Finding } from '../../usage/spool/finding.ts';
import { countSpilled } from '../../usage/spool/spill.ts';
import type { Spool } from '../../usage/spool/spool.ts';

/**
 * Reads with `look`. `absence` says why there was nothing to read but an empty copy; else it is null. Throws UserError
 * when the spool cannot be read.
 */
export async function readSpool<T>(
  invocation: Invocation,
  look: (spool: Spool) => T | Promise<T>,
): Promise<{ value: T; absence: Safe | null }> {
  const { settings } = invocation;
  const { directory } = settings;
  const { store, value } = await readSnapshot(settings, (copy) => {
    takeIntoCopy(copy);
    return look(copy);
  });
  if (isBroken(store)) throw unusable(store);
  const absence =
    directory === undefined
      ? say`Nothing is recorded: there is no home directory.`
      : store.state === 'absent' && countSpilled(directory).waiting === 0
        ? say`Nothing has been recorded yet.`
        : null;
  return { value: value as T, absence };
}

/** A record with the event as it goes, or would go, on the wire. */
export type SentRecord = RecordInFull & { readonly payload: unknown };

/** posthog-node is asked for the events of so many records at once. */
const GROUP = 100;

/** Every record, oldest first, in groups. */
export async function* recordsAsSent(spool: Spool): AsyncGenerator<SentRecord[]> {
  let group: RecordInFull[] = [];
  for (const record of eachRecordInFull(spool)) {
    group.push(record);
    if (group.length < GROUP) continue;
    yield await withPayloads(group);
    group = [];
  }
  if (group.length > 0) yield await withPayloads(group);
}

async function withPayloads(group: readonly RecordInFull[]): Promise<SentRecord[]> {
  const payloads = await postHogEvents(group.map(({ wire }) => wire));
  return group.map((record, i) => ({ ...record, payload: payloads[i] }));
}

/** Whether there is a store that cannot be read. */
export function isBroken(store: StoreState): store is Obstacle {
  return store.state !== 'ok' && store.state !== 'absent';
}

/** What a command that needs the spool says of one that cannot be used. */
export function unusable({ message, advice }: Finding, cause?: unknown): UserError {
  return new UserError('SPOOL_UNUSABLE', message, { hint: advice, cause });
}
