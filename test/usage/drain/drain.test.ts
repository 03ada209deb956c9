/** What becomes of a batch under every answer, on a real database with a clock and a server of the test's own. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Answer } from '../../../src/infra/net/posthog.ts';
import { append } from '../../../src/usage/append/append.ts';
import type { RunOutcome } from '../../../src/usage/drain/flusher.ts';
import { sharedFile } from '../../../src/usage/spool/spool.ts';
import { readUsageJson } from '../../../src/usage/spool/usage-json.ts';
import {
  ACCEPTED,
  credentialsOf,
  DAY,
  INVALID,
  MINUTE,
  makeSpool,
  OFFLINE,
  openQueue,
  type Queue,
  type Server,
  sampleEntry,
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

test('usage.json tells of a link before its alias is sent, though the command was killed before it wrote that', async (t) => {
  const queue = openQueue(t);
  queue.addAlias('ana', 'anon-1');
  const killed = (): never => {
    throw new Error('killed');
  };
  const told: unknown[] = [];
  await queue.flush((_batch, request) => {
    const change = { kind: 'login', principalId: 'account-b' } as const;
    const login = sampleEntry(queue.clock.now, { credentials: credentialsOf('b'), change });
    if (request === 1) append({ ...queue.spool, sync: killed }, login);
    told.push(readUsageJson(sharedFile(queue.spool.directory))?.principalId);
    return ACCEPTED;
  });
  assert.deepEqual(told, [null, 'account-b', 'account-b']);
});

const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A queue of 5,000, five batches of which are under way at once after the first, and what the drain came to. */
async function together(t: TestContext, server: Server): Promise<[Queue, RunOutcome]> {
  const queue = openQueue(t);
  queue.add(5_000);
  return [queue, await queue.flush(server)];
}

test('batches that fail together are one failure, and the longest of their waits holds', async (t) => {
  const [queue] = await together(t, async (_batch, request) => {
    await after(110);
    if (request === 1) return ACCEPTED;
    return request === 3 ? throttled(429, 600_000) : OFFLINE;
  });
  assert.equal(queue.sent.length, 6);
  assert.deepEqual(queue.spool.statement('SELECT streak, status, until FROM backoff').raw().get(), [
    1,
    429,
    queue.clock.now + 660_000,
  ]);
});

test('a drain that has to stop seals no further batch', async (t) => {
  const [queue] = await together(t, async (_batch, request) => {
    await after(request === 2 ? 110 : 160);
    return request === 1 ? ACCEPTED : OFFLINE;
  });
  assert.equal(queue.one('SELECT count(*) FROM record WHERE sealed = 1'), queue.sent.flat().length);
});

test('a batch that is accepted after another one has failed neither undoes its back-off nor makes the drain go on', async (t) => {
  const [queue, outcome] = await together(t, async (_batch, request) => {
    await after(110 + (request > 2 ? 50 : 0));
    return request === 2 ? throttled(429, 600_000) : ACCEPTED;
  });
  assert.deepEqual([outcome, queue.sent.length], ['backing off', 6]);
  assert.equal(queue.one('SELECT status FROM backoff'), 429);
});

test('4,000 captures and a server that answers after 150 ms: each is on the wire once', async (t) => {
  const queue = openQueue(t);
  queue.add(4_000);
  const outcome = await queue.flush(async () => {
    await after(150);
    return ACCEPTED;
  });
  assert.equal(outcome, 'drained');
  const uuids = queue.sent.flat().map(({ uuid }) => uuid);
  assert.deepEqual([queue.sent.length, uuids.length, new Set(uuids).size], [8, 4_000, 4_000]);
});

test('an answer that is neither yes nor no keeps the records, with the reason and the wait, unless a person asks', async (t) => {
  const cases: [Answer, string, number, number][] = [
    [OFFLINE, 'offline', 0, 22_500],
    [{ kind: 'portal', status: 200 }, 'portal', 0, 22_500],
    [throttled(503), 'throttled', 1, 22_500],
    [throttled(429, 100_000), 'throttled', 1, 110_000],
    [throttled(429, 1_000), 'throttled', 1, 22_500],
    [throttled(503, 1e15), 'throttled', 1, 1.1 * DAY],
    [{ kind: 'unauthorized', status: 401 }, 'unauthorized', 1, 2_700_000],
  ];
  for (const [answer, reason, attempts, wait] of cases) {
    const queue = openQueue(t);
    // One batch finds out.
    queue.add(1_000);
    assert.equal(await queue.flush(() => answer), 'backing off', reason);
    assert.equal(await queue.flush(() => ACCEPTED), 'backing off');
    assert.equal(queue.sent.length, 1, 'and nothing is sent meanwhile');
    const backoff = queue.spool.statement('SELECT reason, streak, until - since AS wait FROM backoff').get();
    assert.deepEqual(backoff, { reason, streak: 1, wait: Math.round(wait) });
    assert.equal(queue.one(`SELECT max(attempts) FROM record WHERE state = 'pending'`), attempts);
    assert.equal(await queue.flush(() => ACCEPTED, { ignoreBackoff: true }), 'drained');
    assert.equal(queue.one('SELECT count(*) FROM backoff'), 0);
  }
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

test('what was dropped is reported once, by the next event that is delivered and not by one that is rejected', async (t) => {
  const queue = openQueue(t);
  const reported = async (answer: Answer) => {
    queue.clock.now += 5 * MINUTE;
    await queue.flush(() => answer);
    return queue.sent.at(-1)?.map(({ properties }) => properties.spool_dropped);
  };
  queue.add(5);
  queue.clock.now += 91 * DAY;
  queue.add(3);
  assert.deepEqual(await reported(OFFLINE), [5, undefined, undefined]);
  assert.deepEqual(await reported(ACCEPTED), [5, undefined, undefined]);
  queue.add(5);
  queue.clock.now += 91 * DAY;
  for (const [answer, dropped] of [
    [INVALID, 5],
    [ACCEPTED, 5],
    [ACCEPTED, undefined],
  ] as const) {
    queue.add(1);
    assert.deepEqual(await reported(answer), [dropped]);
  }
  assert.equal(unaccounted(queue.spool), 0);
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
