/**
 * What keeps the spool from being read, changed or written to: every reason there is, with its words and what to do.
 * `status`, `doctor`, `why` and the commands that change something print from here.
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
import type { Finding } from './finding.ts';

/** A reason, with the facts that its words need. */
type Reason =
  | PlaceProblem
  | { readonly kind: 'no home' }
  | { readonly kind: 'unwritable'; readonly path: string; readonly code: string }
  | { readonly kind: 'disk full'; readonly path: string }
  | { readonly kind: 'newer' }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'busy' }
  | { readonly kind: 'unusable lock' }
  | { readonly kind: 'unreadable'; readonly code: string }
  | { readonly kind: 'no sqlite'; readonly code: string; readonly advice: string };

/** The state of a store that cannot be read, as `status --json` names it. */
export type Unreadable = 'damaged' | 'newer' | 'foreign' | 'unreadable' | 'busy' | 'no sqlite';

export interface Obstacle extends Finding {
  readonly state: Unreadable;
}

/** The words of a reason; `directory` is `.arcade`. */
export function obstacleOf(reason: Reason, directory: string): Obstacle {
  switch (reason.kind) {
    case 'no home':
      return error('unreadable', 'home', 'There is no home directory, so nothing is recorded.', NAME_A_HOME);
    case 'home of another user':
      return error(
        'foreign',
        'borrowed-home',
        `You are root, and this is the home of user ${reason.owner}: nothing is recorded or changed in it.`,
        `Run it without sudo, as user ${reason.owner}.`,
      );
    case 'folder of another user':
      return ofAnother(reason.owner, 'The .arcade folder', directory);
    case 'not a folder':
      return error('foreign', 'folder', '.arcade is not a folder: nothing is recorded.', MOVE_AWAY);
    case 'open folder':
      return error(
        'foreign',
        'mode',
        `Other users may write to the .arcade folder (mode ${octal(reason.mode)}): nothing is recorded in it.`,
        `Close it with \`chmod 700 ${quoted(directory)}\`.`,
      );
    case 'readable folder':
      return {
        ...error('foreign', 'mode', '', `Close it with \`chmod 700 ${quoted(directory)}\`.`),
        severity: 'info',
        message: `.arcade is open to other users (mode ${octal(reason.mode)}); its files are not.`,
      };
    case 'cannot be closed':
      return error(
        'foreign',
        'modeless',
        `The file system of ${reason.path} keeps no file modes, so other users could read your events: nothing is recorded.`,
        'Set ARCADE_WORK_DIR to a folder of another file system. In WSL that is any folder outside of /mnt; or mount the drives of Windows with `metadata` (/etc/wsl.conf).',
      );
    case 'file of another user':
      return ofAnother(reason.owner, reason.name, `${directory}/${reason.name}`);
    case 'symbolic link':
    case 'hard link':
    case 'not a file': {
      const what = NOT_PLAIN[reason.kind];
      return error('foreign', 'link', `${reason.name} ${what}: nothing is recorded.`, MOVE_AWAY);
    }
    case 'open file':
      return error(
        'foreign',
        'mode',
        `${reason.name} is open to other users (mode ${octal(reason.mode)}).`,
        `Close it with \`chmod 600 ${quoted(`${directory}/${reason.name}`)}\`.`,
      );
    case 'unwritable':
      return error(
        'unreadable',
        'unwritable',
        `${reason.path} cannot be written to (${reason.code}): nothing is recorded.`,
        'Commands work without it. Recording resumes once it can be written to.',
      );
    case 'disk full':
      return error(
        'unreadable',
        'disk-full',
        `The disk of ${reason.path} is full: nothing is recorded.`,
        'Commands work without it. Recording resumes once there is space.',
      );
    case 'newer':
      return error(
        'newer',
        'spool-newer',
        'The usage spool was created by a newer version of arcade; this one leaves it alone and records nothing.',
        'Update arcade, or use the newer one.',
      );
    case 'damaged':
      return error(
        'damaged',
        'spool-damaged',
        'The usage spool is damaged.',
        'The next command sets it aside and starts a new one, and what can be read is recovered. Commands work without it.',
      );
    case 'busy':
      return error(
        'busy',
        'spool-busy',
        'Another process is using the usage spool.',
        'Try again in a moment; the next command puts right what a crash may have left.',
      );
    case 'unusable lock':
      return error('unreadable', 'lock', 'usage.lock is not a lock file: nothing is sent.', MOVE_AWAY);
    case 'unreadable':
      return error(
        'unreadable',
        'spool-unreadable',
        `The usage spool cannot be read (${reason.code}).`,
        'Check the owner and the mode of the .arcade folder and its files: only you should have access.',
      );
    case 'no sqlite':
      return error(
        'no sqlite',
        'native-module',
        `better-sqlite3 cannot be loaded in Node ${process.versions.node} (${reason.code}): events wait in files, and none is sent.`,
        reason.advice,
      );
  }
}

function error(state: Unreadable, code: string, message: string, advice: string): Obstacle {
  return { state, code, severity: 'error', message, advice };
}

const NOT_PLAIN = {
  'symbolic link': 'is a symbolic link',
  'hard link': 'has another name as well (a hard link)',
  'not a file': 'is not a file',
} as const;

function ofAnother(owner: number, what: string, path: string): Obstacle {
  return error(
    'foreign',
    'owner',
    `${what} belongs to another user (${owner}): nothing is recorded.`,
    `Give it back with \`sudo chown ${currentUser()} ${quoted(path)}\`; it was probably created under sudo.`,
  );
}

const NAME_A_HOME = 'Set HOME or ARCADE_WORK_DIR.';
const MOVE_AWAY = 'Move it away; the next command makes a new one.';

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** A path as a shell reads it back. */
function quoted(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`;
}

/** What an error says of the store; undefined when it is a mistake of our own. */
export function reasonOf(thrown: unknown): Reason | undefined {
  if (thrown instanceof PlaceError) return thrown.problem;
  if (thrown instanceof NewerSchemaError) return { kind: 'newer' };
  const { code } = thrown as NodeJS.ErrnoException;
  // EBUSY: on Windows a file that another process has open can be neither renamed nor removed.
  if (thrown instanceof NeverStillError || isBusy(thrown) || code === 'EBUSY') return { kind: 'busy' };
  if (thrown instanceof UnusableLockError) return { kind: 'unusable lock' };
  if (isDamage(thrown)) return { kind: 'damaged' };
  if (code === undefined) return undefined;
  const advice = adviceForAddon(thrown);
  if (advice !== undefined) return { kind: 'no sqlite', code, advice };
  // A schema that was changed by hand, or a disk that fails.
  if (isSqlite(thrown)) return { kind: 'unreadable', code: `${code}: ${thrown.message}` };
  return UNREADABLE.test(code) ? { kind: 'unreadable', code } : undefined;
}

const UNREADABLE = /^(EACCES|EPERM|EIO|ENOTDIR|ELOOP|EROFS|ENOSPC|EDQUOT|EMFILE|ENFILE)$/;

/** Less than what the first event and its log take. */
const ROOM_BYTES = 1024 * 1024;

/** What would keep the next command from recording, as far as the files tell; undefined for nothing. Changes nothing. */
function placeObstacle({ directory }: Settings): Obstacle | undefined {
  if (directory === undefined) return obstacleOf({ kind: 'no home' }, '');
  const reason = caught(() => blockingProblem(directory));
  return reason === undefined ? roomObstacle(directory) : obstacleOf(reason, directory);
}

/** What would keep the next command from recording, by a store that was read or could not be; null for nothing. */
export function recordingObstacle(
  settings: Settings,
  store: { readonly state: string; readonly message?: string },
): string | null {
  // The next command replaces a damaged one, and waits for a busy one.
  const isInTheWay = store.state !== 'damaged' && store.state !== 'busy';
  return (isInTheWay ? store.message : undefined) ?? placeObstacle(settings)?.message ?? null;
}

/** All that is wrong with the place and its files. Changes nothing. */
export function placeObstacles(directory: string): Obstacle[] {
  let problems: PlaceProblem[] = [];
  const reason = caught(() => {
    problems = placeProblems(directory, currentUser());
    return undefined;
  });
  return [...problems, ...(reason === undefined ? [] : [reason])].map((each) => obstacleOf(each, directory));
}

function caught(look: () => Reason | undefined): Reason | undefined {
  try {
    return look();
  } catch (thrown) {
    const reason = reasonOf(thrown);
    if (reason === undefined) throw thrown;
    return reason;
  }
}

/** Whether events can be written down at all: the folder may be read-only, or the disk full. */
export function roomObstacle(directory: string): Obstacle | undefined {
  const place = nearestExisting(directory);
  const database = spoolFile(directory);
  try {
    if (place === undefined)
      return obstacleOf({ kind: 'unwritable', path: directory, code: 'ENOENT' }, directory);
    accessSync(place, constants.W_OK);
    readdirSync(place);
    if (existsSync(database)) accessSync(database, constants.W_OK);
    const { bavail, bsize } = statfsSync(place);
    return bavail * bsize < ROOM_BYTES
      ? obstacleOf({ kind: 'disk full', path: directory }, directory)
      : undefined;
  } catch (thrown) {
    const { code = '', path = directory } = thrown as NodeJS.ErrnoException;
    return obstacleOf({ kind: 'unwritable', path, code }, directory);
  }
}
