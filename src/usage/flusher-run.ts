/** One flusher's life: it takes the lock, drains what is there and what arrives, and lets go without losing a wake-up. */
import { type Lock, tryLockFor } from '../infra/lock.ts';
import { SPOOL } from '../settings.ts';
import { type Draining, type DrainOutcome, drain } from './drain.ts';
import { trim } from './records.ts';
import { installationOf, lockFile, type Spool } from './spool.ts';
import { isAnythingDue } from './wake.ts';

export type RunOutcome = DrainOutcome | 'locked';

interface Run extends Draining {
  readonly maxRecords: number;
  /** How long to wait for the lock while another flusher has it. */
  readonly lockWaitMs: number;
  /** How long to stay for what arrives after the queue is empty. */
  readonly minLifeMs: number;
}

const TRIM_STEP = 500;

/** Runs until nothing is due. 'locked' when another flusher is at work. Rejects when the spool fails. */
export async function runFlusher(run: Run): Promise<RunOutcome> {
  const lock = await tryLockFor(lockFile(run.spool.directory), run.lockWaitMs);
  if (lock === undefined) return 'locked';
  const started = performance.now();
  const id = begin(run.spool, run.now());
  const onDelivered = (records: number): void => {
    run.spool.statement('UPDATE flusher_run SET delivered = delivered + ? WHERE id = ?').run(records, id);
    run.onDelivered(records);
  };
  try {
    trimAll(run);
    for (;;) {
      const version = run.spool.dataVersion();
      const outcome = await drain({ ...run, onDelivered });
      if (outcome === 'drained') await stayFor(run, version, run.minLifeMs - (performance.now() - started));
      if (letGo(run, lock, id, outcome)) return outcome;
    }
  } catch (error) {
    end(run.spool, id, 'failed', run.now());
    lock.release();
    throw error;
  }
}

/** From here on the lock tells that a flusher is alive; the mark of the one that was asked for has served. */
function begin(spool: Spool, now: number): number {
  return spool.transaction(() => {
    spool.statement('UPDATE installation SET flusher_asked_at = NULL').run();
    spool
      .statement(
        'DELETE FROM flusher_run WHERE id <= (SELECT id FROM flusher_run ORDER BY id DESC LIMIT 1 OFFSET ?)',
      )
      .run(SPOOL.flusherRuns - 2);
    return Number(
      spool.statement('INSERT INTO flusher_run (started_at) VALUES (?)').run(now).lastInsertRowid,
    );
  });
}

/** What the appends have left over the bounds goes here, in steps that let commands in between. */
function trimAll({ spool, maxRecords, leftMs, now }: Run): void {
  while (leftMs() > 0 && spool.transaction(() => trim(spool, maxRecords, TRIM_STEP, now())) === TRIM_STEP);
}

/** Waits until somebody writes to the spool, or until `waitMs` are over. */
async function stayFor(run: Run, version: number, waitMs: number): Promise<void> {
  const deadline = performance.now() + Math.min(waitMs, run.leftMs());
  while (performance.now() < deadline && run.spool.dataVersion() === version) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * Ends the run, unless something has become due since: the look, the note and the lock's release are one
 * transaction. A command that appends before it is seen here; one that appends after it finds the lock free
 * and starts the next flusher. Released any later, that flusher would find the lock held and leave.
 */
function letGo(run: Run, lock: Lock, id: number, outcome: DrainOutcome): boolean {
  return run.spool.transaction(() => {
    if (outcome === 'drained' && stillDue(run)) return false;
    end(run.spool, id, outcome, run.now());
    lock.release();
    return true;
  });
}

function stillDue({ spool, destination, now }: Run): boolean {
  return isAnythingDue(spool, installationOf(spool), { destination, online: false, now: now() });
}

function end(spool: Spool, id: number, outcome: DrainOutcome | 'failed', now: number): void {
  spool.statement('UPDATE installation SET flusher_asked_at = NULL').run();
  spool.statement('UPDATE flusher_run SET ended_at = ?, outcome = ? WHERE id = ?').run(now, outcome, id);
}
