/**
 * Whether `.arcade` is a place for a person's events: it is the user's own, and the spool's files are plain, known
 * under one name, the user's own, and closed to others. Where they are not, nothing is recorded, and `usage doctor` says why.
 */
import { chmodSync, existsSync, lstatSync, type Stats, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What SQLite opens here. usage.json is none of them: it is only ever replaced as a whole. */
const FILES = [
  'usage.db',
  'usage.db-wal',
  'usage.db-shm',
  'usage.db-journal',
  'usage.lock',
  'usage.repair.lock',
];
const SHARED = 'usage.json';
const OTHERS = 0o077;
const ANYBODY_WRITES = 0o002;

/** Something that stands in `.arcade` is not ours, or not ours alone. The message is a sentence without its dot. */
export class NotOurs extends Error {}

/** Throws NotOurs unless events may be written here; files of ours that others may open are closed to them. */
export function trust(directory: string): void {
  refuseBorrowedHome(directory);
  for (const path of checkPlace(directory)) {
    chmodSync(path, 0o600);
    if (isOpen(lstatSync(path))) throw new NotOurs(`${path} cannot be closed to other users`);
  }
}

/** Throws NotOurs unless what is here is ours. Returns the files that others may open. Changes nothing. */
export function checkPlace(directory: string): string[] {
  const place = statSync(directory, { throwIfNoEntry: false });
  if (place === undefined) return [];
  if (isPosix() && (place.mode & ANYBODY_WRITES) !== 0)
    throw new NotOurs('anybody may write to the .arcade folder');
  if (isPosix() && place.uid !== process.geteuid?.())
    throw new NotOurs(`the .arcade folder belongs to another user (${place.uid})`);
  const open = FILES.map((name) => join(directory, name)).filter((path, i) => {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return false;
    refuseForeign(found, FILES[i] ?? '');
    return isOpen(found);
  });
  return [...open, ...openSharedFile(directory)];
}

/** Another program makes it, by its own umask. A link or a folder in its place is replaced, or left. */
function openSharedFile(directory: string): string[] {
  const path = join(directory, SHARED);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isFile() !== true || found.nlink > 1) return [];
  refuseForeign(found, SHARED);
  return isOpen(found) ? [path] : [];
}

function refuseForeign(found: Stats, name: string): void {
  if (found.isSymbolicLink()) throw new NotOurs(`${name} is a symbolic link`);
  if (!found.isFile()) throw new NotOurs(`${name} is not a file`);
  if (found.nlink > 1) throw new NotOurs(`${name} is also known under another name (a hard link)`);
  if (isPosix() && found.uid !== process.geteuid?.())
    throw new NotOurs(`${name} belongs to another user (${found.uid})`);
}

/** On Windows neither modes nor owners say anything. */
function isPosix(): boolean {
  return process.geteuid !== undefined;
}

function isOpen(found: Stats): boolean {
  return isPosix() && (found.mode & OTHERS) !== 0;
}

/** Whose home it is that root is in, as under `sudo`; undefined in root's own, and for everybody else. */
export function ownerOfBorrowedHome(directory: string): number | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  let home = dirname(directory);
  while (!existsSync(home)) home = dirname(home);
  return statSync(home).uid || undefined;
}

/** Under `sudo` in somebody's home, files of root's would keep that person's next command from recording. */
export function refuseBorrowedHome(directory: string): void {
  if (process.geteuid?.() !== 0) return;
  let place = directory;
  while (!existsSync(place)) place = dirname(place);
  if (statSync(place).uid !== 0) throw new NotOurs('the home belongs to another user');
}
