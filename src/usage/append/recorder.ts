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
import { isOptedOut } from '../spool/opt-out.ts';
import { preparePlace } from '../spool/place.ts';
import { inodeOf, type Spool } from '../spool/spool.ts';
import { append, type Entry } from './append.ts';
import { type Capture, spillCapture } from './spill-capture.ts';
import { isWakeLikely } from './wake.ts';

/** As the original words it, with the variable's name as the way out. */
const NOTICE =
  'Arcade collects CLI usage data to help us debug and improve the service. By continuing to use the Arcade CLI, ' +
  'you agree to the terms of our Privacy Policy. To opt out, set the ARCADE_USAGE_TRACKING environment variable to 0.\n';

export interface Recorder {
  /** Whether `record` is likely to ask for a flusher; a command can get ready for it while it waits. */
  readonly wakeIsLikely: boolean;
  /** Appends the command's event, or spills it. True: a flusher is to be started. Never throws. */
  record(execution: Execution, who: Recording): boolean;
}

type Recording = Pick<Entry, 'credentials' | 'change' | 'online'>;

/** Told what went wrong, under ARCADE_DEBUG. */
export type Debug = (what: string, error: unknown) => void;

/** Opens the spool. Never throws: what keeps it from being opened is known when there is an event to record. */
export function openRecorder(settings: Settings, debug: Debug): Recorder {
  const { directory } = settings;
  // Told by a file, so that looking opens nothing: with recording off, not even the database's log is touched.
  if (directory === undefined || isOptedOut(directory) || isHomeMissing(settings))
    return { wakeIsLikely: false, record: () => false };
  let spool: Spool | undefined;
  let failure: unknown;
  const isFirst = inodeOf(directory) === undefined;
  const open = (patienceMs: number): Spool | undefined => {
    try {
      failure = undefined;
      if (isFirst) preparePlace(directory);
      return openSoundSpool(directory, settings.program.migrations, { leftMs: patienceMs });
    } catch (error) {
      failure = error;
      return undefined;
    }
  };
  spool = open(isFirst ? LIMITS.identityPatienceMs : LIMITS.patienceMs);
  return {
    wakeIsLikely:
      spool !== undefined && attempt(debug, () => isWakeLikely(spool as Spool, settings, Date.now())),
    record: (execution, who) => {
      const now = Date.now();
      const capture = { uuid: uuidv7(now), now, event: UsageEvent.of(execution, machineOf()) };
      try {
        if (changesIdentity(execution)) {
          if (spool === undefined && isBusy(failure)) spool = open(LIMITS.identityPatienceMs);
          else if (spool !== undefined) spool.patience.leftMs = LIMITS.identityPatienceMs;
        }
        if (spool === undefined) throw failure;
        return inSoundSpool(spool, settings.program.migrations, (sound) =>
          record(sound, { ...capture, ...who }, settings),
        );
      } catch (error) {
        debug('usage could not be appended', error);
        if (isBusy(error) || adviceForAddon(error) !== undefined)
          attempt(debug, () => spillCapture(directory, { ...capture, ...who }));
        return false;
      } finally {
        attempt(debug, () => {
          spool?.close();
          return true;
        });
      }
    },
  };
}

/** A login and a logout say who all others are, and the first event begins an identity: they wait longer. */
function changesIdentity({ command }: Execution): boolean {
  return command === 'login' || command === 'logout';
}

/** A home is never made, for it may be mounted later; a folder that ARCADE_WORK_DIR names is. */
function isHomeMissing({ directory, workDirectory }: Settings): boolean {
  return workDirectory === undefined && directory !== undefined && !existsSync(dirname(directory));
}

function record(spool: Spool, capture: Capture & Recording, { destination, maxRecords }: Settings): boolean {
  const appended = append(spool, {
    ...capture,
    destination,
    maxRecords,
    // Straight to the file: what is only queued for writing may never be seen.
    showNotice: () => void writeSync(2, NOTICE),
  });
  return appended !== 'refused' && appended.wake;
}

function attempt(debug: Debug, work: () => boolean): boolean {
  try {
    return work();
  } catch (error) {
    debug('usage was not recorded', error);
    return false;
  }
}
