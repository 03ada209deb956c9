/** A spool with a clock of the test's own, and a server whose answers the test writes, all in this process. */

import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Answer, WireRecord } from '../../src/infra/net/posthog.ts';
import { append, type CredentialsSeen, type Entry } from '../../src/usage/append/append.ts';
import { type RunOutcome, runFlusher } from '../../src/usage/drain/flusher.ts';
import { type CommandName, type Execution, UsageEvent } from '../../src/usage/event/event.ts';
import { machineOf } from '../../src/usage/event/machine.ts';
import { uuidv7 } from '../../src/usage/event/uuid.ts';
import { openSoundSpool } from '../../src/usage/recovery/set-aside.ts';
import { preparePlace } from '../../src/usage/spool/place.ts';
import { insertAlias, insertCapture } from '../../src/usage/spool/records.ts';
import type { Spool } from '../../src/usage/spool/spool.ts';
import { sandbox } from './sandbox.ts';

export const MIGRATIONS = join(import.meta.dirname, '..', '..', 'migrations');
export const DESTINATION = { host: 'http://127.0.0.1:1', apiKey: 'phc_test' };
export const MINUTE = 60_000;
export const DAY = 24 * 3600_000;
export const ACCEPTED: Answer = { kind: 'accepted', status: 200 };
export const OFFLINE: Answer = { kind: 'offline', status: null };
export const INVALID: Answer = { kind: 'invalid', status: 400 };

/** What the server says to a batch. */
export type Server = (batch: readonly WireRecord[], request: number) => Answer | Promise<Answer>;

export interface Queue {
  readonly spool: Spool;
  /** Ms since the epoch; moves only when the test moves it. */
  readonly clock: { now: number };
  /** Batches as they were sent, in order. */
  readonly sent: (readonly WireRecord[])[];
  /** Inserts captures that are due. */
  add(records: number, distinctId?: string): void;
  addAlias(principalId: string, anonId: string): void;
  /** One command's event, by the very function that commands use; true when it asks for a flusher. */
  command(options?: { online?: boolean; maxRecords?: number }): boolean;
  /** One flusher's run against `server`. */
  flush(server: Server, options?: Partial<Parameters<typeof runFlusher>[0]>): Promise<RunOutcome>;
  /** One value out of the spool. */
  one<T = number>(sql: string): T;
}

type SampleOf = Partial<Omit<Execution, 'command'>> & { readonly command?: string };

/** Some command's event. */
export function sampleEvent({ command = 'secret.list', ...more }: SampleOf = {}): UsageEvent {
  const execution = {
    command: command as CommandName,
    failure: null,
    startedAt: 1,
    endedAt: 1.15,
    context: null,
  } as const;
  return UsageEvent.of({ ...execution, ...more }, machineOf());
}
const SAMPLE = sampleEvent();

/** The spool of `.arcade`, as a command makes and opens it. */
export function makeSpool(directory: string): Spool {
  preparePlace(directory);
  return openSoundSpool(directory, MIGRATIONS);
}

/** An empty spool that goes when the test does. */
export function openQueue(t: TestContext, start = Date.parse('2026-03-04T12:00:00Z')): Queue {
  const { directory } = sandbox(t);
  const spool = makeSpool(directory);
  t.after(() => spool.close());
  const clock = { now: start };
  const sent: (readonly WireRecord[])[] = [];
  const identity = (): number => ensureIdentity(spool);
  return {
    spool,
    clock,
    sent,
    add: (records, distinctId = 'anon-1') =>
      spool.transaction(() => {
        const identityId = identity();
        for (let i = 0; i < records; i += 1)
          insertCapture(spool, captureOf(identityId, distinctId), clock.now);
      }),
    addAlias: (principalId, anonId) =>
      spool.transaction(() => insertAlias(spool, { identityId: identity(), anonId, principalId }, clock.now)),
    command: (options = {}) => command(spool, clock.now, options),
    flush: (server, options = {}) =>
      runFlusher({
        spool,
        destination: DESTINATION,
        connect: async () => ({
          deliver: async (batch) => {
            sent.push(batch);
            return await server(batch, sent.length);
          },
          credentials: async () => ({ account: null, ask: async () => ({ kind: 'no answer' }) }),
          environment: null,
        }),
        ignoreBackoff: false,
        leftMs: () => 5_000,
        now: () => clock.now,
        random: () => 0.5,
        maxRecords: 10_000,
        migrations: MIGRATIONS,
        lockWaitMs: 0,
        lingerMs: 0,
        ...options,
      }),
    one: <T>(sql: string) => (spool.statement(sql).raw().get() as T[] | undefined)?.[0] as T,
  };
}

/** Puts captures that are due into the spool of a home. */
export function fillSpool(directory: string, records: number): void {
  const spool = makeSpool(directory);
  const now = Date.now();
  for (let done = 0; done < records; done += 10_000) {
    spool.transaction(() => {
      const identityId = ensureIdentity(spool);
      for (let i = done; i < Math.min(records, done + 10_000); i += 1)
        insertCapture(spool, captureOf(identityId, 'anon-1'), now - records + i);
    });
  }
  spool.close();
}

function ensureIdentity(spool: Spool): number {
  const sql = `INSERT INTO identity (anon_id, created_at) SELECT 'anon-1', 0 WHERE NOT EXISTS (SELECT 1 FROM identity)`;
  spool.statement(sql).run();
  return (spool.statement('SELECT max(id) AS id FROM identity').get() as { id: number }).id;
}

/** A capture as `insertCapture` takes it. */
export function captureOf(identityId: number, distinctId: string): Parameters<typeof insertCapture>[1] {
  return {
    event: SAMPLE,
    identityId,
    distinctId,
    personless: true,
    fingerprint: null,
    resolvable: false,
  };
}

/** What a command has to be recorded; without credentials, unless `more` has some. */
export function sampleEntry(now: number, more: Partial<Entry> = {}): Entry {
  return {
    uuid: uuidv7(now),
    now,
    event: SAMPLE,
    credentials: { account: null, resolvable: false, fromEnvironment: false },
    change: null,
    destination: { ...DESTINATION, apiKey: undefined },
    maxRecords: 10_000,
    online: false,
    showNotice: () => undefined,
    ...more,
  };
}

/** An account's credentials in the file; undefined cannot be read. */
export function credentialsOf(account: string | undefined): CredentialsSeen {
  return { account, resolvable: account !== undefined, fromEnvironment: false };
}

/** One command's event; true when it asks for a flusher. */
export function command(
  spool: Spool,
  now: number,
  { online = false, maxRecords = 10_000 }: { online?: boolean; maxRecords?: number },
  destination = DESTINATION,
): boolean {
  return append(spool, sampleEntry(now, { destination, maxRecords, online }));
}

/** One command's event, in the spool of a home, as of now; true when it asks for a flusher. */
export function appendFor(directory: string, destination: typeof DESTINATION): boolean {
  const spool = makeSpool(directory);
  try {
    return command(spool, Date.now(), {}, destination);
  } finally {
    spool.close();
  }
}

/** What the ledger says is missing: 0 when every record is accounted for. */
export function unaccounted(spool: Spool): number {
  const sql = `SELECT sum(CASE WHEN name = 'recorded' THEN value
    WHEN name IN ('delivered', 'pending', 'quarantined', 'purged') OR name LIKE 'dropped.%' THEN -value ELSE 0 END) FROM ledger`;
  return (spool.statement(sql).raw().get() as number[])[0] ?? 0;
}
