/** PostHog, in this process: the stand-in's persons and event table, and what must hold of every request. */
import { randomUUID } from 'node:crypto';
import type { Answer, WireRecord } from '../../src/infra/net/posthog.ts';
import type { PendingRecord } from '../../src/usage/drain/claim.ts';
import { shuffle } from '../support/posthog/order.ts';
import { createProject, type StoredEvent } from '../support/posthog/project.ts';
import type { Who } from './steps.ts';
import { accountId, type World } from './world.ts';

export interface Link {
  readonly who: Who;
  readonly moment: number;
}

export interface Sink {
  /** A batch is about to be sent. What the coordinator's answer links from here on does not hold it up. */
  claimed(batch: readonly PendingRecord[]): void;
  /** Takes a batch as PostHog's present state has it. */
  receive(records: readonly WireRecord[]): Answer;
  aliasByOther(anonId: string, who: Who): void;
  /** Notes whom another program has linked an anon_id to, or tried to. */
  linkedByOther(anonId: string, who: Who): void;
  linksByOther(anonId: string): readonly Link[];
  /** Numbers what happens, so that it can be told what came first. */
  moment(): number;
  /** An alias has been recorded by now. */
  aliasRecorded(uuid: string): void;
  /** The accounts in the person that this id belongs to. */
  accountsWith(distinctId: string): Who[];
  stored(): StoredEvent[];
  readonly violations: string[];
  /** One line for each request. */
  readonly log: string[];
}

const ACCEPTED: Answer = { kind: 'accepted', status: 200 };

/** An empty project. */
export function openSink(world: World, seed: number): Sink {
  const project = createProject(shuffle(seed));
  const sent = new Map<string, string>();
  const links = new Map<string, Link[]>();
  const recorded = new Map<string, number>();
  let moments = 0;
  const moment = (): number => {
    moments += 1;
    return moments;
  };
  const aliased = new Map<string, string>();
  const violations: string[] = [];
  const log: string[] = [];

  function check(records: readonly WireRecord[]): void {
    for (const record of records) {
      const bytes = JSON.stringify(record);
      if ((sent.get(record.uuid) ?? bytes) !== bytes) violations.push(`resent with other bytes: ${bytes}`);
      sent.set(record.uuid, bytes);
    }
    const aliases = records.filter((record) => record.event === '$create_alias');
    if (aliases.length > 0 && records.length > 1) violations.push('an alias did not go alone');
    for (const { uuid, properties } of aliases) {
      const anonId = String(properties.alias);
      if ((aliased.get(anonId) ?? uuid) !== uuid) violations.push(`${anonId} was aliased twice`);
      aliased.set(anonId, uuid);
      const earlier = links.get(anonId)?.find((link) => link.moment < (recorded.get(uuid) ?? 0));
      if (earlier !== undefined) violations.push(`${anonId} was aliased although it had been linked`);
    }
  }

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
    claimed(batch) {
      for (const { kind, distinct_id: id } of batch)
        if (kind === 'capture' && hasPendingAlias(world, id))
          violations.push(`sent before the alias of ${id} was answered`);
    },
    receive(records) {
      check(records);
      log.push(
        `${world.posthog}: ${records.map((r) => `${r.event} as ${r.distinctId} ${r.properties.alias ?? ''}`)}`,
      );
      switch (world.posthog) {
        case 'down':
          return { kind: 'offline', status: null };
        case 'refusing':
          return { kind: 'unauthorized', status: 401 };
        case 'throttling':
          return { kind: 'throttled', status: 503, retryAfter: '5' };
        case 'losing answers':
          store(records);
          return { kind: 'offline', status: null };
        case 'up':
          store(records);
          return ACCEPTED;
      }
    },
    aliasByOther(anonId, who) {
      const properties = { distinct_id: anonId, alias: accountId(who) };
      store([{ uuid: randomUUID(), event: '$create_alias', distinctId: anonId, properties, at: world.now }]);
    },
    linkedByOther(anonId, who) {
      links.set(anonId, [...(links.get(anonId) ?? []), { who, moment: moment() }]);
    },
    linksByOther: (anonId) => links.get(anonId) ?? [],
    moment,
    aliasRecorded: (uuid) => {
      if (!recorded.has(uuid)) recorded.set(uuid, moment());
    },
    accountsWith(distinctId) {
      const person = project.persons().find((each) => each.distinct_ids.includes(distinctId));
      const ids = new Set([distinctId, ...(person?.distinct_ids ?? [])]);
      return (['A', 'B', 'C'] as const).filter((who) => ids.has(accountId(who)));
    },
    stored: () => project.stored(),
    violations,
    log,
  };
}

function hasPendingAlias(world: World, distinctId: string): boolean {
  const sql = `SELECT 1 FROM record WHERE kind = 'alias' AND state = 'pending' AND distinct_id = ?`;
  return world.commands.statement(sql).get(distinctId) !== undefined;
}
