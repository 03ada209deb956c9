/** One flusher's life, in this process: the lock, what arrives meanwhile, and letting go. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import type { Answer, WireRecord } from '../../../src/infra/net/posthog.ts';
import { writeDraft } from '../../../src/infra/os/files.ts';
import { tryLockFor } from '../../../src/infra/sqlite/lock.ts';
import { append } from '../../../src/usage/append/append.ts';
import { backOff, postHogAt } from '../../../src/usage/spool/backoff.ts';
import { lockFile, type Spool, spoolFile } from '../../../src/usage/spool/spool.ts';
import {
  ACCEPTED,
  command,
  credentialsOf,
  DESTINATION,
  makeSpool,
  OFFLINE,
  openQueue,
  sampleEntry,
} from '../../support/queue.ts';
import { sandbox } from '../../support/sandbox.ts';
import { world } from '../../support/world.ts';

test('whoever finds the lock taken leaves without loading anything', async (t) => {
  const queue = openQueue(t);
  const lock = await tryLockFor(lockFile(queue.spool.directory), 0);
  const connect = () => Promise.reject(new Error('loaded'));
  assert.equal(await queue.flush(() => ACCEPTED, { connect }), 'locked');
  lock?.release();
});

test('an event that is appended at any moment of a run is sent by it, or asks for the next one', async (t) => {
  const queue = openQueue(t);
  queue.command();
  let asked = 0;
  const server = (_batch: unknown, request: number) => {
    if (request < 20 && queue.command()) asked += 1;
    return ACCEPTED;
  };
  assert.equal(await queue.flush(server, { lingerMs: 100 }), 'drained');
  assert.equal(asked, 0, 'the lock is held');
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'pending'`), 0);
  assert.equal(queue.command(), true, 'the lock was freed with the last look');
});

test('an event of another process ends the wait for more of them', async (t) => {
  const queue = openQueue(t);
  const other = makeSpool(queue.spool.directory);
  t.after(() => other.close());
  queue.command();
  const server = () => {
    if (queue.sent.length === 1) setTimeout(() => command(other, queue.clock.now, {}), 60);
    return ACCEPTED;
  };
  assert.equal(await queue.flush(server, { lingerMs: 1_000 }), 'drained');
  assert.equal(queue.sent.length, 2);
});

test('when the time is up the rest stays, and the next command asks for another flusher', async (t) => {
  const queue = openQueue(t);
  queue.add(2_000);
  let left = 3;
  const outcome = await queue.flush(
    () => {
      left -= 1;
      return ACCEPTED;
    },
    { leftMs: () => left * 100 },
  );
  assert.equal(outcome, 'out of time');
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'pending'`), 500);
  assert.equal(queue.command(), true);
});

test('beside a rollback journal a flusher waits for a command that writes, whatever it is about to do', async (t) => {
  const queue = openQueue(t);
  queue.spool.pragma('journal_mode = TRUNCATE');
  append(queue.spool, sampleEntry(queue.clock.now, { credentials: credentialsOf('a') }));
  queue.addAlias('ana', 'anon-1');
  queue.command();
  const other = new Database(spoolFile(queue.spool.directory));
  t.after(() => other.close());
  const met = new Set<string>();
  let isInside = false;
  /** Another process has the lock for a moment, once for each way here. */
  const meet = (): void => {
    const way = new Error().stack ?? '';
    if (isInside || other.inTransaction || met.has(way)) return;
    met.add(way);
    other.exec('BEGIN EXCLUSIVE');
    setTimeout(() => other.open && other.exec('COMMIT'), 5);
  };
  const spool: Spool = {
    ...queue.spool,
    statement(sql) {
      meet();
      return queue.spool.statement(sql);
    },
    transaction(work) {
      meet();
      return queue.spool.transaction(() => {
        isInside = true;
        try {
          return work();
        } finally {
          isInside = false;
        }
      });
    },
  };
  assert.equal(await queue.flush(() => ACCEPTED, { spool, lingerMs: 60 }), 'drained');
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'pending'`), 0);
  assert.ok(met.size > 20, `${met.size} ways`);
});

test('what the answer of the coordinator binds is sent in the same run, by a person who asks during a back-off, too', async (t) => {
  const queue = openQueue(t);
  const at = { at: queue.clock.now, random: () => 0.5 };
  backOff(queue.spool, postHogAt(queue.spool, DESTINATION), { reason: 'offline', status: null }, at);
  append(queue.spool, sampleEntry(queue.clock.now, { credentials: credentialsOf('a') }));
  const ask = async () => ({ kind: 'principal', principalId: 'account-a' }) as const;
  const deliver = async (batch: readonly WireRecord[]) => {
    queue.sent.push(batch);
    return ACCEPTED;
  };
  const credentials = async () => ({ account: 'a', ask });
  const connect = async () => ({ deliver, credentials, environment: null });
  assert.equal(await queue.flush(() => ACCEPTED, { connect, ignoreBackoff: true }), 'drained');
  assert.deepEqual(
    queue.sent.flat().map(({ distinctId }) => distinctId),
    ['account-a', 'account-a'],
  );
});

test('a request that our own time cut short is no failure of the network', async (t) => {
  const queue = openQueue(t);
  queue.add(1);
  let left = 100;
  const outcome = await queue.flush(
    () => {
      // A timer may end a request a moment early.
      left = 0.5;
      return OFFLINE;
    },
    { leftMs: () => left },
  );
  assert.equal(outcome, 'out of time');
  assert.equal(queue.one('SELECT count(*) FROM backoff'), 0);
});

test('the last fifty runs are kept, with their outcomes', async (t) => {
  const queue = openQueue(t);
  for (let run = 0; run < 55; run += 1) await queue.flush(() => ACCEPTED);
  assert.equal(queue.one('SELECT count(*) FROM flusher_run'), 50);
  assert.equal(queue.one(`SELECT count(*) FROM flusher_run WHERE outcome = 'drained'`), 50);
});

test('a run that fails notes so, with a mark as if another one had been asked for at that moment', async (t) => {
  const queue = openQueue(t);
  queue.add(1);
  const connect = () => Promise.reject(new Error('no network'));
  const now = () => queue.clock.now++;
  await assert.rejects(
    queue.flush(() => ACCEPTED, { connect, now }),
    /no network/,
  );
  const [asked, outcome] = [
    'SELECT flusher_asked_at FROM installation',
    'SELECT outcome FROM flusher_run',
  ].map((sql) => queue.one<unknown>(sql));
  assert.deepEqual([asked, outcome], [queue.one('SELECT ended_at FROM flusher_run'), 'failed']);
});

test('a queue far over its bounds is trimmed in steps, and half of the time is left for sending', async (t) => {
  const queue = openQueue(t);
  queue.add(5_000);
  assert.equal(await queue.flush(() => ACCEPTED, { maxRecords: 1_000 }), 'drained');
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'dropped.overflow'`), 4_000);
  assert.equal(queue.sent[0]?.[0]?.properties.spool_dropped, 4_000);
});

test('a try under way at midnight, repeated after it and after the clock was set, counts once', async (t) => {
  const { deliverTo } = await import('../../../src/infra/net/posthog.ts');
  const queue = openQueue(t, Date.parse('2026-03-04T23:59:59.990Z'));
  let serverNow = queue.clock.now + 5;
  const { posthog } = await world(t, { posthog: { now: () => serverNow } });
  const deliver = deliverTo(posthog.url, DESTINATION.apiKey);
  queue.add(1);
  for (const later of [0, 60_000, -7 * 3600_000]) {
    serverNow += 60_000;
    queue.clock.now += later;
    if (later !== -7 * 3600_000) posthog.fault({ kind: 'lost-ack' });
    await queue.flush((batch) => deliver(batch, 2_000), { ignoreBackoff: true });
  }
  assert.deepEqual([posthog.requests.length, posthog.stored().length, posthog.duplicates()], [3, 1, 2]);
});

test('a flusher moves the log into the database and begins it again, so that no command has to', async (t) => {
  const queue = openQueue(t);
  queue.add(200);
  await queue.flush(() => ACCEPTED);
  const [{ log }] = queue.spool.pragma('wal_checkpoint(PASSIVE)') as [{ log: number }];
  assert.ok(log < 10, `${log} pages`);
});

test('nothing is sent that a power cut could still undo', async (t) => {
  const queue = openQueue(t);
  const path = spoolFile(queue.spool.directory);
  const durable = sandbox(t);
  queue.add(3, 'ana');
  queue.addAlias('ana', 'anon-1');
  let onTheDisk = 0;
  const syncMeanwhile = async (): Promise<void> => {
    onTheDisk = statSync(`${path}-wal`).size;
    await queue.spool.syncMeanwhile();
  };
  /** What is left of the records after a power cut at this moment. */
  const afterPowerCut = (): string[] => {
    durable.write('usage.db-wal', readFileSync(`${path}-wal`).subarray(0, onTheDisk));
    const left = new Database(durable.write('usage.db', readFileSync(path)));
    try {
      const sql = `SELECT concat_ws(' ', kind, distinct_id, sealed) FROM record WHERE state = 'pending' ORDER BY id`;
      return left.prepare(sql).pluck().all() as string[];
    } finally {
      left.close();
    }
  };
  const left: string[][] = [];
  const answer = (): Answer => {
    left.push(afterPowerCut());
    // Of a command that is killed right after its commit.
    if (left.length === 1) queue.addAlias('ben', 'anon-2');
    return ACCEPTED;
  };
  assert.equal(await queue.flush(answer, { spool: { ...queue.spool, syncMeanwhile } }), 'drained');
  assert.ok(left[1]?.includes('alias ben 1'));
  assert.deepEqual(left[2], ['capture ana 1', 'capture ana 1', 'capture ana 1']);
});

test('drafts of usage.json that a killed process left go after an hour, drafts of other files stay', async (t) => {
  const queue = openQueue(t);
  const { directory } = queue.spool;
  const drafts = () => readdirSync(directory).filter((name) => name.endsWith('.tmp'));
  for (const [file, minutes, left] of [
    ['usage.json', 61, 0],
    // The computer may have slept before it was published.
    ['usage.json', 59, 1],
    ['credentials.yaml', 61, 1],
  ] as const) {
    const draft = writeDraft(join(directory, file), '{}');
    const then = Date.now() / 1000 - minutes * 60;
    for (const name of drafts()) utimesSync(join(directory, name), then, then);
    await queue.flush(() => ACCEPTED);
    assert.equal(drafts().length, left, `${file}, ${minutes} minutes`);
    draft.discard();
  }
});
