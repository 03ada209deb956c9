/** Whether a command starts a flusher: the decision, with a clock of the test's own. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test } from 'node:test';
import { tryLockFor } from '../../../src/infra/sqlite/lock.ts';
import { lockFile } from '../../../src/usage/spool/spool.ts';
import { ACCEPTED, DAY, MINUTE, OFFLINE, openQueue, unaccounted } from '../../support/queue.ts';

test('of many commands at once one asks for a flusher, and another one two seconds later', (t) => {
  const queue = openQueue(t);
  assert.deepEqual([queue.command(), queue.command(), queue.command()], [true, false, false]);
  queue.clock.now += 2_000;
  assert.equal(queue.command(), true);
});

test('a flusher that has ended is replaced at the next command, without waiting for a clock', async (t) => {
  const queue = openQueue(t);
  assert.equal(queue.command(), true);
  await queue.flush(() => ACCEPTED);
  assert.equal(queue.command(), true);
});

test('a flusher that failed is not replaced by one at every command', async (t) => {
  const queue = openQueue(t);
  assert.equal(queue.command(), true);
  await assert.rejects(queue.flush(() => Promise.reject(new Error('broken'))));
  assert.equal(queue.one('SELECT outcome FROM flusher_run'), 'failed');
  assert.equal(queue.command(), false);
  queue.clock.now += 2_000;
  assert.equal(queue.command(), true);
});

test('while a flusher is alive none is asked for, and once it is killed the next command does', async (t) => {
  const queue = openQueue(t);
  queue.command();
  queue.clock.now += MINUTE;
  const lock = await tryLockFor(lockFile(queue.spool.directory), 0);
  assert.equal(queue.command(), false);
  lock?.release();
  assert.equal(queue.command(), true);
});

test('a clock that was set back does not keep a flusher from being asked for', (t) => {
  const queue = openQueue(t);
  assert.equal(queue.command(), true);
  queue.clock.now -= DAY;
  assert.equal(queue.command(), true);
});

test('a lock that cannot be used starts no flusher and loses no event', async (t) => {
  const queue = openQueue(t);
  mkdirSync(lockFile(queue.spool.directory));
  assert.equal(queue.command(), false);
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'pending'`), 1);
  await assert.rejects(queue.flush(() => ACCEPTED));
});

test('a command whose own call got through brings the next try forward, after an eighth of the step, and in the middle of the next eighth by chance', async (t) => {
  const queue = openQueue(t);
  // Steps of 30 s, 60 s, 2, 4, 8, 16, 32 minutes, an hour, and an hour for ever.
  const fromOnMs = [10_000, 11_250, 22_500, 45_000, 90_000, 180_000, 360_000, 675_000, 675_000];
  queue.command();
  for (const ms of fromOnMs) {
    await queue.flush(() => OFFLINE);
    queue.clock.now += ms - 1;
    assert.equal(queue.command({ online: true }), false, `${ms} ms: too early to say anything new`);
    queue.clock.now += 1;
    assert.equal(queue.command({ online: false }), false, `${ms} ms: nothing says that the network is back`);
    assert.equal(queue.command({ online: true }), true, `${ms} ms`);
  }
  assert.equal(queue.one('SELECT streak FROM backoff'), fromOnMs.length);
  assert.equal(await queue.flush(() => ACCEPTED), 'drained');
  assert.equal(queue.one('SELECT count(*) FROM backoff'), 0);
});

test('a server that asked for time is left alone, whatever a command has seen', async (t) => {
  const queue = openQueue(t);
  queue.command();
  await queue.flush(() => ({ kind: 'throttled', status: 503, retryAfterMs: 300_000 }));
  queue.clock.now += 4 * MINUTE;
  assert.equal(queue.command({ online: true }), false);
});

test('another project key starts afresh after one that was rejected', async (t) => {
  const queue = openQueue(t);
  queue.command();
  await queue.flush(() => ({ kind: 'unauthorized', status: 401 }));
  assert.equal(await queue.flush(() => ACCEPTED), 'backing off');
  const destination = { host: 'http://127.0.0.1:1', apiKey: 'phc_other' };
  assert.equal(await queue.flush(() => ACCEPTED, { destination }), 'drained');
});

test('after 30 days offline with 1,000 commands nothing is lost, and flushers were started as the back-off allows', async (t) => {
  const queue = openQueue(t);
  let started = 0;
  for (let command = 0; command < 1_000; command += 1) {
    // In bursts of ten, 7.2 hours apart.
    queue.clock.now += command % 10 === 0 ? 7.2 * 60 * MINUTE : 3_000;
    // On a train: now and then Arcade answers and PostHog does not.
    if (!queue.command({ online: command % 7 === 0 })) continue;
    started += 1;
    await queue.flush(() => OFFLINE);
  }
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'pending'`), 1_000);
  assert.equal(queue.one('SELECT max(attempts) FROM record'), 0);
  assert.ok(started <= 110, `${started} flushers, with 100 bursts of commands`);
  assert.ok(queue.one('SELECT count(*) FROM attempt') <= 20 * 1_000);
  queue.clock.now += 60 * MINUTE;
  assert.equal(queue.command(), true);
  await queue.flush(() => ACCEPTED);
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'delivered'`), 1_001);
  assert.equal(unaccounted(queue.spool), 0);
});

test('an event from 1970, of a clock that was not set, does not expire, and does not keep others from it', async (t) => {
  const queue = openQueue(t, Date.parse('1970-01-01T00:05:00Z'));
  queue.add(2);
  queue.clock.now = Date.parse('2026-03-04T12:00:00Z');
  queue.add(3);
  queue.clock.now += 91 * DAY;
  queue.command();
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'dropped.expired'`), 3);
  assert.equal(await queue.flush(() => ACCEPTED), 'drained');
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'delivered'`), 3);
});

test('over the bounds the oldest captures go first, a hundred per append, and are counted', (t) => {
  const queue = openQueue(t);
  queue.add(300);
  queue.command({ maxRecords: 100 });
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'pending'`), 201);
  queue.command({ maxRecords: 100 });
  queue.command({ maxRecords: 100 });
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'pending'`), 100);
  assert.equal(queue.one('SELECT min(id) FROM record'), 204);
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'unreported'`), 203);
  assert.equal(unaccounted(queue.spool), 0);
});
