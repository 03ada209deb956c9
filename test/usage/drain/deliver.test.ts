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

const counted = (queue: Queue, name: string): number =>
  queue.one(`SELECT value FROM ledger WHERE name = '${name}'`);

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
    // In front of good ones, in the same batch and in another one.
    ...[7, 8, 9, 16, 40, 100, 400].flatMap((bad): [number, number[]][] => {
      const places = Array.from({ length: bad }, (_, i) => i);
      return [
        [bad + 300, places],
        [bad + 500, places],
      ];
    }),
  ];
  for (const [records, places] of cases) {
    const queue = openQueue(t);
    queue.add(records);
    const bad = poison(queue, places);
    assert.equal(await queue.flush(refusing(bad)), 'drained');
    const accepted = queue.sent.filter((batch) => !batch.some(({ uuid }) => bad.has(uuid))).flat();
    assert.equal(new Set(accepted).size, accepted.length, 'each once');
    const extra = queue.sent.length - Math.ceil(records / 500);
    assert.ok(extra <= bound(places.length, records), `${extra} requests for ${places.length} of ${records}`);
    assert.equal(counted(queue, 'quarantined'), places.length);
    assert.equal(counted(queue, 'delivered'), records - places.length);
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
    for (let runs = 0; counted(queue, 'pending') > 0; runs += 1) {
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
    const total = counted(queue, 'recorded');
    // Those that came meanwhile took a request of their own per run at most.
    assert.ok(
      answered - 1 - (total - 500) / 40 <= bound(2, 500),
      `${answered} requests, a failure at every ${every}th`,
    );
    assert.equal(counted(queue, 'quarantined'), 2);
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

test('a batch that is too large is halved, and records that are too large alone are quarantined in one drain', async (t) => {
  for (const places of [[5], [0, 1, 2, 3, 4, 5, 6, 7]]) {
    const queue = openQueue(t);
    queue.add(8);
    const huge = poison(queue, places);
    const isTooLarge = (batch: readonly WireRecord[]) =>
      batch.length > 2 || batch.some(({ uuid }) => huge.has(uuid));
    const outcome = await queue.flush((batch) =>
      isTooLarge(batch) ? { kind: 'too-large', status: 413 } : ACCEPTED,
    );
    assert.deepEqual([outcome, counted(queue, 'delivered')], ['drained', 8 - places.length]);
    assert.equal(queue.one(`SELECT count(*) FROM record WHERE reason = 'too large'`), places.length);
  }
});

test('the quarantine is bounded by number and by age, and what leaves it is counted', async (t) => {
  const queue = openQueue(t);
  queue.add(1_010);
  queue.add(1, 'good');
  const [good] = poison(queue, [1_010]);
  while (counted(queue, 'pending') > 0) {
    await queue.flush((batch) => (batch.length === 1 && batch[0]?.uuid === good ? ACCEPTED : INVALID));
    queue.clock.now += DAY / 24;
  }
  queue.command();
  assert.equal(counted(queue, 'quarantined'), 1_000);
  assert.equal(counted(queue, 'dropped.overflow'), 10);
  queue.clock.now += 91 * DAY;
  await queue.flush(() => ACCEPTED);
  assert.equal(counted(queue, 'quarantined'), 0);
  assert.equal(unaccounted(queue.spool), 0);
});

test('aliases that PostHog rejects, one or many, hold back no captures, not even of their principals', async (t) => {
  const others = (batch: readonly WireRecord[]) =>
    batch.some(({ event }) => event === '$create_alias') ? INVALID : ACCEPTED;
  for (const bad of [1, 24]) {
    const queue = openQueue(t);
    for (let i = 0; i < bad; i += 1) queue.addAlias(`ana-${i}`, `anon-${i}`);
    queue.add(1, 'ana-0');
    queue.add(500, 'ben');
    assert.equal(await queue.flush(others), 'drained');
    assert.equal(counted(queue, 'delivered'), 501);
    assert.equal(counted(queue, 'quarantined'), bad);
  }
});

test('a proxy that rejects everything: after eight lone rejections and one more all stay pending', async (t) => {
  for (const records of [9, 60, 500, 1_200]) {
    const queue = openQueue(t);
    queue.add(records);
    for (let run = 0; run < 4; run += 1) {
      const before = queue.sent.length;
      assert.equal(await queue.flush(() => INVALID), 'backing off');
      assert.ok(queue.sent.length - before <= 24, `${queue.sent.length - before} requests`);
      queue.clock.now += 2 * 60 * MINUTE;
    }
    assert.deepEqual(queue.spool.statement('SELECT reason, status, streak FROM backoff').get(), {
      reason: 'rejected',
      status: 400,
      streak: 4,
    });
    assert.equal(counted(queue, 'pending'), records);
    // The proxy is gone: all of them are good.
    assert.equal(await queue.flush(() => ACCEPTED), 'drained');
    assert.equal(counted(queue, 'delivered'), records);
    assert.equal(new Set(queue.sent.flat().map(({ uuid }) => uuid)).size, records);
    assert.equal(unaccounted(queue.spool), 0);
  }
});

test('fewer than eight lone rejections, and nothing accepted, are believed when the drain ends', async (t) => {
  for (const [answers, outcome] of [
    [Number.POSITIVE_INFINITY, 'drained'],
    // The network goes after three of the seven have been rejected alone.
    [7, 'backing off'],
  ] as const) {
    const queue = openQueue(t);
    queue.add(7);
    assert.equal(await queue.flush((_batch, request) => (request <= answers ? INVALID : OFFLINE)), outcome);
    const expected = outcome === 'drained' ? 7 : 3;
    assert.equal(counted(queue, 'quarantined'), expected);
  }
});

test('bad records only, too many to be believed, are quarantined when one event is accepted', async (t) => {
  const queue = openQueue(t);
  queue.add(40);
  const bad = poison(
    queue,
    Array.from({ length: 40 }, (_, i) => i),
  );
  for (let run = 0; run < 3; run += 1) {
    assert.equal(await queue.flush(refusing(bad)), 'backing off');
    queue.clock.now += 2 * 60 * MINUTE;
  }
  queue.add(1);
  assert.equal(await queue.flush(refusing(bad)), 'drained');
  assert.equal(counted(queue, 'quarantined'), 40);
});

test('a bad alias is believed, however often the network is away in between', async (t) => {
  const queue = openQueue(t);
  queue.addAlias('ana', 'anon-1');
  queue.add(50, 'ana');
  let online = 0;
  while (counted(queue, 'pending') > 0) {
    for (let i = 0; i < 30; i += 1) {
      await queue.flush(() => OFFLINE);
      queue.clock.now += 2 * 60 * MINUTE;
    }
    await queue.flush(([record]) => (record?.event === '$create_alias' ? INVALID : ACCEPTED));
    queue.clock.now += 2 * 60 * MINUTE;
    online += 1;
    assert.ok(online <= 3, 'it comes to an end');
  }
  assert.equal(counted(queue, 'delivered'), 50);
});
