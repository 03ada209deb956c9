/** When to try again: the arithmetic. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryAfterMs } from '../../../src/infra/net/network.ts';
import { backOff, backoffInForce, backoffMs, COORDINATOR } from '../../../src/usage/spool/backoff.ts';
import { openQueue } from '../../support/queue.ts';

const NOW = Date.parse('2026-03-04T12:00:00Z');
const HOUR = 3600_000;

test('steps double from 30 s to 1 h, and a try falls into the second half of its step', () => {
  const steps = Array.from({ length: 10 }, (_, i) => i + 1).map((streak) =>
    [0, 0.999999].map((random) =>
      Math.round(backoffMs({ reason: 'offline', streak, retryAfterMs: undefined }, () => random) / 1000),
    ),
  );
  assert.deepEqual(steps.slice(0, 3), [
    [15, 30],
    [30, 60],
    [60, 120],
  ]);
  assert.deepEqual(steps.at(-1), [1800, 3600]);
  const longest = backoffMs({ reason: 'offline', streak: 1e9, retryAfterMs: undefined }, () => 0.5);
  assert.equal(longest, 2_700_000);
});

test('Retry-After is understood as seconds or as a date, and otherwise ignored', () => {
  const cases: [string | undefined, number | undefined][] = [
    ['120', 120_000],
    [' 0 ', 0],
    ['Wed, 04 Mar 2026 12:05:00 GMT', 300_000],
    ['Wed, 04 Mar 2026 11:00:00 GMT', 0],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ];
  for (const [header, ms] of cases) assert.equal(retryAfterMs(header, NOW), ms, header);
});

test('a back-off ends when its time has come, and a clock that was set never prolongs it', (t) => {
  const { spool } = openQueue(t);
  const failure = { reason: 'throttled', status: 429, retryAfterMs: 48 * HOUR } as const;
  const until = NOW + 24 * HOUR;
  backOff(spool, COORDINATOR, failure, { at: NOW, random: () => 0 });
  const holds = (now: number) => backoffInForce(spool, COORDINATOR, now) !== null;
  assert.deepEqual([NOW, until - 1, until].map(holds), [true, true, false]);
  assert.equal(holds(NOW - 1), false, 'the clock was set back');
  assert.equal(holds(NOW + 365 * 24 * HOUR), false, 'the clock was set forward');
  spool.statement('UPDATE backoff SET since = 0, until = until + ?').run(24 * HOUR);
  assert.equal(holds(NOW), false, 'no wait is that long');
});
