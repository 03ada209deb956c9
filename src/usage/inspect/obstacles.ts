/**
 * What keeps the spool from being read, changed or written to: every reason there is, with its words and what to do.
 * `status`, `doctor` and the commands that change something print from here.
 */
import { accessSync, constants, existsSync, readdirSync, statfsSync } from 'node:fs';
import { nearestExisting } from '../../infra/os/files.ts';
import { NewerSchemaError } from '../../infra/sqlite/database.ts';
import { adviceForAddon, isBusy, isDamage, isSqlite } from '../../infra/sqlite/errors.ts';
import { NeverStillError } from '../../infra/sqlite/image.ts';
import { UnusableLockError } from '../../infra/sqlite/lock.ts';
import type { Settings } from '../../settings.ts';
import {
  blockingProblem,
  currentUser,
  PlaceError,
  type PlaceProblem,
  placeProblems,
} from '../spool/place.ts';
import { spoolFile } from '../spool/spool.ts';
import { error, type Finding, info } from './finding.ts';

export interface Obstacle extends Finding {
  /**
   * Of a store that cannot be read, as `status --json` names it; foreign: it is not for this user, or not for them
   * alone.
   */
  readonly state: 'damaged' | 'newer' | 'foreign' | 'unreadable' | 'busy' | 'no sqlite';
}

/** What an error says of the store in `directory`, `.arcade`; undefined when it is a mistake of our own. */
export function obstacleOf(thrown: unknown, directory: string): Obstacle | undefined {
  if (thrown instanceof PlaceError) return { state: 'foreign', ...placeObstacle(thrown.problem, directory) };
  if (thrown instanceof NewerSchemaError) return NEWER;
  const { code, syscall } = thrown as NodeJS.ErrnoException;
  // EBUSY: on Windows a file that another process has open can be neither renamed nor removed.
  if (thrown instanceof NeverStillError || isBusy(thrown) || code === 'EBUSY') return BUSY;
  if (thrown instanceof UnusableLockError) return UNUSABLE_LOCK;
  if (isDamage(thrown)) return DAMAGED;
  if (code === undefined) return undefined;
  const advice = adviceForAddon(thrown);
  if (advice !== undefined) {
    const message = `better-sqlite3 cannot be loaded in Node ${process.versions.node} (${code}): events wait in files, and none is sent.`;
    return unusable('no sqlite', 'native-module', message, advice);
  }
  // A schema that was changed by hand, a disk that fails; all that the system can say of a file.
  if (!isSqlite(thrown) && syscall === undefined) return undefined;
  const message = `The usage spool cannot be read (${isSqlite(thrown) ? `${code}: ${thrown.message}` : code}).`;
  return unusable('unreadable', 'spool-unreadable', message, CHECK_OWNER);
}

function unusable(state: Obstacle['state'], ...words: Parameters<typeof error>): Obstacle {
  return { state, ...error(...words) };
}

const MOVE_AWAY = 'Move it away; the next command makes a new one.';
const CHECK_OWNER =
  'Check the owner and the mode of the .arcade folder and its files: only you should have access.';
const NEWER = unusable(
  'newer',
  'spool-newer',
  'The usage spool was created by a newer version of arcade; this one leaves it alone and records nothing.',
  'Update arcade, or use the newer one.',
);
const DAMAGED = unusable(
  'damaged',
  'spool-damaged',
  'The usage spool is damaged.',
  'The next command sets it aside and starts a new one, and what can be read is recovered. Commands work without it.',
);
const BUSY = unusable(
  'busy',
  'spool-busy',
  'Another process is using the usage spool.',
  'Try again in a moment; the next command puts right what a crash may have left.',
);
const UNUSABLE_LOCK = unusable(
  'unreadable',
  'lock',
  'usage.lock is not a lock file: nothing is sent.',
  MOVE_AWAY,
);

/** The words of what is wrong with a place. */
export function placeObstacle(problem: PlaceProblem, directory: string): Finding {
  switch (problem.kind) {
    case 'home of another user':
      return error(
        'borrowed-home',
        `You are root, and this is the home of user ${problem.owner}: nothing is recorded or changed in it.`,
        `Run it without sudo, as user ${problem.owner}.`,
      );
    case 'folder of another user':
      return ofAnother(problem.owner, 'The .arcade folder', directory);
    case 'file of another user':
      return ofAnother(problem.owner, problem.name, `${directory}/${problem.name}`);
    case 'not a folder':
      return error('folder', '.arcade is not a folder: nothing is recorded.', MOVE_AWAY);
    case 'open folder':
      return error(
        'mode',
        `Other users may write to the .arcade folder (mode ${octal(problem.mode)}): nothing is recorded in it.`,
        `Close it with \`chmod 700 ${quoted(directory)}\`.`,
      );
    case 'readable folder':
      return info(
        'mode',
        `.arcade is open to other users (mode ${octal(problem.mode)}); its files are not.`,
        `Close it with \`chmod 700 ${quoted(directory)}\`.`,
      );
    case 'open file':
      return error(
        'mode',
        `${problem.name} is open to other users (mode ${octal(problem.mode)}).`,
        `Close it with \`chmod 600 ${quoted(`${directory}/${problem.name}`)}\`.`,
      );
    case 'cannot be closed':
      return error(
        'modeless',
        `The file system of ${problem.path} keeps no file modes, so other users could read your events: nothing is recorded.`,
        'Set ARCADE_WORK_DIR to a folder of another file system. In WSL that is any folder outside of /mnt; or mount the drives of Windows with `metadata` (/etc/wsl.conf).',
      );
    case 'symbolic link':
      return error('link', `${problem.name} is a symbolic link: nothing is recorded.`, MOVE_AWAY);
    case 'hard link':
      return error(
        'link',
        `${problem.name} has another name as well (a hard link): nothing is recorded.`,
        MOVE_AWAY,
      );
    case 'not a file':
      return error('link', `${problem.name} is not a file: nothing is recorded.`, MOVE_AWAY);
  }
}

function ofAnother(owner: number, what: string, path: string): Finding {
  return error(
    'owner',
    `${what} belongs to another user (${owner}): nothing is recorded.`,
    `Give it back with \`sudo chown ${currentUser()} ${quoted(path)}\`; it was probably created under sudo.`,
  );
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** A path as a shell reads it back. */
function quoted(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`;
}

/** All that is wrong with the place and its files. Changes nothing. */
export function placeObstacles(directory: string): Finding[] {
  return foundBy(directory, () => placeProblems(directory, currentUser()));
}

/** The words of the problems found; an error of the files is one as well. Throws what is a mistake of our own. */
function foundBy(directory: string, look: () => readonly PlaceProblem[]): Finding[] {
  try {
    return look().map((problem) => placeObstacle(problem, directory));
  } catch (thrown) {
    const obstacle = obstacleOf(thrown, directory);
    if (obstacle === undefined) throw thrown;
    return [obstacle];
  }
}

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
  if (directory === undefined) return NO_HOME;
  const [obstacle] = foundBy(directory, () => [blockingProblem(directory) ?? []].flat());
  return obstacle ?? roomObstacle(directory);
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
