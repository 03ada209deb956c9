/**
 * What keeps the spool from being read, changed or written to: every reason there is, with its words and what to do.
 * `status`, `doctor` and the commands that change something print from here.
 */
import { accessSync, constants, existsSync, readdirSync, statfsSync } from 'node:fs';
import { nearestExisting } from '../../infra/os/files.ts';
import { NewerSchemaError } from '../../infra/sqlite/database.ts';
import { adviceForAddon, isBusy, isDamage, isSqlite } from '../../infra/sqlite/errors.ts';
import { UnusableLockError } from '../../infra/sqlite/lock.ts';
import type { Settings } from '../../settings.ts';
import { error, type Finding } from '../spool/finding.ts';
import { MOVE_AWAY, PlaceError } from '../spool/place.ts';
import { spoolFile } from '../spool/spool.ts';

export interface Obstacle extends Finding {
  /**
   * Of a store that cannot be read, as `status --json` names it; foreign: it is not for this user, or not for them
   * alone.
   */
  readonly state: 'damaged' | 'newer' | 'foreign' | 'unreadable' | 'busy' | 'no sqlite';
}

/** What an error says of the store; undefined when it is a mistake of our own. */
export function obstacleOf(thrown: unknown): Obstacle | undefined {
  if (thrown instanceof PlaceError) return { state: 'foreign', ...thrown.problem.finding };
  if (thrown instanceof NewerSchemaError) return NEWER;
  const { code, syscall } = thrown as NodeJS.ErrnoException;
  // EBUSY: on Windows a file that another process has open can be neither renamed nor removed.
  if (isBusy(thrown) || code === 'EBUSY') return BUSY;
  if (thrown instanceof UnusableLockError) return UNUSABLE_LOCK;
  if (isDamage(thrown)) return DAMAGED;
  if (code === undefined) return undefined;
  const forAddon = adviceForAddon(thrown);
  if (forAddon !== undefined) {
    const message = `better-sqlite3 cannot be loaded in Node ${process.versions.node} (${code}): events wait in files, and none is sent.`;
    return { state: 'no sqlite', ...error('native-module', message, forAddon) };
  }
  // A schema that was changed by hand, a disk that fails; all that the system can say of a file.
  if (!isSqlite(thrown) && syscall === undefined) return undefined;
  const message = `The usage spool cannot be used (${isSqlite(thrown) ? `${code}: ${thrown.message}` : code}).`;
  const advice =
    'Check that the disk has room and can be written to, and that the .arcade folder and its files are your own.';
  return unusable('unreadable', message, advice);
}

function unusable(state: Obstacle['state'], message: string, advice: string): Obstacle {
  return { state, ...error(`spool-${state}`, message, advice) };
}

const NEWER = unusable(
  'newer',
  'The usage spool was created by a newer version of arcade; this one leaves it alone and records nothing.',
  'Update arcade, or use the newer one.',
);
const DAMAGED = unusable(
  'damaged',
  'The usage spool is damaged.',
  'The next command sets it aside and starts a new one, and what can be read is recovered. Commands work without it.',
);
const BUSY = unusable(
  'busy',
  'Another process is using the usage spool.',
  'Try again in a moment; the next command puts right what a crash may have left.',
);
const UNUSABLE_LOCK: Obstacle = {
  state: 'unreadable',
  ...error('lock', 'usage.lock is not a lock file: nothing is sent.', MOVE_AWAY),
};

export const NO_HOME = error(
  'home',
  'There is no home directory, so nothing is recorded.',
  'Set HOME or ARCADE_WORK_DIR.',
);

/** What would keep the next command from recording, by a store that was read or could not be; undefined for nothing. */
export function recordingObstacle(
  { directory }: Settings,
  store: { readonly state: string } | Obstacle,
): Finding | undefined {
  // The next command replaces a damaged one, and waits for a busy one.
  if ('advice' in store && store.state !== 'damaged' && store.state !== 'busy') return store;
  return directory === undefined ? NO_HOME : roomObstacle(directory);
}

/** Less than what the first event and its log take. */
const ROOM_BYTES = 1024 * 1024;

/** What keeps events from being written down at all, as in a read-only folder or on a full disk. */
export function roomObstacle(directory: string): Finding | undefined {
  try {
    const place = nearestExisting(directory);
    if (place === undefined) throw Object.assign(new Error(), { code: 'ENOENT' });
    const database = spoolFile(directory);
    accessSync(place, constants.W_OK);
    readdirSync(place);
    if (existsSync(database)) accessSync(database, constants.W_OK);
    const { bavail, bsize } = statfsSync(place);
    if (bavail * bsize >= ROOM_BYTES) return undefined;
  } catch (thrown) {
    const { code = '', path = directory } = thrown as NodeJS.ErrnoException;
    return error(
      'unwritable',
      `${path} cannot be written to (${code}): nothing is recorded.`,
      'Commands work without it. Recording resumes once it can be written to.',
    );
  }
  return error(
    'disk-full',
    `The disk of ${directory} is full: nothing is recorded.`,
    'Commands work without it. Recording resumes once there is space.',
  );
}
