/**
 * One writer of the storm: `node storm-writer.js DIRECTORY WRITER EVENTS HOST FLUSHER MIGRATIONS`. Records its
 * events one by one as commands do and starts flushers when told to. Killed and started again, it goes on
 * after the last event that was recorded.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { startDetached } from '../../src/infra/os/detached.ts';
import { isBusy } from '../../src/infra/sqlite/errors.ts';
import { append } from '../../src/usage/append/append.ts';
import { openSpool } from '../../src/usage/spool/spool.ts';
import { PROGRAM } from './program.ts';
import { sampleEntry, sampleEvent } from './queue.ts';

const [directory = '', writer = '', events = '', host = '', flusher = '', migrations = ''] =
  process.argv.slice(2);
const destination = { host, apiKey: 'phc_storm' };
const environment = {
  HOME: directory.replace(/\/\.arcade$/, ''),
  ARCADE_POSTHOG_HOST: host,
  ARCADE_POSTHOG_API_KEY: 'phc_storm',
  ARCADE_USAGE_MAX_RECORDS: '1000000',
};

const PACE_MS = 100;

const spool = openSpool(directory, migrations);
for (;;) {
  const { done } = spool
    .statement('SELECT count(*) AS done FROM storm WHERE writer = ?')
    .get(Number(writer)) as { done: number };
  if (done >= Number(events)) break;
  // Commands come one after another, and give the killer something to aim at.
  await pause(Math.random() * PACE_MS);
  if (recordQuietly()) await startDetached({ program: PROGRAM, script: flusher, environment });
}
spool.close();

/** A lock that is held for too long costs this try, and the next one records the event. */
function recordQuietly(): boolean {
  try {
    return recordOne();
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  }
}

function recordOne(): boolean {
  // Its duration is what the storm's trigger knows the writer by.
  const event = sampleEvent({ startedAt: 1, endedAt: 1 + Number(writer) / 1000 });
  return append(spool, sampleEntry(Date.now(), { event, destination, maxRecords: 1_000_000 }));
}
