/** The storm at its full size: 64 processes with 200 events each, killed at 40 points. */
import { FLUSHER } from '../../src/settings.ts';
import { rage } from '../support/storm.ts';

const TOTAL = 64 * 200;

const after = await rage({ writers: 64, eventsEach: 200, kills: 40, latencyMs: 5 });
const { recorded, distinct, stored, killedWriters, killedFlushers, copies, unaccounted } = after;
console.log(
  `${recorded} recorded, ${distinct} delivered, ${stored - distinct} twice; ${killedWriters} writers and ${killedFlushers} flushers killed, ${copies} copies on the wire`,
);
const killed = killedWriters + killedFlushers;
const holds =
  stored === TOTAL &&
  distinct === TOTAL &&
  unaccounted === 0 &&
  killed >= 30 &&
  copies <= killed * FLUSHER.batchRecords;
process.exitCode = holds ? 0 : 1;
