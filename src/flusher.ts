/** The detached flusher: drains the spool and is gone within ten seconds of its start, whatever happens. */

import { useNetworkVariables } from './infra/net/network.ts';
import type { Probe } from './infra/net/probe.ts';
import { mayHang } from './infra/os/file-system.ts';
import { FLUSHER, type Program, readSettings } from './settings.ts';
import { runFlusher } from './usage/drain/flusher.ts';
import { openSoundSpool, reopenIfDamaged } from './usage/recovery/set-aside.ts';
import { isOptedOut } from './usage/spool/place.ts';
import type { Spool } from './usage/spool/spool.ts';

export interface FlusherSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly program: Program;
  /** Milliseconds since this process began, by a clock that never steps. */
  readonly uptimeMs: () => number;
  /** Starts the thread that ends the process in time, whatever holds up the main one. */
  readonly keepTime: () => void;
}

/** Tries the destination as a flusher goes to it: in its process, with its environment. Null where there is no address. */
export async function probeDestination({
  env,
  program,
}: Pick<FlusherSurroundings, 'env' | 'program'>): Promise<Probe | null> {
  const { destination, flusherEnvironment } = readSettings(env, program);
  if (!URL.canParse(destination.host)) return null;
  const { probe } = await import('./infra/net/probe.ts');
  return await probe(destination, flusherEnvironment);
}

/** How long a flusher tries to get the lock: a look at it by a command takes far less. */
const LOCK_WAIT_MS = 200;

/**
 * Runs one flusher. Resolves when nothing is due, the time is up or another flusher is at work; rejects when
 * the spool fails. The spool is left open: closing it would only put off the end of the process, which a
 * command that starts the next flusher may already have begun to wait for.
 */
export async function flush({ env, program, uptimeMs, keepTime }: FlusherSurroundings): Promise<void> {
  const settings = readSettings(env, program);
  useNetworkVariables(settings.flusherEnvironment);
  const { directory, destination, maxRecords } = settings;
  if (!settings.consent.enabled || directory === undefined || destination.apiKey === undefined) return;
  if (await mayHang(directory)) keepTime();
  if (isOptedOut(directory)) return;
  const leftMs = (): number => FLUSHER.stopAtMs - uptimeMs();
  const run = async (spool: Spool): Promise<unknown> =>
    runFlusher({
      spool,
      destination,
      connect: async () => (await import('./telemetry/connect.ts')).connect(settings, leftMs),
      ignoreBackoff: false,
      leftMs,
      now: Date.now,
      random: Math.random,
      maxRecords,
      migrations: program.migrations,
      lockWaitMs: LOCK_WAIT_MS,
      lingerMs: FLUSHER.lingerMs,
    });
  const spool = openSoundSpool(directory, program.migrations);
  try {
    await run(spool);
  } catch (error) {
    // What was set aside is recovered and sent by a second run; there is no third.
    await run(reopenIfDamaged(spool, program.migrations, error));
  }
}
