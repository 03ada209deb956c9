/** Records that PostHog refuses: isolated by halving, in few requests, across runs, without loss to the others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WireRecord } from '../../../src/infra/net/posthog.ts';
import {
  ACCEPTED,
  DAY,
  INVALID,
  MINUTE,
  OFFLINE,
  openQueue,
  type Queue,
  unaccounted,
} from '../../support/queue.ts';

/** The uuids of the records at these places in the queue. */
function poison(queue: Queue, places: readonly number[]): Set<string> {
  const uuids = queue.spool.statement('SELECT uuid FROM record ORDER BY id').raw().all().flat() as string[];
  return new Set(places.map((place) => uuids[place] ?? ''));
}

const refusing = (bad: ReadonlySet<string>) => (batch: readonly WireRecord[]) =>
  batch.some(({ uuid }) => bad.has(uuid)) ? INVALID : ACCEPTED;

/** Requests more than an all-good queue takes, as promised for k bad records among n. */
const bound = (bad: number, records: number): number => 2 * bad * Math.log2(records) + 8;

test('every bad record is isolated within the promised number of requests, and every good one delivered', async (t) => {
  const cases: [number, number[]][] = [
    [500, [0]],
    [500, [499]],
    [500, [250]],
    [2_000, [0, 1, 700, 1_999]],
    [500, Array.from({ length: 25 }, (_, i) => i * 20)],
    ...[7, 8, 9, 16, 100, 400].map((bad): [number, number[]] => [
      bad + 500,
      Array.from({ length: bad }, (_, i) => i),
    ]),
  ];
  for (const [records, places] of cases) {
    const queue = openQueue(t);
    queue.add(records);
    assert.equal(await queue.flush(refusing(poison(queue, places))), 'drained');
    const extra = queue.sent.length - Math.ceil(records / 500);
    assert.ok(extra <= bound(places.length, records), `${extra} requests for ${places.length} of ${records}`);
    assert.equal(queue.one(`SELECT count(*) FROM record WHERE state = 'quarantined'`), places.length);
    assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'delivered'`), records - places.length);
    assert.equal(unaccounted(queue.spool), 0);
  }
});

test('halving goes on in the next run where the network ended it, and the promise holds over all runs', async (t) => {
  for (const every of [2, 3, 5]) {
    const queue = openQueue(t);
    queue.add(500);
    const bad = poison(queue, [123, 377]);
    const answer = refusing(bad);
    let failed = 0;
    for (let runs = 0; queue.one(`SELECT value FROM ledger WHERE name = 'pending'`) > 0; runs += 1) {
      assert.ok(runs < 60, 'it comes to an end');
      await queue.flush((batch, request) => {
        if (request % every !== 0) return answer(batch);
        failed += 1;
        return OFFLINE;
      });
      queue.clock.now += 2 * 60 * MINUTE;
      queue.add(every === 3 && runs < 5 ? 40 : 0);
    }
    const answered = queue.sent.length - failed;
    const total = queue.one(`SELECT value FROM ledger WHERE name = 'recorded'`);
    // Those that came meanwhile took a request of their own per run at most.
    assert.ok(
      answered - 1 - (total - 500) / 40 <= bound(2, 500),
      `${answered} requests, a failure at every ${every}th`,
    );
    assert.equal(queue.one(`SELECT count(*) FROM record WHERE state = 'quarantined'`), 2);
    assert.equal(unaccounted(queue.spool), 0);
  }
});

test('a quarantined record keeps its status, reason and history', async (t) => {
  const queue = openQueue(t);
  queue.add(4);
  await queue.flush(refusing(poison(queue, [2])));
  const record = queue.spool
    .statement(`SELECT id, reason, attempts FROM record WHERE state = 'quarantined'`)
    .get();
  assert.deepEqual(record, { id: 3, reason: 'refused by PostHog', attempts: 3 });
  const history = queue.spool.statement('SELECT outcome, status FROM attempt WHERE record_id = 3').all();
  assert.deepEqual(history, Array(3).fill({ outcome: 'invalid', status: 400 }));
});

test('a batch that is too large is halved, and a record that is too large alone is quarantined', async (t) => {
  const queue = openQueue(t);
  queue.add(8);
  const [huge] = poison(queue, [5]);
  await queue.flush((batch) =>
    batch.length > 2 || batch.some(({ uuid }) => uuid === huge)
      ? { kind: 'too-large', status: 413 }
      : ACCEPTED,
  );
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'delivered'`), 7);
  assert.equal(queue.one(`SELECT reason FROM record WHERE state = 'quarantined'`), 'too large');
});

test('the quarantine is bounded by number and by age, and what leaves it is counted', async (t) => {
  const queue = openQueue(t);
  queue.add(1_010);
  queue.add(1, 'good');
  const [good] = poison(queue, [1_010]);
  while (queue.one(`SELECT count(*) FROM record WHERE state = 'pending'`) > 0) {
    await queue.flush((batch) => (batch.length === 1 && batch[0]?.uuid === good ? ACCEPTED : INVALID));
    queue.clock.now += DAY / 24;
  }
  assert.equal(queue.one(`SELECT count(*) FROM record WHERE state = 'quarantined'`), 1_000);
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'dropped.overflow'`), 10);
  queue.clock.now += 91 * DAY;
  await queue.flush(() => ACCEPTED);
  assert.equal(queue.one(`SELECT count(*) FROM record WHERE state = 'quarantined'`), 0);
  assert.equal(unaccounted(queue.spool), 0);
});

test('an alias that PostHog refuses no longer holds back the captures of its principal', async (t) => {
  const queue = openQueue(t);
  queue.addAlias('ana', 'anon-1');
  queue.add(1, 'ana');
  const others = (batch: readonly WireRecord[]) =>
    batch.some(({ event }) => event === '$create_alias') ? INVALID : ACCEPTED;
  // Nothing but the alias may be sent, so nothing shows that it is PostHog that refuses it.
  for (let run = 0; run < 2; run += 1) {
    assert.equal(await queue.flush(others), 'backing off');
    queue.clock.now += 2 * 60 * MINUTE;
  }
  assert.equal(await queue.flush(others), 'drained');
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'delivered'`), 1);
});

test('what refuses everything is not believed: eight requests alone, and nothing is quarantined', async (t) => {
  const queue = openQueue(t);
  queue.add(500);
  for (let run = 0; run < 2; run += 1) {
    assert.equal(await queue.flush(() => INVALID), 'backing off');
    queue.clock.now += 2 * 60 * MINUTE;
  }
  assert.equal(queue.one(`SELECT reason FROM backoff`), 'portal');
  assert.equal(queue.one(`SELECT status FROM backoff`), 400);
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'quarantined'`), 0);
  assert.ok(queue.sent.length < 40, `${queue.sent.length} requests`);
  // The proxy is gone: all of them are good.
  assert.equal(await queue.flush(() => ACCEPTED), 'drained');
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'delivered'`), 500);
  assert.equal(unaccounted(queue.spool), 0);
});

test('a bad record among nothing else is believed to be bad in the third drain', async (t) => {
  const queue = openQueue(t);
  queue.add(1);
  for (let run = 0; run < 2; run += 1) {
    assert.equal(await queue.flush(() => INVALID), 'backing off');
    queue.clock.now += 2 * 60 * MINUTE;
  }
  assert.equal(await queue.flush(() => INVALID), 'drained');
  assert.equal(queue.one(`SELECT count(*) FROM record WHERE state = 'quarantined'`), 1);
  assert.equal(queue.sent.length, 3);
});

test('bad records only, more than are believed in one drain, are all out of the way in the end', async (t) => {
  const queue = openQueue(t);
  queue.add(40);
  while (queue.one(`SELECT count(*) FROM record WHERE state = 'pending'`) > 0) {
    await queue.flush(() => INVALID);
    queue.clock.now += 2 * 60 * MINUTE;
  }
  assert.equal(queue.one(`SELECT count(*) FROM record WHERE state = 'quarantined'`), 40);
  assert.ok(queue.sent.length <= bound(40, 40), `${queue.sent.length} requests`);
});

test('many bad aliases hold up nobody else', async (t) => {
  const queue = openQueue(t);
  for (let i = 0; i < 24; i += 1) queue.addAlias(`ana-${i}`, `anon-${i}`);
  queue.add(500, 'ben');
  const others = (batch: readonly WireRecord[]) =>
    batch.some(({ event }) => event === '$create_alias') ? INVALID : ACCEPTED;
  assert.equal(await queue.flush(others), 'drained');
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'delivered'`), 500);
  assert.equal(queue.one(`SELECT count(*) FROM record WHERE state = 'quarantined'`), 24);
});

test('a bad alias is believed to be bad in the end, however often the network is away in between', async (t) => {
  const queue = openQueue(t);
  queue.addAlias('ana', 'anon-1');
  queue.add(50, 'ana');
  let online = 0;
  while (queue.one(`SELECT value FROM ledger WHERE name = 'pending'`) > 0) {
    for (let i = 0; i < 30; i += 1) {
      await queue.flush(() => OFFLINE);
      queue.clock.now += 2 * 60 * MINUTE;
    }
    await queue.flush(([record]) => (record?.event === '$create_alias' ? INVALID : ACCEPTED));
    queue.clock.now += 2 * 60 * MINUTE;
    online += 1;
    assert.ok(online <= 3, 'it comes to an end');
  }
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'delivered'`), 50);
});

test('tries in quick succession are one doubt', async (t) => {
  const queue = openQueue(t);
  queue.add(20);
  for (let run = 0; run < 8; run += 1) {
    await queue.flush(() => INVALID, { ignoreBackoff: true });
    queue.clock.now += 1_000;
  }
  assert.equal(queue.one(`SELECT count(*) FROM record WHERE state = 'quarantined'`), 0);
});
