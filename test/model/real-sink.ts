/** What reached the stand-in for PostHog over the network, and what must hold of every request. */
import { randomUUID } from 'node:crypto';
import type { WireEvent } from '../support/posthog/requests.ts';
import type { PostHog } from '../support/posthog.ts';
import type { Link, Sink } from './sink.ts';
import { accountId } from './world.ts';

export interface RealSink
  extends Pick<Sink, 'aliasByOther' | 'linkedByOther' | 'linksByOther' | 'moment' | 'accountsWith'> {
  /** Waits until what another program has sent is there. */
  settled(): Promise<void>;
  /** What was wrong with the requests of ours. `aliases` were recorded in that order. */
  wrong(aliases: readonly RecordedAlias[]): string[];
}

export interface RecordedAlias {
  readonly uuid: string;
  readonly distinct_id: string;
  readonly recorded_at: number;
}

/** Looks at a stand-in. */
export function openRealSink(posthog: PostHog): RealSink {
  const links = new Map<string, Link[]>();
  const theirs = new Set<string>();
  const sending: Promise<unknown>[] = [];
  let moments = 0;
  const moment = (): number => {
    moments += 1;
    return moments;
  };
  return {
    moment,
    aliasByOther(anonId, who) {
      const uuid = randomUUID();
      theirs.add(uuid);
      const properties = { distinct_id: anonId, alias: accountId(who) };
      const event = { event: '$create_alias', distinct_id: anonId, uuid, properties, timestamp: new Date() };
      const body = JSON.stringify({ api_key: 'phc_test', batch: [event] });
      sending.push(fetch(`${posthog.url}/batch/`, { method: 'POST', body }));
    },
    linkedByOther(anonId, who) {
      links.set(anonId, [...(links.get(anonId) ?? []), { who, moment: moment() }]);
    },
    linksByOther: (anonId) => links.get(anonId) ?? [],
    accountsWith(distinctId) {
      const person = posthog.persons().find((each) => each.distinct_ids.includes(distinctId));
      const ids = new Set([distinctId, ...(person?.distinct_ids ?? [])]);
      return (['A', 'B', 'C'] as const).filter((who) => ids.has(accountId(who)));
    },
    settled: async () => void (await Promise.all(sending)),
    wrong: (aliases) => wrongWith(posthog, aliases, theirs),
  };
}

function wrongWith(
  posthog: PostHog,
  aliases: readonly RecordedAlias[],
  theirs: ReadonlySet<string>,
): string[] {
  const wrong: string[] = [];
  const sent = new Map<string, string>();
  const aliased = new Map<string, string>();
  const accepted = new Set<string>();
  for (const { batch, at, status } of posthog.requests) {
    if (batch.some(({ uuid }) => theirs.has(uuid ?? ''))) continue;
    for (const event of batch) {
      const { uuid = '' } = event;
      const bytes = JSON.stringify(event);
      if ((sent.get(uuid) ?? bytes) !== bytes) wrong.push(`resent with other bytes: ${bytes}`);
      sent.set(uuid, bytes);
      if (!isAlias(event)) {
        const due = aliases.find(
          (alias) =>
            alias.distinct_id === event.distinct_id && alias.recorded_at < at && !accepted.has(alias.uuid),
        );
        if (due !== undefined) wrong.push(`sent before the alias of ${event.distinct_id} was answered`);
        continue;
      }
      if (batch.length > 1) wrong.push('an alias did not go alone');
      const anonId = String(event.properties.alias);
      if ((aliased.get(anonId) ?? uuid) !== uuid) wrong.push(`${anonId} was aliased twice`);
      aliased.set(anonId, uuid);
      if (status === 200) accepted.add(uuid);
    }
  }
  return wrong;
}

const isAlias = ({ event }: WireEvent): boolean => event === '$create_alias';
