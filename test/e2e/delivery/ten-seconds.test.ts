/** Ten seconds from the start of a flusher's process to its end, whatever holds it up; and then nothing is lost. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openBigQueue } from '../../support/big-queue.ts';
import { OBSTACLES, SECLUDED, tryObstacle } from '../../support/deadlines.ts';
import { withoutNamespaces } from '../../support/flusher.ts';

/** Half as much again, for a busy machine; the table of `npm run test:long` holds it to 10.5 s. */
const HARD_LIMIT_MS = 15_000;
const RECORDS = 20;

const missing = withoutNamespaces();
if (missing !== undefined) console.log(`Not tried, ${missing}: ${Object.keys(SECLUDED).join(', ')}`);
const obstacles = { ...OBSTACLES, ...(missing === undefined ? SECLUDED : {}) };

describe('a flusher is gone within ten seconds, and nothing is lost or counted twice', {
  concurrency: true,
}, () => {
  for (const [name, obstacle] of Object.entries(obstacles)) {
    test(name, async () => {
      const verdict = await tryObstacle(obstacle, RECORDS);
      assert.ok(verdict.ms <= HARD_LIMIT_MS, `${verdict.ms} ms`);
      assert.deepEqual([verdict.lost, verdict.duplicates], [0, 0]);
      assert.ok(verdict.copies <= RECORDS);
    });
  }
});

// `npm run test:long` tries it with a million.
test('a queue of 50,000 keeps a flusher neither from its end in ten seconds nor from sending', async (t) => {
  const queue = openBigQueue(50_000);
  t.after(() => queue.remove());
  const verdict = await queue.drain(1_000);
  assert.ok(verdict.ms <= HARD_LIMIT_MS, `${verdict.ms} ms`);
  assert.deepEqual([verdict.lost, verdict.duplicates], [0, 0]);
  assert.ok(verdict.delivered > 0);
});
