/** Checks of the files: whose they are, who else may open them, what earlier damage has left, who holds the lock. */
import { join } from 'node:path';
import { FLUSHER } from '../../settings.ts';
import { setAsideFiles } from '../spool/aside.ts';
import { error, type Finding, info, passed, warning } from '../spool/finding.ts';
import { currentUser, placeProblems } from '../spool/place.ts';
import { countSpilled, MAX_SPILLED } from '../spool/spill.ts';
import { obstacleOf } from './obstacles.ts';
import { isFlusherAlive, type Status } from './status.ts';

/** Whether the files belong to this user and are closed to others. `platform`: as `process.platform`. */
export function checkFiles(directory: string, platform: NodeJS.Platform): Finding[] {
  try {
    const found = placeProblems(directory, currentUser());
    if (found.length > 0) return found.map(({ finding }) => finding);
  } catch (thrown) {
    const obstacle = obstacleOf(thrown);
    if (obstacle === undefined) throw thrown;
    return [obstacle];
  }
  if (platform !== 'win32') return [passed('files', 'Only you have access to the files.')];
  return [
    info(
      'files',
      'Who else may open the files is not checked on Windows.',
      'Keep ARCADE_WORK_DIR inside your user profile, which Windows closes to other users.',
    ),
  ];
}

/** What the database could not take in time. */
export function checkSpilled(directory: string): Finding[] {
  const { waiting, bad } = countSpilled(directory);
  const full = error(
    'spill-full',
    `${waiting} events wait in files because the database cannot be used; no more are recorded.`,
    'Fix the other findings first; the next commands then add these events to the database.',
  );
  const foreign = warning(
    'spill-bad',
    `Files in ${join(directory, 'spill')} that are not events of this program, renamed to .bad: ${bad}.`,
    'Inspect them if you like, then delete them.',
  );
  const findings = [...(waiting >= MAX_SPILLED ? [full] : []), ...(bad > 0 ? [foreign] : [])];
  if (findings.length > 0) return findings;
  return [passed('spill', `Events that wait in files for the database: ${waiting}.`)];
}

/** What earlier damage has left. */
export function checkSetAside(directory: string): Finding[] {
  let names: string[];
  try {
    names = setAsideFiles(directory);
  } catch {
    return [];
  }
  if (names.length === 0) return [];
  return [
    info(
      'set-aside',
      `A damaged database was set aside: ${names.join(', ')}.`,
      'What can be read of one called `damaged` is recovered by the next flusher; what cannot is counted as dropped. Delete them if you do not want to look into them.',
    ),
  ];
}

/** Whether what holds usage.lock can be a flusher: that of the last run, if it has not ended. */
export function checkLock(directory: string, now: number, run: Status['lastRun']): Finding {
  if (!isFlusherAlive(directory)) return passed('lock', 'No flusher is running.');
  if (run?.ended_at === null && now - run.started_at <= FLUSHER.budgetMs * 2)
    return passed('lock', 'A flusher is running.');
  return warning(
    'lock-stuck',
    'Another process has held usage.lock for longer than a flusher can run; nothing is sent meanwhile.',
    'It is free again when that process ends: a long `arcade usage flush --timeout`, or a stopped one.',
  );
}
