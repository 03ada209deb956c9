/** PostHog, in this process: the stand-in's persons and event table, and what must hold of every request. */
import { randomUUID } from 'node:crypto';
import type { Answer, WireRecord } from '../../src/infra/net/posthog.ts';
import type { PendingRecord } from '../../src/usage/drain/claim.ts';
import { createProject, type StoredEvent, shuffle } from '../support/posthog/project.ts';
import type { Who } from './steps.ts';
import { accountId, type World } from './world.ts';

export type Sink = ReturnType<typeof openSink>;

const ACCEPTED: Answer = { kind: 'accepted', status: 200 };

/** An empty project. */
export function openSink(world: World, seed: number) {
  const project = createProject(shuffle(seed));
  const links = openLinks();
  const recorded = new Map<string, number>();
  const violations: string[] = [];
  const verify = verifyRequests(violations);

  function store(records: readonly WireRecord[]): void {
    const accepted = records.map((record) => ({
      api_key: 'phc_model',
      uuid: record.uuid,
      event: record.event,
      distinct_id: record.distinctId,
      properties: record.properties,
      sent_timestamp: undefined,
      timestamp: new Date(record.at).toISOString(),
    }));
    project.ingest(accepted);
  }

  return {
    /** A batch is about to be sent. What the coordinator's answer links from here on does not hold it up. */
    claimed(batch: readonly PendingRecord[]): void {
      for (const { kind, distinct_id: id } of batch)
        if (kind === 'capture' && hasPendingAlias(world, id))
          violations.push(`sent before the alias of ${id} was answered`);
    },
    /** Takes a batch as PostHog's present state has it. */
    receive(records: readonly WireRecord[]): Answer {
      verify(records);
      for (const { uuid, event, properties } of records) {
        const anonId = String(properties.alias);
        const isLinked = links.linksByOther(anonId).some((link) => link.moment < (recorded.get(uuid) ?? 0));
        if (event === ALIAS && isLinked) violations.push(`${anonId} was aliased although it had been linked`);
      }
      switch (world.posthog) {
        case 'down':
          return { kind: 'offline', status: null };
        case 'refusing':
          return { kind: 'unauthorized', status: 401 };
        case 'throttling':
          return { kind: 'throttled', status: 503, retryAfterMs: 5_000 };
        case 'losing answers':
          store(records);
          return { kind: 'offline', status: null };
        case 'up':
          store(records);
          return ACCEPTED;
      }
    },
    aliasByOther(anonId: string, who: Who): void {
      const properties = { distinct_id: anonId, alias: accountId(who) };
      store([{ uuid: randomUUID(), event: '$create_alias', distinctId: anonId, properties, at: world.now }]);
    },
    ...links,
    /** An alias has been recorded by now. */
    aliasRecorded(uuid: string): void {
      if (!recorded.has(uuid)) recorded.set(uuid, links.moment());
    },
    accountsWith: (distinctId: string): Who[] => accountsWith(project.persons(), distinctId),
    stored: (): StoredEvent[] => project.stored(),
    violations,
  };
}

const ALIAS = '$create_alias';

/** Whom other programs have linked which anon_id to, or tried to, in the order of what happens. */
export function openLinks() {
  const links = new Map<string, { readonly who: Who; readonly moment: number }[]>();
  let moments = 0;
  /** Numbers what happens, so that it can be told what came first. */
  const moment = (): number => {
    moments += 1;
    return moments;
  };
  const linksByOther = (anonId: string) => links.get(anonId) ?? [];
  return {
    moment,
    linksByOther,
    linkedByOther: (anonId: string, who: Who): void =>
      void links.set(anonId, [...linksByOther(anonId), { who, moment: moment() }]),
  };
}

type Sent = Pick<WireRecord, 'event' | 'properties'> & { readonly uuid?: string | undefined };

/** What must hold of all requests of ours: a record has the same bytes each time, and an alias goes alone, once. */
export function verifyRequests(violations: string[]): (batch: readonly Sent[]) => void {
  const sent = new Map<string, string>();
  const aliased = new Map<string, string>();
  return (batch) => {
    for (const record of batch) {
      const { uuid = '', event, properties } = record;
      const bytes = JSON.stringify(record);
      if ((sent.get(uuid) ?? bytes) !== bytes) violations.push(`resent with other bytes: ${bytes}`);
      sent.set(uuid, bytes);
      if (event !== ALIAS) continue;
      if (batch.length > 1) violations.push('an alias did not go alone');
      const anonId = String(properties.alias);
      if ((aliased.get(anonId) ?? uuid) !== uuid) violations.push(`${anonId} was aliased twice`);
      aliased.set(anonId, uuid);
    }
  };
}

/** The accounts in the person that an id belongs to. */
export function accountsWith(
  persons: readonly { readonly distinct_ids: readonly string[] }[],
  distinctId: string,
): Who[] {
  const person = persons.find(({ distinct_ids }) => distinct_ids.includes(distinctId));
  const ids = new Set([distinctId, ...(person?.distinct_ids ?? [])]);
  return (['A', 'B', 'C'] as const).filter((who) => ids.has(accountId(who)));
}

function hasPendingAlias(world: World, distinctId: string): boolean {
  const sql = `SELECT 1 FROM record WHERE kind = 'alias' AND state = 'pending' AND distinct_id = ?`;
  return world.commands.statement(sql).get(distinctId) !== undefined;
}
