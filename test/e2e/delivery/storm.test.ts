/** Writers and flushers killed at random: each event is at PostHog once. The full size is `npm run test:long`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLUSHER } from '../../../src/settings.ts';
import { rage } from '../../support/storm.ts';

test('8 processes with 150 events each, killed at 10 points, deliver each event once', async () => {
  const after = await rage({ writers: 8, eventsEach: 150, kills: 10, latencyMs: 20 });
  assert.deepEqual(
    [after.recorded, after.stored, after.distinct, after.unaccounted],
    [1_200, 1_200, 1_200, 0],
  );
  assert.ok(after.killedFlushers + after.killedWriters >= 5);
  assert.ok(after.copies <= (after.killedFlushers + after.killedWriters) * FLUSHER.batchRecords);
});
