/** What is counted for `usage stats`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStats } from '../../../src/usage/inspect/stats.ts';
import { DAY, openQueue } from '../../support/queue.ts';

for (const [zone, offset] of [
  ['Asia/Kolkata', '+05:30'],
  ['Asia/Kathmandu', '+05:45'],
  ['America/St_Johns', '-03:30'],
  ['UTC', 'Z'],
] as const) {
  test(`stats: the first and the last event of a day are that day's in ${zone}`, (t) => {
    const usual = process.env.TZ;
    process.env.TZ = zone;
    t.after(() => {
      process.env.TZ = usual;
    });
    // Not long ago, or the database itself forgets it.
    const day = new Date(Date.now() - 3 * DAY).toISOString().slice(0, 10);
    const queue = openQueue(t);
    for (const time of ['00:00:01', '00:29:00', '23:59:59']) {
      queue.clock.now = Date.parse(`${day}T${time}${offset}`);
      queue.command();
    }
    const { events_per_day: perDay } = readStats(queue.spool, 3, queue.clock.now + DAY);
    assert.deepEqual(
      perDay.filter(({ succeeded }) => succeeded > 0).map((found) => [found.day, found.succeeded]),
      [[day, 3]],
    );
  });
}
