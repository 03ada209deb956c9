/** The storm at its full size: 64 processes with 200 events each, killed at 40 points. */
import { FLUSHER } from '../../src/settings.ts';
import { rage } from '../support/storm.ts';

const ROUNDS = Number(process.env.STORM_ROUNDS ?? 1);

for (let round = 0; round < ROUNDS; round += 1) {
  const storm = { writers: 64, eventsEach: 200, kills: 40, latencyMs: round % 2 === 0 ? 5 : 150 };
  const after = await rage(storm);
  const { recorded, distinct, stored, killedWriters, killedFlushers, copies, seconds } = after;
  console.log(
    `${recorded} recorded, ${distinct} delivered, ${stored - distinct} twice; ${killedWriters} writers and ${killedFlushers} flushers killed, ${copies} copies on the wire, ${seconds} s`,
  );
  const total = storm.writers * storm.eventsEach;
  const holds =
    after.stored === total &&
    after.distinct === total &&
    after.unaccounted === 0 &&
    after.killedWriters + after.killedFlushers >= 30 &&
    after.copies <= (after.killedWriters + after.killedFlushers) * FLUSHER.batchRecords;
  if (!holds) process.exitCode = 1;
}
