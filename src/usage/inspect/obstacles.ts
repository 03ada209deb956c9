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
import { error, type Finding, info } from './finding.ts';

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

/** The words of a reason; `directory` is `.arcade`. */
export function obstacleOf(reason: Reason, directory: string): Finding {
  const [code, message, advice] = wordsOf(reason, directory);
  return reason.kind === 'readable folder' ? info(code, message, advice) : error(code, message, advice);
}

function wordsOf(reason: Reason, directory: string): [code: string, message: string, advice: string] {
  switch (reason.kind) {
    case 'no home':
      return ['home', 'There is no home directory, so nothing is recorded.', 'Set HOME or ARCADE_WORK_DIR.'];
    case 'home of another user':
      return [
        'borrowed-home',
        `You are root, and this is the home of user ${reason.owner}: nothing is recorded or changed in it.`,
        `Run it without sudo, as user ${reason.owner}.`,
      ];
    case 'folder of another user':
    case 'file of another user': {
      const [what, path] =
        'name' in reason ? [reason.name, `${directory}/${reason.name}`] : ['The .arcade folder', directory];
      return [
        'owner',
        `${what} belongs to another user (${reason.owner}): nothing is recorded.`,
        `Give it back with \`sudo chown ${currentUser()} ${quoted(path)}\`; it was probably created under sudo.`,
      ];
    }
    case 'not a folder':
      return ['folder', '.arcade is not a folder: nothing is recorded.', MOVE_AWAY];
    case 'open folder':
    case 'readable folder': {
      const mode = octal(reason.mode);
      const message =
        reason.kind === 'readable folder'
          ? `.arcade is open to other users (mode ${mode}); its files are not.`
          : `Other users may write to the .arcade folder (mode ${mode}): nothing is recorded in it.`;
      return ['mode', message, `Close it with \`chmod 700 ${quoted(directory)}\`.`];
    }
    case 'cannot be closed':
      return [
        'modeless',
        `The file system of ${reason.path} keeps no file modes, so other users could read your events: nothing is recorded.`,
        'Set ARCADE_WORK_DIR to a folder of another file system. In WSL that is any folder outside of /mnt; or mount the drives of Windows with `metadata` (/etc/wsl.conf).',
      ];
    case 'symbolic link':
      return ['link', `${reason.name} is a symbolic link: nothing is recorded.`, MOVE_AWAY];
    case 'hard link':
      return [
        'link',
        `${reason.name} has another name as well (a hard link): nothing is recorded.`,
        MOVE_AWAY,
      ];
    case 'not a file':
      return ['link', `${reason.name} is not a file: nothing is recorded.`, MOVE_AWAY];
    case 'open file':
      return [
        'mode',
        `${reason.name} is open to other users (mode ${octal(reason.mode)}).`,
        `Close it with \`chmod 600 ${quoted(`${directory}/${reason.name}`)}\`.`,
      ];
    case 'unwritable':
      return [
        'unwritable',
        `${reason.path} cannot be written to (${reason.code}): nothing is recorded.`,
        'Commands work without it. Recording resumes once it can be written to.',
      ];
    case 'disk full':
      return [
        'disk-full',
        `The disk of ${reason.path} is full: nothing is recorded.`,
        'Commands work without it. Recording resumes once there is space.',
      ];
    case 'newer':
      return [
        'spool-newer',
        'The usage spool was created by a newer version of arcade; this one leaves it alone and records nothing.',
        'Update arcade, or use the newer one.',
      ];
    case 'damaged':
      return [
        'spool-damaged',
        'The usage spool is damaged.',
        'The next command sets it aside and starts a new one, and what can be read is recovered. Commands work without it.',
      ];
    case 'busy':
      return [
        'spool-busy',
        'Another process is using the usage spool.',
        'Try again in a moment; the next command puts right what a crash may have left.',
      ];
    case 'unusable lock':
      return ['lock', 'usage.lock is not a lock file: nothing is sent.', MOVE_AWAY];
    case 'unreadable':
      return [
        'spool-unreadable',
        `The usage spool cannot be read (${reason.code}).`,
        'Check the owner and the mode of the .arcade folder and its files: only you should have access.',
      ];
    case 'no sqlite':
      return [
        'native-module',
        `better-sqlite3 cannot be loaded in Node ${process.versions.node} (${reason.code}): events wait in files, and none is sent.`,
        reason.advice,
      ];
  }
}

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
  const { code, syscall } = thrown as NodeJS.ErrnoException;
  // EBUSY: on Windows a file that another process has open can be neither renamed nor removed.
  if (thrown instanceof NeverStillError || isBusy(thrown) || code === 'EBUSY') return { kind: 'busy' };
  if (thrown instanceof UnusableLockError) return { kind: 'unusable lock' };
  if (isDamage(thrown)) return { kind: 'damaged' };
  if (code === undefined) return undefined;
  const advice = adviceForAddon(thrown);
  if (advice !== undefined) return { kind: 'no sqlite', code, advice };
  // A schema that was changed by hand, or a disk that fails.
  if (isSqlite(thrown)) return { kind: 'unreadable', code: `${code}: ${thrown.message}` };
  // Of all that the system can say, from a full disk to a network's file system that is gone.
  return syscall === undefined ? undefined : { kind: 'unreadable', code };
}

/** Runs what looks at files; an error of theirs is the reason. Throws what is a mistake of our own. */
function reasonsBy(look: () => readonly Reason[]): readonly Reason[] {
  try {
    return look();
  } catch (thrown) {
    const reason = reasonOf(thrown);
    if (reason === undefined) throw thrown;
    return [reason];
  }
}

/** All that is wrong with the place and its files. Changes nothing. */
export function placeObstacles(directory: string): Finding[] {
  return reasonsBy(() => placeProblems(directory, currentUser())).map((each) => obstacleOf(each, directory));
}

/** What would keep the next command from recording, by a store that was read or could not be; null for nothing. */
export function recordingObstacle(
  { directory }: Settings,
  store: { readonly state: string; readonly message?: string },
): string | null {
  // The next command replaces a damaged one, and waits for a busy one.
  if (store.message !== undefined && store.state !== 'damaged' && store.state !== 'busy')
    return store.message;
  if (directory === undefined) return obstacleOf({ kind: 'no home' }, '').message;
  const [reason] = reasonsBy(() => [blockingProblem(directory) ?? []].flat());
  return (reason === undefined ? roomObstacle(directory) : obstacleOf(reason, directory))?.message ?? null;
}

/** Less than what the first event and its log take. */
const ROOM_BYTES = 1024 * 1024;

/** What keeps events from being written down at all, as in a read-only folder or on a full disk. */
export function roomObstacle(directory: string): Finding | undefined {
  const place = nearestExisting(directory);
  const database = spoolFile(directory);
  try {
    if (place === undefined)
      return obstacleOf({ kind: 'unwritable', path: directory, code: 'ENOENT' }, directory);
    accessSync(place, constants.W_OK);
    readdirSync(place);
    if (existsSync(database)) accessSync(database, constants.W_OK);
    const { bavail, bsize } = statfsSync(place);
    if (bavail * bsize >= ROOM_BYTES) return undefined;
    return obstacleOf({ kind: 'disk full', path: directory }, directory);
  } catch (thrown) {
    const { code = '', path = directory } = thrown as NodeJS.ErrnoException;
    return obstacleOf({ kind: 'unwritable', path, code }, directory);
  }
}
