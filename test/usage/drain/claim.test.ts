import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { sealCaptures, wireRecord } from '../../../src/usage/drain/claim.ts';
import { count } from '../../../src/usage/spool/ledger.ts';
import { openSpool } from '../../../src/usage/spool/spool.ts';
import { sandbox } from '../../support/sandbox.ts';
import { seedSpool } from '../../support/seed.ts';

const LIMITS = { records: 100, bytes: 1_000_000 };

test('what was sent once is sent again as it was, also when events have been dropped since', (t) => {
  const home = sandbox(t);
  seedSpool(home, { records: 4, now: Date.now(), everyMs: 1000, delivered: 1 });
  const spool = openSpool(home.directory, join(import.meta.dirname, '..', '..', '..', 'migrations'));
  t.after(() => spool.close());
  const first = sealCaptures(spool, 0, { ...LIMITS, records: 2 }).map(wireRecord);
  assert.equal(first.length, 2);
  count(spool, 'unreported', 5);
  const again = sealCaptures(spool, 0, LIMITS).map(wireRecord);
  assert.deepEqual(again.slice(0, 2), first);
  assert.equal(again[2]?.properties.spool_dropped, 5);
});
