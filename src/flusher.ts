/** The detached flusher: drains the spool and is gone within ten seconds of its start, whatever happens. */
import { FLUSHER, type Program, readSettings } from './settings.ts';
import { openSoundSpool, setAsideIfDamaged } from './usage/damage.ts';
import { runFlusher } from './usage/flusher-run.ts';
import { isRefused, type Spool } from './usage/spool.ts';

export interface FlusherSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly program: Program;
  /** Milliseconds since this process began, by a clock that never steps. */
  readonly uptimeMs: () => number;
}

/** How long a flusher tries to get the lock: a look at it by a command takes far less. */
const LOCK_WAIT_MS = 200;

/**
 * Runs one flusher. Resolves when nothing is due, the time is up or another flusher is at work; rejects when
 * the spool fails.
 */
export async function flush({ env, program, uptimeMs }: FlusherSurroundings): Promise<void> {
  const settings = readSettings(env, program);
  const { directory, destination, maxRecords } = settings;
  if (!settings.consent.enabled || directory === undefined || destination.apiKey === undefined) return;
  if (isRefused(directory)) return;
  const spool = openSoundSpool(directory, program.migrations);
  const leftMs = (): number => FLUSHER.stopAtMs - uptimeMs();
  try {
    await runFlusher({
      spool,
      destination,
      connect: async () => (await import('./sending.ts')).connect(settings, leftMs),
      ignoreBackoff: false,
      leftMs,
      now: Date.now,
      random: Math.random,
      onDelivered: () => undefined,
      maxRecords,
      migrations: program.migrations,
      lockWaitMs: LOCK_WAIT_MS,
      lingerMs: FLUSHER.lingerMs,
    });
  } catch (error) {
    setAsideIfDamaged(spool, program.migrations, error);
    throw error;
  } finally {
    tidyUp(spool);
  }
}

/**
 * Moves SQLite's log into the database and removes it, which commands leave to whoever they start. First without a
 * lock, so that nobody waits while the disk is waited for; the closing that needs one then finds nothing left to do.
 */
function tidyUp(spool: Spool): void {
  try {
    spool.pragma('wal_checkpoint(PASSIVE)');
    spool.close();
  } catch {
    // The next one does it.
  }
}
