/**
 * Whether `.arcade` is a place for a person's events: it is the user's own, and the spool's files are plain, known
 * under one name, the user's own, and closed to others. Where they are not nothing is recorded.
 */
import { chmodSync, existsSync, lstatSync, rmdirSync, rmSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { opensToOthers } from '../../infra/os/file-system.ts';
import {
  createPrivateFile,
  makePrivateDirectory,
  nearestExisting,
  ownerOfBorrowedHome,
} from '../../infra/os/files.ts';
import { error, type Finding, info } from './finding.ts';

/** What of a place may not be as it is. */
export interface PlaceProblem {
  /**
   * 'not ours': nothing may be changed here. 'unfit': others may look into what is made here. 'blocked': a file that may
   * not be opened. Nothing is recorded in these cases. 'closable': the next command closes the file to others.
   */
  readonly kind: 'not ours' | 'unfit' | 'blocked' | 'closable' | 'harmless';
  readonly path: string;
  readonly finding: Finding;
}

/** Events may not be kept here. */
export class PlaceError extends Error {
  readonly problem: PlaceProblem;

  constructor(problem: PlaceProblem) {
    super(problem.finding.message);
    this.problem = problem;
  }
}

/** These are opened where they are; the others are read with care, or replaced as a whole. */
const OPENED = [
  'usage.db',
  'usage.db-wal',
  'usage.db-shm',
  'usage.db-journal',
  'usage.lock',
  'usage.repair.lock',
  'usage.key',
];
/** Another program makes it too, by its own umask. A link or a folder in its place is replaced, or left. */
const SHARED = 'usage.json';
/** Not of the spool, whose events do not depend on it. */
const CREDENTIALS = 'credentials.yaml';

const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;

/** The effective user's id; undefined on Windows, where neither owners nor modes say anything. */
type User = number | undefined;

/** The user of this process. */
export const currentUser = (): User => process.geteuid?.();

/** Throws PlaceError unless events may be kept here; files of ours that others may open are closed to them. */
export function requirePlace(directory: string): void {
  const problems = placeProblems(directory, currentUser());
  const blocking = problems.find(isBlocking);
  if (blocking !== undefined) throw new PlaceError(blocking);
  for (const { kind, path } of problems) if (kind === 'closable') close(path);
}

/** What keeps events from being kept here; undefined for nothing. Changes nothing. */
export function blockingProblem(directory: string): PlaceProblem | undefined {
  return placeProblems(directory, currentUser()).find(isBlocking);
}

function isBlocking({ kind }: PlaceProblem): boolean {
  return kind !== 'closable' && kind !== 'harmless';
}

/**
 * Makes `.arcade` and an empty database in it, unless they exist. Only a command does: for a flusher, what was deleted
 * stays deleted. Throws the system's error, or PlaceError where they cannot be closed to others, before an event is
 * written: what was made is then removed again.
 */
export function preparePlace(directory: string): void {
  requirePlace(directory);
  const isNew = makePrivateDirectory(directory);
  try {
    if (isNew && isOpen(lstatSync(directory), currentUser())) throw new PlaceError(modeless(directory));
    createDatabaseFile(directory);
  } catch (error) {
    if (isNew) rmdirSync(directory);
    throw error;
  }
}

/** Makes an empty database in `.arcade`, unless there is one. Throws as `preparePlace` does, also where there is no folder. */
export function createDatabaseFile(directory: string): void {
  const database = join(directory, 'usage.db');
  if (!createPrivateFile(database) || !isOpen(lstatSync(database), currentUser())) return;
  rmSync(database);
  throw new PlaceError(modeless(directory));
}

/** Throws PlaceError unless `.arcade` is the user's own, or may be made by them, fit for events or not. */
export function requireOwnPlace(directory: string): void {
  const problem = blockingProblem(directory);
  if (problem?.kind === 'not ours') throw new PlaceError(problem);
}

/** There while the person has said `usage disable`: a lost or damaged database must not forget it. */
export const optOutFile = (directory: string): string => join(directory, 'usage.off');

/** Whether `usage disable` holds, as far as that can be told without opening the database. */
export function isOptedOut(directory: string | undefined): boolean {
  return directory !== undefined && existsSync(optOutFile(directory));
}

/** All that is not as it should be. Changes nothing. */
export function placeProblems(directory: string, user: User): PlaceProblem[] {
  const notOurs = (finding: Finding): PlaceProblem[] => [{ kind: 'not ours', path: directory, finding }];
  const owner = ownerOfBorrowedHome(directory, user);
  if (owner !== undefined) {
    // What is in it is that person's, and for their next command it may be just right.
    const message = `You are root, and this is the home of user ${owner}: nothing is recorded or changed in it.`;
    return notOurs(error('borrowed-home', message, `Run it without sudo, as user ${owner}.`));
  }
  const place = statSync(directory, { throwIfNoEntry: false });
  if (place?.isDirectory() === false)
    return notOurs(error('folder', '.arcade is not a folder: nothing is recorded.', MOVE_AWAY));
  // A link of another user may lead to a folder of ours.
  const foreign = [place && lstatSync(directory), place].find(
    (each) => each !== undefined && each.uid !== user,
  );
  if (user !== undefined && foreign !== undefined)
    return notOurs(ofAnother(foreign, 'The .arcade folder', directory));
  // Where modes cannot be set, what is made here will be open to other users.
  const existing = nearestExisting(directory);
  if (user !== undefined && existing !== undefined && opensToOthers(existing)) return [modeless(directory)];
  if (place === undefined) return [];
  const files = [...OPENED, SHARED, CREDENTIALS].map((name) => fileProblem(directory, name, user));
  return [folderProblem(directory, place, user), ...files].filter((problem) => problem !== undefined);
}

function folderProblem(path: string, place: Stats, user: User): PlaceProblem | undefined {
  if (!isOpen(place, user)) return undefined;
  const [mode, advice] = [octal(place), `Close it with \`chmod 700 ${quoted(path)}\`.`];
  if ((place.mode & OTHERS_WRITE) !== 0) {
    const message = `Other users may write to the .arcade folder (mode ${mode}): nothing is recorded in it.`;
    return { kind: 'unfit', path, finding: error('mode', message, advice) };
  }
  // Which tells them nothing while its files are closed.
  const message = `.arcade is open to other users (mode ${mode}); its files are not.`;
  return { kind: 'harmless', path, finding: info('mode', message, advice) };
}

function fileProblem(directory: string, name: string, user: User): PlaceProblem | undefined {
  const path = join(directory, name);
  const found = lstatOf(path);
  if (found === undefined) return undefined;
  if (!found.isFile() || found.nlink > 1) {
    if (!OPENED.includes(name)) return undefined;
    const hardLink = found.isFile() ? 'has another name as well (a hard link)' : 'is not a file';
    const what = found.isSymbolicLink() ? 'is a symbolic link' : hardLink;
    const finding = error('link', `${name} ${what}: nothing is recorded.`, MOVE_AWAY);
    return { kind: 'blocked', path, finding };
  }
  const isOurs = name !== CREDENTIALS;
  if (user !== undefined && found.uid !== user)
    return { kind: isOurs ? 'blocked' : 'harmless', path, finding: ofAnother(found, name, path) };
  if (!isOpen(found, user)) return undefined;
  const message = `${name} is open to other users (mode ${octal(found)}).`;
  const finding = error('mode', message, `Close it with \`chmod 600 ${quoted(path)}\`.`);
  return { kind: isOurs ? 'closable' : 'harmless', path, finding };
}

/** What to do about a thing that stands in the place of one of ours. */
export const MOVE_AWAY = 'Move it away; the next command makes a new one.';

function ofAnother({ uid }: Stats, what: string, path: string): Finding {
  return error(
    'owner',
    `${what} belongs to another user (${uid}).`,
    `Give it back with \`sudo chown ${currentUser()} ${quoted(path)}\`; it was probably created under sudo.`,
  );
}

function modeless(path: string): PlaceProblem {
  const finding = error(
    'modeless',
    `The file system of ${path} keeps no file modes, so other users could read your events: nothing is recorded.`,
    'Set ARCADE_WORK_DIR to a folder of another file system. In WSL that is any folder outside of /mnt; or mount the drives of Windows with `metadata` (/etc/wsl.conf).',
  );
  return { kind: 'unfit', path, finding };
}

const octal = ({ mode }: Stats): string => (mode & 0o777).toString(8).padStart(4, '0');

/** A path as a shell reads it back. */
const quoted = (path: string): string => `'${path.replaceAll("'", `'\\''`)}'`;

/** Undefined also in a folder that may not be entered: opening the spool says so. */
function lstatOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function close(path: string): void {
  try {
    chmodSync(path, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
  if (isOpen(lstatSync(path), currentUser())) throw new PlaceError(modeless(path));
}

function isOpen({ mode }: Stats, user: User): boolean {
  return user !== undefined && (mode & OTHERS) !== 0;
}
