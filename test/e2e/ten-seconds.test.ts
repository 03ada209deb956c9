/** Ten seconds from the start of a flusher's process to its end, whatever holds it up; and then nothing is lost. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OBSTACLES, SECLUDED, tryObstacle } from '../support/deadlines.ts';
import { withoutNamespaces } from '../support/flusher.ts';

const HARD_LIMIT_MS = 10_500;
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
