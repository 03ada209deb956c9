/** What the views of `arcade usage` share: moments that a person names, and moments in JSON. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSince } from '../../src/commands/usage/list.ts';
import { withIsoTimes } from '../../src/commands/usage/words.ts';

test('`usage list --since` with a date begins at midnight of the local calendar, as `stats` counts days', (t) => {
  const usual = process.env.TZ;
  t.after(() => {
    process.env.TZ = usual;
  });
  for (const [zone, expected] of [
    ['UTC', '2026-01-31T00:00:00.000Z'],
    ['America/Los_Angeles', '2026-01-31T08:00:00.000Z'],
    ['Asia/Kathmandu', '2026-01-30T18:15:00.000Z'],
  ] as const) {
    process.env.TZ = zone;
    assert.equal(new Date(readSince('2026-01-31', 0)).toISOString(), expected, zone);
  }
});

test('a moment that no calendar has is null in JSON, where ISO 8601 is promised', () => {
  const document = { recorded_at: 9e15, at: Date.UTC(2026, 0, 31), until: null, sent: 9e15 };
  assert.deepEqual(withIsoTimes(document), {
    recorded_at: null,
    at: '2026-01-31T00:00:00.000Z',
    until: null,
    sent: 9e15,
  });
});
