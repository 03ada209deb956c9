/** Files that others may read at the same moment: written whole or not at all, and for their owner only. */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/**
 * Replaces `path` by `text`: temporary file beside it, fsync, rename. Mode 0600 from the first byte whatever
 * the umask. A symbolic link is written through, at its target. Throws the system's error; `path` is then
 * as it was.
 */
export function writeAtomically(path: string, text: string): void {
  replaceAtomically(targetOf(path), text);
}

/** The same for a file of this program's own: a symbolic link is replaced, and what it leads to stays as it is. */
export function replaceAtomically(target: string, text: string): void {
  const temporary = join(dirname(target), `.${randomBytes(8).toString('hex')}.tmp`);
  const file = openSync(temporary, 'wx', 0o600);
  try {
    try {
      fchmodSync(file, 0o600);
      keepOwner(file, existsSync(target) ? target : dirname(target));
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Makes a directory that only its owner enters, 0700 whatever the umask; one that exists is left as it is. */
export function makePrivateDirectory(path: string): void {
  if (existsSync(path)) return;
  // Not `recursive`: Node then tries for ever where a parent exists and yet refuses with ENOENT, as /proc does.
  const missing = [path];
  for (let parent = dirname(path); !existsSync(parent); parent = dirname(parent)) missing.unshift(parent);
  for (const directory of missing) {
    try {
      mkdirSync(directory, { mode: 0o700 });
      chmodSync(directory, 0o700);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Creates an empty file of mode 0600 whatever the umask, unless `path` exists. */
export function createPrivateFile(path: string): void {
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw error;
  }
  try {
    fchmodSync(file, 0o600);
    keepOwner(file, dirname(path));
  } finally {
    closeSync(file);
  }
}

/** Where a path leads through symbolic links; the last one may lead to a file that is still to be made. */
export function targetOf(path: string): string {
  let at = path;
  // As many links as Linux follows.
  for (let links = 0; links < 40; links += 1) {
    if (lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return at;
    at = resolve(realpathSync(dirname(at)), readlinkSync(at));
  }
  return at;
}

/** Root also writes in other people's homes, as under sudo: what is theirs stays theirs. */
function keepOwner(file: number, like: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(like);
  if (uid !== 0) fchownSync(file, uid, gid);
}
