/**
 * Whether `.arcade` is a place for a person's events: it is the user's own, and the spool's files are plain, known
 * under one name, the user's own, and closed to others. Where they are not nothing is recorded; `inspect/obstacles.ts`
 * has the words for it.
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

/** What of a place may not be as it is. */
export type PlaceProblem =
  | { readonly kind: 'home of another user'; readonly owner: number }
  | { readonly kind: 'folder of another user'; readonly owner: number }
  | { readonly kind: 'not a folder' }
  /** Others may write to it. */
  | { readonly kind: 'open folder'; readonly mode: number }
  /** Others may look into it, which tells them nothing while its files are closed. */
  | { readonly kind: 'readable folder'; readonly mode: number }
  | { readonly kind: 'file of another user'; readonly name: string; readonly owner: number }
  | { readonly kind: 'symbolic link' | 'hard link' | 'not a file'; readonly name: string }
  /** Closed to others by the next command, if it is of the spool. */
  | { readonly kind: 'open file'; readonly name: string; readonly mode: number }
  | { readonly kind: 'cannot be closed'; readonly path: string };

/** Events may not be kept here. */
export class PlaceError extends Error {
  readonly problem: PlaceProblem;

  constructor(problem: PlaceProblem) {
    super(Object.values(problem).join(', '));
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
export type User = number | undefined;

/** The user of this process. */
export const currentUser = (): User => process.geteuid?.();

/** Throws PlaceError unless events may be kept here; files of ours that others may open are closed to them. */
export function requirePlace(directory: string): void {
  const problems = placeProblems(directory, currentUser());
  const blocking = problems.find(isBlocking);
  if (blocking !== undefined) throw new PlaceError(blocking);
  for (const problem of problems)
    if (problem.kind === 'open file' && problem.name !== CREDENTIALS) close(join(directory, problem.name));
}

/** What keeps events from being kept here; undefined for nothing. Changes nothing. */
export function blockingProblem(directory: string): PlaceProblem | undefined {
  return placeProblems(directory, currentUser()).find(isBlocking);
}

function isBlocking(problem: PlaceProblem): boolean {
  if ('name' in problem && problem.name === CREDENTIALS) return false;
  return problem.kind !== 'open file' && problem.kind !== 'readable folder';
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
    if (isNew && isOpen(lstatSync(directory), currentUser()))
      throw new PlaceError({ kind: 'cannot be closed', path: directory });
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
  throw new PlaceError({ kind: 'cannot be closed', path: directory });
}

/** Throws PlaceError unless `.arcade` is the user's own, or may be made by them, fit for events or not. */
export function requireOwnPlace(directory: string): void {
  const problem = blockingProblem(directory);
  const isAnothers = problem?.kind === 'home of another user' || problem?.kind === 'folder of another user';
  if (isAnothers || problem?.kind === 'not a folder') throw new PlaceError(problem);
}

/** There while the person has said `usage disable`: a lost or damaged database must not forget it. */
export const optOutFile = (directory: string): string => join(directory, 'usage.off');

/** Whether `usage disable` holds, as far as that can be told without opening the database. */
export function isOptedOut(directory: string | undefined): boolean {
  return directory !== undefined && existsSync(optOutFile(directory));
}

/** All that is not as it should be, what keeps events from being kept first. Changes nothing. */
export function placeProblems(directory: string, user: User): PlaceProblem[] {
  const owner = ownerOfBorrowedHome(directory, user);
  // What is in it is that person's, and for their next command it may be just right.
  if (owner !== undefined) return [{ kind: 'home of another user', owner }];
  const place = statSync(directory, { throwIfNoEntry: false });
  if (place?.isDirectory() === false) return [{ kind: 'not a folder' }];
  // A link of another user may lead to a folder of ours.
  const foreign = [place && lstatSync(directory), place].find(
    (each) => each !== undefined && each.uid !== user,
  );
  if (user !== undefined && foreign !== undefined)
    return [{ kind: 'folder of another user', owner: foreign.uid }];
  // Where modes cannot be set, what is made here will be open to other users.
  const existing = nearestExisting(directory);
  if (user !== undefined && existing !== undefined && opensToOthers(existing))
    return [{ kind: 'cannot be closed', path: directory }];
  if (place === undefined) return [];
  const files = [...OPENED, SHARED, CREDENTIALS].map((name) => fileProblem(directory, name, user));
  const all = [folderProblem(place, user), ...files].filter((problem) => problem !== undefined);
  return [...all.filter(isBlocking), ...all.filter((problem) => !isBlocking(problem))];
}

function folderProblem(place: Stats, user: User): PlaceProblem | undefined {
  if (!isOpen(place, user)) return undefined;
  const kind = (place.mode & OTHERS_WRITE) !== 0 ? 'open folder' : 'readable folder';
  return { kind, mode: place.mode & 0o777 };
}

function fileProblem(directory: string, name: string, user: User): PlaceProblem | undefined {
  const found = lstatOf(join(directory, name));
  if (found === undefined) return undefined;
  const another = found.isSymbolicLink() ? 'symbolic link' : found.isFile() ? 'hard link' : 'not a file';
  if (!found.isFile() || found.nlink > 1) return OPENED.includes(name) ? { kind: another, name } : undefined;
  if (user !== undefined && found.uid !== user)
    return { kind: 'file of another user', name, owner: found.uid };
  return isOpen(found, user) ? { kind: 'open file', name, mode: found.mode & 0o777 } : undefined;
}

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
  if (isOpen(lstatSync(path), currentUser())) throw new PlaceError({ kind: 'cannot be closed', path });
}

function isOpen({ mode }: Stats, user: User): boolean {
  return user !== undefined && (mode & OTHERS) !== 0;
}
