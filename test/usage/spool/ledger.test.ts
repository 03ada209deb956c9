/** The conservation law, under any order of everything that moves a record. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { disable, discard, enable, requeue } from '../../../src/usage/spool/consent.ts';
import { readCounter, readLedger } from '../../../src/usage/spool/ledger.ts';
import { randomFrom } from '../../model/random.ts';
import { ACCEPTED, DAY, INVALID, OFFLINE, openQueue, type Queue, unaccounted } from '../../support/queue.ts';

const rows = (queue: Queue, state: string): number =>
  queue.one(`SELECT count(*) FROM record WHERE state = '${state}'`);

const someUuid = (queue: Queue, random: () => number): string => {
  const id = Math.ceil(random() * (queue.one<number>('SELECT coalesce(max(id), 1) FROM record') + 1));
  return queue.one<string | null>(`SELECT max(uuid) FROM record WHERE id = ${id}`) ?? 'of no record';
};

type Move = (queue: Queue, random: () => number) => unknown;

const MOVES: Readonly<Record<string, Move>> = {
  record: (queue, random) => queue.add(Math.ceil(random() * 30)),
  command: (queue) => queue.command({ maxRecords: 40 }),
  deliver: (queue) => queue.flush(() => ACCEPTED, { maxRecords: 40 }),
  'refuse some': (queue, random) => {
    const bad = 1 + Math.floor(random() * 5);
    return queue.flush((batch) => (batch.length <= bad && random() < 0.7 ? ACCEPTED : INVALID));
  },
  'be offline': (queue) => queue.flush(() => OFFLINE),
  requeue: (queue, random) => requeue(queue.spool, random() < 0.5 ? null : someUuid(queue, random)),
  discard: (queue, random) => discard(queue.spool, random() < 0.1 ? null : someUuid(queue, random)),
  wait: (queue, random) => {
    queue.clock.now += Math.round(random() * 40 * DAY);
  },
  'stop and begin again': (queue) => {
    disable(queue.spool, queue.clock.now);
    assert.equal(readLedger(queue.spool).pending, 0);
    enable(queue.spool, queue.clock.now);
  },
};

test('every record is accounted for after any order of what can happen to it', async (t) => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const queue = openQueue(t);
    const random = randomFrom(seed);
    const done: string[] = [];
    for (let step = 0; step < 60; step += 1) {
      const names = Object.keys(MOVES);
      const name = names[Math.floor(random() ** 1.5 * names.length)] ?? 'record';
      await MOVES[name]?.(queue, random);
      done.push(name);
      const said = `seed ${seed}: ${done.slice(-6).join(', ')}`;
      const { pending, quarantined, recorded } = readLedger(queue.spool);
      assert.equal(unaccounted(queue.spool), 0, said);
      assert.deepEqual([pending, quarantined], [rows(queue, 'pending'), rows(queue, 'quarantined')], said);
      const bytes = queue.one(`SELECT coalesce(sum(bytes), 0) FROM record WHERE state = 'pending'`);
      assert.equal(readCounter(queue.spool, 'pending_bytes'), bytes, said);
      assert.ok(recorded > 0 || step === 0 || rows(queue, 'pending') === 0, said);
    }
    assert.ok(readLedger(queue.spool).recorded > 0);
  }
});
