/** Checks of the files: whose they are, who else may open them, what earlier damage has left, who holds the lock. */
import { join } from 'node:path';
import { FLUSHER } from '../../settings.ts';
import { setAsideFiles } from '../spool/aside.ts';
import { countSpilled, MAX_SPILLED } from '../spool/spill.ts';
import { type Checked, passed } from './finding.ts';
import { placeObstacles, roomObstacle } from './obstacles.ts';
import { isFlusherAlive } from './status.ts';

/** Whether the files belong to this user and are closed to others. `platform`: as `process.platform`. */
export function checkFiles(directory: string, platform: NodeJS.Platform): Checked[] {
  const found = placeObstacles(directory);
  if (found.length > 0) return found;
  if (platform !== 'win32') return [passed('files', 'The files are yours, and closed to other users.')];
  return [
    {
      code: 'files',
      severity: 'info',
      message: 'Who else may open the files is not checked on Windows.',
      advice: 'Keep ARCADE_WORK_DIR inside your user profile, which Windows closes to other users.',
    },
  ];
}

/** Whether events can be written down at all. */
export function checkRoom(directory: string): Checked {
  return roomObstacle(directory) ?? passed('room', 'There is room for more events.');
}

/** What the database could not take in time. */
export function checkSpilled(directory: string): Checked[] {
  const { waiting, bad } = countSpilled(directory);
  const findings: Checked[] = [];
  if (waiting >= MAX_SPILLED) {
    findings.push({
      code: 'spill-full',
      severity: 'error',
      message: `${waiting} events wait in files, for the database cannot be used: no more are recorded.`,
      advice:
        'See the other findings for what keeps the database from being used; the next commands then take them in.',
    });
  }
  if (bad > 0) {
    findings.push({
      code: 'spill-bad',
      severity: 'warning',
      message: `Files in ${join(directory, 'spill')} that are not events of this program, renamed to .bad: ${bad}.`,
      advice: 'Look into them if you want to know what they are, and delete them.',
    });
  }
  if (findings.length > 0) return findings;
  return [passed('spill', `Events that wait in files for the database: ${waiting}.`)];
}

/** What earlier damage has left. */
export function checkSetAside(directory: string): Checked[] {
  let names: string[];
  try {
    names = setAsideFiles(directory);
  } catch {
    return [];
  }
  if (names.length === 0) return [];
  return [
    {
      code: 'set-aside',
      severity: 'info',
      message: `A damaged database was set aside: ${names.join(', ')}.`,
      advice:
        'What can be read of one called `damaged` is recovered by the next flusher; what cannot is counted as dropped. Delete them if you do not want to look into them.',
    },
  ];
}

/** Whether what holds usage.lock can be a flusher. `since`: when the last run began, if it has not ended. */
export function checkLock(directory: string, now: number, since: number | undefined): Checked[] {
  if (!isFlusherAlive(directory)) return [passed('lock', 'No flusher is running.')];
  if (since !== undefined && now - since <= FLUSHER.budgetMs * 2)
    return [passed('lock', 'A flusher is running.')];
  return [
    {
      code: 'lock-stuck',
      severity: 'warning',
      message:
        'Another process has held usage.lock for longer than a flusher can run; nothing is sent meanwhile.',
      advice:
        'It is free again when that process ends: a long `arcade usage flush --timeout`, or a stopped one.',
    },
  ];
}
