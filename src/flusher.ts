/** The detached flusher: drains the spool and is gone within ten seconds of its start, whatever happens. */
import { openSending } from './sending.ts';
import { FLUSHER, type Program, readSettings } from './settings.ts';
import { runFlusher } from './usage/flusher-run.ts';
import { openSpool } from './usage/spool.ts';

export interface FlusherSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly program: Program;
  /** Milliseconds since this process began, by a clock that never steps. */
  readonly uptimeMs: () => number;
  /** Ends this process with SIGKILL. */
  readonly kill: () => void;
}

/** How long a flusher tries to get the lock: a look at it by a command takes far less. */
const LOCK_WAIT_MS = 200;

/**
 * Runs one flusher. Resolves when nothing is due or another flusher is at work; rejects when the spool fails.
 * `kill` is the last resort: leaving by `process.exit` would wait for a name server that does not answer.
 */
export async function flush({ env, program, uptimeMs, kill }: FlusherSurroundings): Promise<void> {
  setTimeout(kill, Math.max(0, FLUSHER.killAtMs - uptimeMs()));
  const settings = readSettings(env, program);
  if (
    !settings.consent.enabled ||
    settings.directory === undefined ||
    settings.destination.apiKey === undefined
  )
    return;
  const spool = openSpool(settings.directory, program.migrations);
  const sending = await openSending(settings, spool, {
    leftMs: () => FLUSHER.stopAtMs - uptimeMs(),
    ignoreBackoff: false,
  });
  await runFlusher({
    ...sending,
    maxRecords: settings.maxRecords,
    lockWaitMs: LOCK_WAIT_MS,
    minLifeMs: FLUSHER.minLifeMs,
  });
  sending.deliverer.close();
  spool.close();
}
