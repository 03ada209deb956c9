/** What becomes of a batch under every answer, on a real database with a clock and a server of the test's own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer } from '../../../src/infra/net/posthog.ts';
import {
  ACCEPTED,
  DAY,
  INVALID,
  MINUTE,
  makeSpool,
  OFFLINE,
  openQueue,
  unaccounted,
} from '../../support/queue.ts';

const throttled = (status: number, retryAfterMs?: number): Answer => ({
  kind: 'throttled',
  status,
  retryAfterMs,
});

test('captures go out oldest first, in batches, and each is settled once', async (t) => {
  const queue = openQueue(t);
  queue.add(1_100);
  const oldest = queue.one(
    'SELECT json_group_array(uuid) FROM (SELECT uuid FROM record ORDER BY id LIMIT 500)',
  );
  assert.equal(await queue.flush(() => ACCEPTED), 'drained');
  assert.equal(JSON.stringify(queue.sent[0]?.map(({ uuid }) => uuid)), oldest);
  // On a slow machine the two others are under way at once, in any order.
  assert.deepEqual(queue.sent.map((batch) => batch.length).sort(), [100, 500, 500]);
  assert.equal(new Set(queue.sent.flat().map(({ uuid }) => uuid)).size, 1_100);
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'delivered'`), 1_100);
  assert.equal(queue.one(`SELECT count(*) FROM record`), 500, 'the last receipts are kept');
  assert.equal(unaccounted(queue.spool), 0);
});

test('an alias goes alone and first, and while it waits so do the captures of its principal', async (t) => {
  const queue = openQueue(t);
  queue.add(2, 'ana');
  queue.addAlias('ana', 'anon-1');
  queue.add(1, 'anon-1');
  await queue.flush((_batch, request) => (request === 1 ? throttled(503) : ACCEPTED));
  assert.deepEqual(
    queue.sent.map((batch) => batch.map(({ event }) => event)),
    [['$create_alias']],
  );
  queue.clock.now += 2 * MINUTE;
  assert.equal(await queue.flush(() => ACCEPTED), 'drained');
  assert.deepEqual(
    queue.sent.slice(1).map((batch) => batch.map(({ distinctId }) => distinctId)),
    [['ana'], ['ana', 'ana', 'anon-1']],
  );
});

test('an alias that is recorded while captures are being sent holds back those of its principal', async (t) => {
  const queue = openQueue(t);
  queue.add(500);
  await queue.flush((_batch, request) => {
    if (request === 1) {
      queue.addAlias('ana', 'anon-1');
      queue.add(1, 'ana');
    }
    return ACCEPTED;
  });
  assert.deepEqual(
    queue.sent.map((batch) => batch.at(-1)?.event),
    ['CLI execution succeeded', '$create_alias', 'CLI execution succeeded'],
  );
});

test('the network is probed with one batch, and its absence burns no attempts', async (t) => {
  const queue = openQueue(t);
  queue.add(3_000);
  assert.equal(await queue.flush(() => OFFLINE), 'backing off');
  assert.equal(queue.sent.length, 1);
  assert.equal(queue.one('SELECT max(attempts) FROM record'), 0);
  assert.deepEqual(queue.spool.statement('SELECT reason, streak FROM backoff').get(), {
    reason: 'offline',
    streak: 1,
  });
});

test('batches that fail together are one failure, and the longest of their waits holds', async (t) => {
  const queue = openQueue(t);
  queue.add(3_000);
  const slowly = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  await queue.flush(async (_batch, request) => {
    await slowly(110);
    if (request === 1) return ACCEPTED;
    return request === 3 ? throttled(429, 600_000) : OFFLINE;
  });
  assert.equal(queue.sent.length, 6);
  const { streak, until, status } = queue.spool.statement('SELECT * FROM backoff').get() as Record<
    string,
    number
  >;
  assert.deepEqual([streak, status], [1, 429]);
  assert.equal(until, queue.clock.now + 660_000);
});

test('4,000 captures and a server that answers after 150 ms: each is on the wire once', async (t) => {
  const queue = openQueue(t);
  queue.add(4_000);
  const outcome = await queue.flush(async () => {
    await new Promise((resolve) => setTimeout(resolve, 150));
    return ACCEPTED;
  });
  assert.equal(outcome, 'drained');
  const uuids = queue.sent.flat().map(({ uuid }) => uuid);
  assert.deepEqual([queue.sent.length, uuids.length, new Set(uuids).size], [8, 4_000, 4_000]);
});

test('a drain that has to stop seals no further batch', async (t) => {
  const queue = openQueue(t);
  queue.add(5_000);
  await queue.flush(async (_batch, request) => {
    await new Promise((resolve) => setTimeout(resolve, request === 2 ? 110 : 160));
    return request === 1 ? ACCEPTED : OFFLINE;
  });
  const sent = queue.sent.flat().length;
  assert.equal(queue.one('SELECT count(*) FROM record WHERE sealed = 1'), sent);
});

test('a batch that is accepted after another one has failed neither undoes its back-off nor makes the drain go on', async (t) => {
  const queue = openQueue(t);
  queue.add(5_000);
  const outcome = await queue.flush(async (_batch, request) => {
    await new Promise((resolve) => setTimeout(resolve, 110 + (request > 2 ? 50 : 0)));
    return request === 2 ? throttled(429, 600_000) : ACCEPTED;
  });
  assert.deepEqual([outcome, queue.sent.length], ['backing off', 6]);
  assert.equal(queue.one('SELECT status FROM backoff'), 429);
});

test('an answer that is neither yes nor no keeps the records, with the reason and the wait', async (t) => {
  const cases: [Answer, string, number, number][] = [
    [{ kind: 'portal', status: 200 }, 'portal', 0, 22_500],
    [throttled(503), 'throttled', 1, 22_500],
    [throttled(429, 100_000), 'throttled', 1, 110_000],
    [throttled(503, 1e15), 'throttled', 1, 1.1 * DAY],
    [{ kind: 'unauthorized', status: 401 }, 'unauthorized', 1, 2_700_000],
  ];
  for (const [answer, reason, attempts, wait] of cases) {
    const queue = openQueue(t);
    queue.add(2);
    assert.equal(await queue.flush(() => answer), 'backing off', reason);
    const backoff = queue.spool.statement('SELECT reason, until - since AS wait FROM backoff').get();
    assert.deepEqual(backoff, { reason, wait: Math.round(wait) });
    assert.equal(queue.one(`SELECT min(attempts) FROM record WHERE state = 'pending'`), attempts);
    assert.equal(await queue.flush(() => ACCEPTED), 'backing off');
    assert.equal(queue.sent.length, 1, 'and nothing is sent meanwhile');
  }
});

test('a person who asks is not held up by a back-off', async (t) => {
  const queue = openQueue(t);
  queue.add(1);
  await queue.flush(() => OFFLINE);
  assert.equal(await queue.flush(() => ACCEPTED, { ignoreBackoff: true }), 'drained');
  assert.equal(queue.one('SELECT count(*) FROM backoff'), 0);
});

test('consent that is withdrawn while captures are sent stops before the next request', async (t) => {
  const queue = openQueue(t);
  queue.add(1_500);
  const outcome = await queue.flush((_batch, request) => {
    if (request === 1) queue.spool.statement('UPDATE installation SET consent = 0').run();
    return ACCEPTED;
  });
  assert.equal(outcome, 'consent withdrawn');
  assert.equal(queue.sent.length, 1);
});

test('what was dropped is reported once, by the next event that is delivered', async (t) => {
  const queue = openQueue(t);
  queue.add(5);
  queue.clock.now += 91 * DAY;
  queue.add(3);
  const counts = () => queue.sent.map((batch) => batch.map(({ properties }) => properties.spool_dropped));
  await queue.flush(() => OFFLINE);
  queue.clock.now += 5 * MINUTE;
  await queue.flush(() => ACCEPTED);
  assert.deepEqual(counts(), [
    [5, undefined, undefined],
    [5, undefined, undefined],
  ]);
  queue.add(1);
  await queue.flush(() => ACCEPTED);
  assert.deepEqual(counts().at(-1), [undefined]);
  assert.equal(unaccounted(queue.spool), 0);
});

test('the count that a refused event would have reported is reported by another one', async (t) => {
  const queue = openQueue(t);
  queue.add(5);
  queue.clock.now += 91 * DAY;
  queue.add(1);
  await queue.flush(() => INVALID);
  queue.add(1);
  await queue.flush(() => ACCEPTED);
  assert.equal(queue.sent.at(-1)?.[0]?.properties.spool_dropped, 5);
});

test('an accepted batch is settled although another process has the write lock for a while', async (t) => {
  const queue = openQueue(t);
  queue.add(1);
  const other = makeSpool(queue.spool.directory);
  t.after(() => other.close());
  const outcome = await queue.flush(() => {
    other.statement('BEGIN IMMEDIATE').run();
    setTimeout(() => other.statement('COMMIT').run(), 100);
    return ACCEPTED;
  });
  assert.equal(outcome, 'drained');
  assert.equal(queue.sent.length, 1);
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'delivered'`), 1);
});
