/** What one drain takes out of the queue. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { claimsOf } from '../../../src/usage/drain/claim.ts';
import { wireRecord } from '../../../src/usage/event/wire.ts';
import { count } from '../../../src/usage/spool/ledger.ts';
import { ACCEPTED, openQueue, type Queue, unaccounted } from '../../support/queue.ts';

function filled(t: TestContext, records: number): Queue {
  const queue = openQueue(t);
  queue.add(records);
  return queue;
}

test('what was sent once is sent again as it was, also when events have been dropped since', (t) => {
  const { spool, add } = filled(t, 2);
  const claimed = () => claimsOf(spool, Date.now).next('capture').map(wireRecord);
  const first = claimed();
  assert.equal(first.length, 2);
  add(1);
  count(spool, 'unreported', 5);
  const again = claimed();
  assert.deepEqual(again.slice(0, 2), first);
  assert.equal(again[2]?.properties.spool_dropped, 5);
});

test('records whose text is not what was written are quarantined, be it a whole batch, and the others are delivered', async (t) => {
  const queue = filled(t, 700);
  queue.addAlias('ana', 'anon-1');
  for (const change of [
    `properties = '' WHERE id <= 600`,
    `properties = '[]' WHERE id = 2`,
    `event = 'CLI execution exploded' WHERE id = 603`,
    `uuid = 'no uuid' WHERE id = 604`,
    `recorded_at = 9e15 WHERE id = 605`,
    `properties = 'x' WHERE kind = 'alias'`,
  ])
    queue.spool.statement(`UPDATE record SET ${change}`).run();
  assert.equal(await queue.flush(() => ACCEPTED), 'drained');
  assert.equal(queue.one(`SELECT count(*) FROM record WHERE reason = 'unreadable'`), 604);
  assert.equal(queue.one(`SELECT value FROM ledger WHERE name = 'delivered'`), 97);
  assert.equal(unaccounted(queue.spool), 0);
});
