/** Fills a spool with a plausible past, through the program's own code, for tests and measurements of the views. */
import type { TestContext } from 'node:test';
import { insertAlias, insertCapture } from '../../src/usage/spool/records.ts';
import type { Spool } from '../../src/usage/spool/spool.ts';
import { captureOf, makeSpool, sampleEvent } from './queue.ts';
import { type Sandbox, sandbox } from './sandbox.ts';

interface Past {
  readonly records: number;
  /** Ms since the epoch: of the last one. Now unless given. */
  readonly now?: number;
  /** Between one record and the next; a minute unless given. */
  readonly everyMs?: number;
  /** The first so many of them are delivered. */
  readonly delivered?: number;
  /** The next so many are quarantined. */
  readonly quarantined?: number;
}

const COMMANDS: readonly string[] = ['secret.list', 'secret.set', 'whoami', 'secret.unset', 'login'];
export const ANON_ID = '5d0c8a52-6f3e-4b0c-9a55-0d7c1a2b3c4d';
export const PRINCIPAL = 'acct_7fK2';

/** A home with such a past. */
export function seeded(t: TestContext, past: Past): Sandbox {
  const home = sandbox(t);
  seedSpool(home, past);
  return home;
}

/** Records captures, one alias first; every seventh has failed. */
export function seedSpool(home: Sandbox, past: Past): void {
  const { records, now = Date.now(), everyMs = 60_000, delivered = 0, quarantined = 0 } = past;
  const spool = makeSpool(home.directory);
  spool.transaction(() => {
    const identityId = Number(
      spool
        .statement(
          'INSERT INTO identity (anon_id, principal_id, verified, created_at, linked_at) VALUES (?, ?, 1, ?, ?)',
        )
        .run(ANON_ID, PRINCIPAL, now, now).lastInsertRowid,
    );
    for (let i = 0; i < records; i += 1) {
      const at = now - (records - 1 - i) * everyMs;
      if (i === 0) insertAlias(spool, { identityId, anonId: ANON_ID, principalId: PRINCIPAL }, at);
      else insertCapture(spool, pastCapture(i, identityId), at);
    }
    settle(spool, 'delivered', 0, delivered, now);
    settle(spool, 'quarantined', delivered, delivered + quarantined, now);
    spool
      .statement(
        `INSERT INTO flusher_run (started_at, ended_at, outcome, delivered) VALUES (?, ?, 'drained', ?)`,
      )
      .run(now - 900, now, delivered);
  });
  spool.close();
}

function pastCapture(i: number, identityId: number): Parameters<typeof insertCapture>[1] {
  const event = sampleEvent({
    command: COMMANDS[i % COMMANDS.length] ?? 'whoami',
    failure: i % 7 === 0 ? 'TIMED_OUT' : null,
    startedAt: i,
    endedAt: i + (40 + (i % 5) * 210 + ((i * 7919) % 97)) / 1000,
  });
  const isAnonymous = i % 3 === 0;
  return { ...captureOf(identityId, isAnonymous ? ANON_ID : PRINCIPAL), event, personless: isAnonymous };
}

function settle(
  spool: Spool,
  state: 'delivered' | 'quarantined',
  from: number,
  until: number,
  now: number,
): void {
  const reason = state === 'quarantined' ? 'refused by PostHog' : null;
  const where = 'id > @from AND id <= @until';
  spool
    .statement(
      `UPDATE record SET state = @state, attempts = 1, sealed = 1, reason = @reason,
         settled_at = min(@now, recorded_at + (id * 7919) % 90000) WHERE ${where}`,
    )
    .run({ state, reason, now, from, until });
  spool
    .statement(
      `INSERT INTO attempt (record_id, at, outcome, status, duration_ms)
       SELECT id, settled_at, @outcome, @status, 20 + id % 80 FROM record WHERE ${where}`,
    )
    .run({
      outcome: state === 'delivered' ? 'accepted' : 'invalid',
      status: state === 'delivered' ? 200 : 400,
      from,
      until,
    });
}
