/** One flusher's life: it takes the lock, drains what is there and what arrives, and lets go without losing a wake-up. */
import { setTimeout as pause } from 'node:timers/promises';
import { LEFT_AFTER_MS, removeDrafts } from '../../infra/os/files.ts';
import { DamagedError } from '../../infra/sqlite/errors.ts';
import { type Lock, tryLockFor } from '../../infra/sqlite/lock.ts';
import { persist } from '../../infra/sqlite/patience.ts';
import { SPOOL } from '../../settings.ts';
import { recover } from '../recovery/recover.ts';
import { isAnythingDue } from '../spool/due.ts';
import { trim } from '../spool/records.ts';
import { isSound, lockFile, type Spool, sharedFile } from '../spool/spool.ts';
import { type Draining, type DrainOutcome, drain } from './drain.ts';
import { IS_THIS_RUN } from './settle.ts';

export type RunOutcome = DrainOutcome | 'locked';

/** What a drain needs of the network. */
export type Connections = Pick<Draining, 'deliver' | 'credentials' | 'environment'>;

interface Run extends Omit<Draining, keyof Connections> {
  /** Tries at once, whatever back-off is in force; for a person who asks. */
  readonly ignoreBackoff: boolean;
  /** Called once the lock is held: a process that finds it taken need not load what speaks to the network. */
  readonly connect: () => Promise<Connections>;
  readonly maxRecords: number;
  /** Folder of the numbered migrations. */
  readonly migrations: string;
  /** How long to wait for the lock while another flusher has it. */
  readonly lockWaitMs: number;
  /** How long to stay for what may still arrive, after the queue has become empty. */
  readonly lingerMs: number;
}

const TRIM_STEP = 500;
const LOOK_EVERY_MS = 100;
/** Longer than commands that wait for the lock leave between two tries. */
const LET_IN_MS = 8;

/** Runs until nothing is due. 'locked' when another flusher is at work. Rejects when the spool fails. */
export async function runFlusher(run: Run): Promise<RunOutcome> {
  const { spool } = run;
  const lock = await tryLockFor(lockFile(spool.directory), run.lockWaitMs);
  if (lock === undefined) return 'locked';
  try {
    // From here on `persist` waits.
    spool.patience.leftMs = 0;
    await persist(run, () => begin(run));
    try {
      return await live(run, lock);
    } catch (error) {
      noteFailure(run);
      throw error;
    }
  } finally {
    lock.release();
  }
}

async function live(run: Run, lock: Lock): Promise<RunOutcome> {
  const { spool } = run;
  await recover(run);
  removeDrafts(sharedFile(spool.directory), LEFT_AFTER_MS);
  await trimAll(run);
  const draining = { ...run, ...(await run.connect()) };
  for (let written = -1; ; ) {
    const outcome = await drain(draining);
    if (outcome === 'drained') await linger(draining);
    moveLog(spool);
    if (await persist(run, () => letGo(draining, lock, outcome))) return outcome;
    // Something is due, and for the second time there was nothing that could be sent: an index and its table differ.
    const before = written;
    written = spool.statement('SELECT total_changes()').pluck().get() as number;
    if (written === before && !isSound(spool)) throw new DamagedError('an index differs from its table');
  }
}

/** From here on the lock tells that a flusher is alive; the mark of the one that was asked for has served. */
function begin({ spool, ignoreBackoff, now }: Run): void {
  spool.transaction(() => {
    spool.statement('UPDATE installation SET flusher_asked_at = NULL').run();
    if (ignoreBackoff) spool.statement('UPDATE backoff SET until = min(until, ?)').run(now());
    spool.statement('INSERT INTO flusher_run (started_at) VALUES (?)').run(now());
    spool.statement('DELETE FROM flusher_run WHERE id <= last_insert_rowid() - ?').run(SPOOL.flusherRuns);
  });
}

/**
 * What the appends have left over the bounds goes here, in steps that let commands in between. Half of the
 * time is for sending, however much there is to trim.
 */
async function trimAll(run: Run): Promise<void> {
  const { spool, maxRecords, leftMs, now } = run;
  const reserveMs = leftMs() / 2;
  const step = (): number => spool.transaction(() => trim(spool, maxRecords, TRIM_STEP, now()));
  while (leftMs() > reserveMs && (await persist(run, step)) === TRIM_STEP) await pause(LET_IN_MS);
}

/**
 * Moves the log into the database, which syncs both, so that no command has to; what is written next begins the log
 * again. Commands leave it as it is (see `Recorder`).
 */
function moveLog(spool: Spool): void {
  try {
    spool.pragma('wal_checkpoint(PASSIVE)');
  } catch {
    // The disk is full, or fails: nothing is lost, and the next flusher tries again.
  }
}

/** Waits until something is due again, or until nothing has been for `lingerMs`. */
async function linger(run: Draining & Run): Promise<void> {
  const deadline = performance.now() + Math.min(run.lingerMs, run.leftMs());
  while (performance.now() < deadline && !(await persist(run, () => stillDue(run))))
    await pause(LOOK_EVERY_MS);
}

/**
 * Ends the run, unless something has become due since: the look, the note and the lock's release are one
 * transaction. A command that appends before it is seen here; one that appends after it finds the lock free
 * and starts the next flusher. Released any later, that flusher would find the lock held and leave.
 */
function letGo(run: Draining, lock: Lock, outcome: DrainOutcome): boolean {
  return run.spool.transaction(() => {
    // After a failure nothing is due, unless a command's own call has just brought the next try forward.
    const looks = outcome === 'drained' || outcome === 'backing off';
    if (looks && run.leftMs() > 0 && stillDue(run)) return false;
    end(run.spool, outcome, run.now());
    lock.release();
    return true;
  });
}

function stillDue(run: Draining): boolean {
  return isAnythingDue(run.spool, { ...run, online: false, now: run.now() });
}

/**
 * With a mark as if another one had been asked for at that moment: where one flusher fails at once the next one would
 * too, and 500 commands would start 500.
 */
function noteFailure({ spool, now }: Run): void {
  const at = now();
  try {
    spool.transaction(() => {
      end(spool, 'failed', at);
      spool.statement('UPDATE installation SET flusher_asked_at = ?').run(at);
    });
  } catch {
    // The spool is what failed.
  }
}

function end(spool: Spool, outcome: DrainOutcome | 'failed', at: number): void {
  spool.statement(`UPDATE flusher_run SET ended_at = ?, outcome = ? WHERE ${IS_THIS_RUN}`).run(at, outcome);
}
