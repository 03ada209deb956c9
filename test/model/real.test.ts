/** The model with real processes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runRealCampaign } from './real-history.ts';

// `npm run test:long` runs hundreds.
const FIRST_SEED = 1;
const HISTORIES = 6;

test(`every event is with its owner in ${HISTORIES} random histories with real processes`, async () => {
  const { failures, events, deaths } = await runRealCampaign(FIRST_SEED, HISTORIES);
  assert.deepEqual(failures, []);
  assert.ok(events > 2 * HISTORIES, 'they recorded events');
  assert.ok(deaths > 0, 'some processes were killed');
});
