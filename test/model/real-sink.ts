/** What reached the stand-in for PostHog over the network, and what must hold of every request. */
import { randomUUID } from 'node:crypto';
import type { PostHog } from '../support/posthog.ts';
import { accountsWith, openLinks, verifyRequests } from './sink.ts';
import type { Who } from './steps.ts';
import { accountId } from './world.ts';

export interface RecordedAlias {
  readonly uuid: string;
  readonly distinct_id: string;
  readonly recorded_at: number;
}

/** Looks at a stand-in. */
export function openRealSink(posthog: PostHog) {
  const theirs = new Set<string>();
  const sending: Promise<unknown>[] = [];
  return {
    ...openLinks(),
    aliasByOther(anonId: string, who: Who): void {
      const uuid = randomUUID();
      theirs.add(uuid);
      const properties = { distinct_id: anonId, alias: accountId(who) };
      const event = { event: '$create_alias', distinct_id: anonId, uuid, properties, timestamp: new Date() };
      const body = JSON.stringify({ api_key: 'phc_test', batch: [event] });
      sending.push(fetch(`${posthog.url}/batch/`, { method: 'POST', body }));
    },
    accountsWith: (distinctId: string): Who[] => accountsWith(posthog.persons(), distinctId),
    /** Waits until what another program has sent is there. */
    settled: async (): Promise<void> => void (await Promise.all(sending)),
    /** What was wrong with the requests of ours. `aliases` were recorded in that order. */
    wrong: (aliases: readonly RecordedAlias[]): string[] => wrongWith(posthog, aliases, theirs),
  };
}

function wrongWith(
  posthog: PostHog,
  aliases: readonly RecordedAlias[],
  theirs: ReadonlySet<string>,
): string[] {
  const wrong: string[] = [];
  const verify = verifyRequests(wrong);
  const accepted = new Set<string>();
  for (const { batch, at, status } of posthog.requests) {
    if (batch.some(({ uuid }) => theirs.has(uuid ?? ''))) continue;
    verify(batch);
    for (const { uuid = '', event, distinct_id: id } of batch) {
      const isDue = aliases.some(
        (alias) => alias.distinct_id === id && alias.recorded_at < at && !accepted.has(alias.uuid),
      );
      if (event === '$create_alias' && status === 200) accepted.add(uuid);
      if (event !== '$create_alias' && isDue) wrong.push(`sent before the alias of ${id} was answered`);
    }
  }
  return wrong;
}
