/**
 * What the rest of the program sees of the spool: record this, and should a flusher be started? Nothing that
 * goes wrong in here is the command's business; this is the one place that swallows it.
 */
import { existsSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { adviceForAddon, isBusy } from '../../infra/sqlite/errors.ts';
import { LIMITS, type Settings } from '../../settings.ts';
import { type Execution, UsageEvent } from '../event/event.ts';
import { machineOf } from '../event/machine.ts';
import { uuidv7 } from '../event/uuid.ts';
import { inSoundSpool, openSoundSpool } from '../recovery/set-aside.ts';
import { isOptedOut, preparePlace } from '../spool/place.ts';
import { inodeOf, type Spool } from '../spool/spool.ts';
import { append, type Entry, spillCapture } from './append.ts';
import { isWakeLikely } from './wake.ts';

/** Worded as by the Python CLI, and with the name of the variable that switches it off. */
const NOTICE =
  'Arcade collects CLI usage data to help us debug and improve the service. By continuing to use the Arcade CLI, ' +
  'you agree to the terms of our Privacy Policy. To opt out, set the ARCADE_USAGE_TRACKING environment variable to 0.\n';

export interface Recorder {
  /** Whether `record` is likely to ask for a flusher; a command can get ready for it while it waits. Never throws. */
  wakeIsLikely(): boolean;
  /**
   * Appends the command's event, or spills it. True: a flusher is to be started. Never throws. The spool is left open, for
   * the process ends now: closing it would move the log into the database and remove it, and leave the next command to
   * begin another. That takes four syncs, 2 ms on a quiet disk and 15 ms on a busy one. A flusher does it in its own time;
   * where none is started, the command that meets a long log does.
   */
  record(execution: Execution, who: Pick<Entry, 'credentials' | 'change' | 'online'>): boolean;
}

/**
 * What some 28 events write. A command that has the spool alone reads the whole log first, and cannot know how much of it
 * is in the database already: only where one closes the spool does the log begin again.
 */
const LONG_LOG_BYTES = 1024 * 1024;

/** Records nothing. */
const SILENT: Recorder = { wakeIsLikely: () => false, record: () => false };

/** Told what went wrong, under ARCADE_DEBUG. */
export type Debug = (what: string, error: unknown) => void;

/** Opens the spool. Never throws: what keeps it from being opened is told when there is an event to record. */
export function openRecorder(settings: Settings, debug: Debug): Recorder {
  const { directory, workDirectory, destination, maxRecords } = settings;
  const { migrations } = settings.program;
  // Told by a file, so that looking opens nothing: with recording off, not even the database's log is touched.
  if (directory === undefined || isOptedOut(directory)) return SILENT;
  // A home is never made, for it may be mounted later; a folder that ARCADE_WORK_DIR names is.
  if (workDirectory === undefined && !existsSync(dirname(directory))) return SILENT;
  const attempt = (work: () => boolean): boolean => {
    try {
      return work();
    } catch (error) {
      debug('usage was not recorded', error);
      return false;
    }
  };
  const isFirstRun = inodeOf(directory) === undefined;
  const patience = { leftMs: isFirstRun ? LIMITS.identityPatienceMs : LIMITS.patienceMs };
  const open = (): Spool => {
    if (isFirstRun) preparePlace(directory);
    return openSoundSpool(directory, migrations, patience);
  };
  let spool: Spool | undefined;
  try {
    spool = open();
  } catch {
    // Tried once more when there is an event to record.
  }
  return {
    wakeIsLikely: () => attempt(() => spool !== undefined && isWakeLikely(spool, destination, Date.now())),
    record: (execution, who) => {
      const now = Date.now();
      const capture = { ...who, uuid: uuidv7(now), now, event: UsageEvent.of(execution, machineOf()) };
      try {
        // A login and a logout say who all others are.
        if (who.change !== null) patience.leftMs = LIMITS.identityPatienceMs;
        spool ??= open();
        const wake = inSoundSpool(spool, migrations, (sound) =>
          append(sound, { ...capture, destination, maxRecords, showNotice }),
        );
        if (!wake && spool.logBytes() > LONG_LOG_BYTES) spool.close();
        return wake;
      } catch (error) {
        debug('usage could not be appended', error);
        if (isBusy(error) || adviceForAddon(error) !== undefined)
          attempt(() => spillCapture(directory, capture));
        return false;
      }
    },
  };
}

/** Straight to the file: what is only queued for writing may never be seen. */
function showNotice(): void {
  writeSync(2, NOTICE);
}
