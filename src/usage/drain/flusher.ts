/** One flusher's life: it takes the lock, drains what is there and what arrives, and lets go without losing a wake-up. */
import { setTimeout as pause } from 'node:timers/promises';
import { removeLeftDrafts } from '../../infra/os/files.ts';
import { DamagedError, isBusy } from '../../infra/sqlite/errors.ts';
import { type Lock, tryLockFor } from '../../infra/sqlite/lock.ts';
import { SPOOL } from '../../settings.ts';
import { recover } from '../recovery/recover.ts';
import { isAnythingDue } from '../spool/due.ts';
import { trim } from '../spool/records.ts';
import { fingerprintOf, isSound, lockFile, type Spool, sharedFile } from '../spool/spool.ts';
import { type Draining, type DrainOutcome, drain } from './drain.ts';
import { trimQuarantine } from './settle.ts';

export type RunOutcome = DrainOutcome | 'locked';

/** What a drain needs of the network. */
export type Connections = Pick<Draining, 'deliverer' | 'resolving'>;

interface Run extends Omit<Draining, keyof Connections | 'persist' | 'runId'> {
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

type Alive = Run & Pick<Draining, 'persist' | 'resolving'>;

const TRIM_STEP = 500;
const LOOK_EVERY_MS = 50;
/** Longer than commands that wait for the lock leave between two tries. */
const LET_IN_MS = 8;
const BUSY_PAUSE_MS = 20;

/** Runs until nothing is due. 'locked' when another flusher is at work. Rejects when the spool fails. */
export async function runFlusher(run: Run): Promise<RunOutcome> {
  const lock = await tryLockFor(lockFile(run.spool.directory), run.lockWaitMs);
  if (lock === undefined) return 'locked';
  try {
    // It waits in `persist`: SQLite would block answers and timers meanwhile.
    run.spool.patience.leftMs = 0;
    const persist = <T>(work: () => T): Promise<T> => whileBusy(run.leftMs, work);
    const id = await persist(() => begin(run));
    try {
      return await live(run, persist, lock, id);
    } catch (error) {
      noteFailure(run, id);
      throw error;
    }
  } finally {
    lock.release();
  }
}

/**
 * Does `work`, again and again while another process has the spool's write lock and time is left: what PostHog has
 * accepted is settled, and not sent twice. Throws what `work` throws.
 */
async function whileBusy<T>(leftMs: () => number, work: () => T): Promise<T> {
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || leftMs() <= 0) throw error;
      await pause(BUSY_PAUSE_MS);
    }
  }
}

async function live(run: Run, persist: Draining['persist'], lock: Lock, runId: number): Promise<RunOutcome> {
  await recover({ ...run, persist });
  removeLeftDrafts(sharedFile(run.spool.directory));
  await trimAll(run, persist);
  const { deliverer, resolving } = await run.connect();
  const alive = { ...run, persist, runId, deliverer, resolving };
  try {
    for (let written = -1; ; ) {
      const outcome = await drain(alive);
      if (outcome === 'drained') await linger(alive);
      if (await persist(() => letGo(alive, lock, runId, outcome))) return outcome;
      // Something is due, and for the second time there was nothing that could be sent: an index and its table differ.
      const before = written;
      written = run.spool.statement('SELECT total_changes()').pluck().get() as number;
      if (written === before && !isSound(run.spool))
        throw new DamagedError('an index differs from its table');
    }
  } finally {
    deliverer.close();
  }
}

/** From here on the lock tells that a flusher is alive; the mark of the one that was asked for has served. */
function begin({ spool, now }: Run): number {
  return spool.transaction(() => {
    spool.statement('UPDATE installation SET flusher_asked_at = NULL').run();
    spool
      .statement(
        'DELETE FROM flusher_run WHERE id <= (SELECT id FROM flusher_run ORDER BY id DESC LIMIT 1 OFFSET ?)',
      )
      .run(SPOOL.flusherRuns - 1);
    return Number(
      spool.statement('INSERT INTO flusher_run (started_at) VALUES (?)').run(now()).lastInsertRowid,
    );
  });
}

/**
 * What the appends have left over the bounds goes here, in steps that let commands in between. Half of the
 * time is for sending, however much there is to trim.
 */
async function trimAll({ spool, maxRecords, leftMs, now }: Run, persist: Draining['persist']): Promise<void> {
  const reserveMs = leftMs() / 2;
  const step = (): number => spool.transaction(() => trim(spool, maxRecords, TRIM_STEP, now()));
  while (leftMs() > reserveMs && (await persist(step)) === TRIM_STEP) await pause(LET_IN_MS);
  await persist(() => spool.transaction(() => trimQuarantine(spool, now())));
}

/** Waits until something is due again, or until nothing has been for `lingerMs`. */
async function linger(run: Alive): Promise<void> {
  const deadline = performance.now() + Math.min(run.lingerMs, run.leftMs());
  let seen: number | undefined;
  while (performance.now() < deadline) {
    const version = run.spool.dataVersion();
    if (version !== seen && (await run.persist(() => stillDue(run)))) return;
    seen = version;
    await pause(LOOK_EVERY_MS);
  }
}

/**
 * Ends the run, unless something has become due since: the look, the note and the lock's release are one
 * transaction. A command that appends before it is seen here; one that appends after it finds the lock free
 * and starts the next flusher. Released any later, that flusher would find the lock held and leave.
 */
function letGo(run: Alive, lock: Lock, id: number, outcome: DrainOutcome): boolean {
  return run.spool.transaction(() => {
    // After a failure nothing is due, unless a command's own call has just brought the next try forward.
    const looks = outcome === 'drained' || outcome === 'backing off';
    if (looks && run.leftMs() > 0 && stillDue(run)) return false;
    end(run.spool, id, outcome, run.now());
    lock.release();
    return true;
  });
}

function stillDue({ spool, destination, resolving, now }: Alive): boolean {
  const environment = fingerprintOf(spool, resolving.environment);
  return isAnythingDue(spool, { destination, online: false, environment, now: now() });
}

/** The mark stays: where one flusher fails at once the next one would too, and 500 commands would start 500. */
function noteFailure({ spool, now }: Run, id: number): void {
  try {
    spool.transaction(() => {
      const at = now();
      end(spool, id, 'failed', at);
      spool.statement('UPDATE installation SET flusher_asked_at = ?').run(at);
    });
  } catch {
    // The spool is what failed.
  }
}

function end(spool: Spool, id: number, outcome: DrainOutcome | 'failed', now: number): void {
  spool.statement('UPDATE installation SET flusher_asked_at = NULL').run();
  spool.statement('UPDATE flusher_run SET ended_at = ?, outcome = ? WHERE id = ?').run(now, outcome, id);
}
