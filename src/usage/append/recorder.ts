/**
 * What the rest of the program sees of the spool: record this, and should a flusher be started? Nothing that
 * goes wrong in here is the command's business; this is the one place that swallows it.
 */

import { writeSync } from 'node:fs';
import type { Settings } from '../../settings.ts';
import { type Execution, UsageEvent } from '../event/event.ts';
import { machineOf } from '../event/machine.ts';
import { inSoundSpool, openSoundSpool } from '../recovery/set-aside.ts';
import { installationOf, isRefused, type Spool } from '../spool/spool.ts';
import { append, type CredentialsSeen, type IdentityChange } from './append.ts';
import { isWakeLikely } from './wake.ts';

/** As the original words it, with the variable's name as the way out. */
const NOTICE =
  'Arcade collects CLI usage data to help us debug and improve the service. By continuing to use the Arcade CLI, ' +
  'you agree to the terms of our Privacy Policy. To opt out, set the ARCADE_USAGE_TRACKING environment variable to 0.\n';

export interface Recorder {
  /** Whether `record` is likely to ask for a flusher; a command can get ready for it while it waits. */
  readonly wakeIsLikely: boolean;
  /** Appends the command's event. True: a flusher is to be started. Never throws. */
  record(execution: Execution, who: Recording): boolean;
}

interface Recording {
  readonly credentials: CredentialsSeen;
  readonly change: IdentityChange;
  readonly online: boolean;
}

/** Told what went wrong, under ARCADE_DEBUG. */
export type Debug = (what: string, error: unknown) => void;

/** Opens the spool. Never throws: without a spool nothing is recorded. */
export function openRecorder(settings: Settings, debug: Debug): Recorder {
  const spool = open(settings, debug);
  if (spool === undefined) return { wakeIsLikely: false, record: () => false };
  return {
    wakeIsLikely: attempt(debug, () =>
      isWakeLikely(spool, installationOf(spool), settings.destination, Date.now()),
    ),
    record: (execution, who) => {
      const woken = attempt(debug, () =>
        inSoundSpool(spool, settings.program.migrations, (sound) => record(sound, execution, who, settings)),
      );
      attempt(debug, () => {
        spool.close();
        return true;
      });
      return woken;
    },
  };
}

function open(settings: Settings, debug: Debug): Spool | undefined {
  // Told by a file, so that looking opens nothing: with recording off, not even the database's log is touched.
  if (settings.directory === undefined || isRefused(settings.directory)) return undefined;
  try {
    return openSoundSpool(settings.directory, settings.program.migrations);
  } catch (error) {
    debug('the spool cannot be opened', error);
    return undefined;
  }
}

function record(spool: Spool, execution: Execution, who: Recording, settings: Settings): boolean {
  const appended = append(spool, {
    ...who,
    event: UsageEvent.of(execution, machineOf()),
    destination: settings.destination,
    maxRecords: settings.maxRecords,
    now: Date.now(),
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
