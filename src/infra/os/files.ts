/** Files that others may read at the same moment: written whole or not at all, and for their owner only. */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  close,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  fsync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  open,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, parse, resolve } from 'node:path';
import { pause } from '../pause.ts';

/**
 * Replaces `target` by `text`: temporary file beside it, fsync, rename. Mode 0600 from the first byte whatever
 * the umask. A symbolic link is replaced, and what it leads to stays as it is. Not `durable`, a power cut may leave nothing
 * of the text. Throws the system's error; `target` is then as it was.
 */
export function replaceAtomically(target: string, text: string, how?: { durable: boolean }): void {
  const draft = writeDraft(target, text, how);
  try {
    whileHeldOpen(draft.publish);
  } catch (error) {
    draft.discard();
    throw error;
  }
}

/** How long a scanner or an indexer may keep a file open on Windows, where it can then not be replaced. */
const HELD_OPEN_MS = 2_000;

/**
 * Does `work`, and on Windows again while the system refuses it as it does for a file that another program has open.
 * Without it a login is lost that has just been renewed. Throws what `work` throws at last.
 */
export function whileHeldOpen(work: () => void, platform: NodeJS.Platform = process.platform): void {
  const deadline = performance.now() + HELD_OPEN_MS;
  for (;;) {
    try {
      work();
      return;
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      const isHeld = platform === 'win32' && /^(?:EPERM|EACCES|EBUSY)$/.test(code);
      if (!isHeld || performance.now() > deadline) throw error;
      pause(20);
    }
  }
}

/** A file beside the one that it is to replace. */
export interface Draft {
  /** Puts it in the file's place. Throws the system's error. */
  publish(): void;
  /** Removes it, unless it has been published. Never throws. */
  discard(): void;
}

/**
 * The slow half of `replaceAtomically`: a text that is on the disk; not `durable`, a power cut may leave nothing of it.
 * Throws the system's error; nothing is then left behind.
 */
export function writeDraft(target: string, text: string, { durable = true } = {}): Draft {
  const temporary = join(
    dirname(target),
    `${draftPrefix(target)}${process.pid}-${randomBytes(8).toString('hex')}.tmp`,
  );
  const discard = (): void => rmSync(temporary, { force: true });
  try {
    makeFile(temporary, text, durable);
  } catch (error) {
    discard();
    throw error;
  }
  return { publish: () => renameSync(temporary, target), discard };
}

/** No process is at work on a draft for so long. */
export const LEFT_AFTER_MS = 3600_000;

/**
 * Removes the drafts of this file, so that a process about to publish one cannot; of a certain age those that killed
 * processes have left. Never throws.
 */
export function removeDrafts(target: string, leftForMs = 0): void {
  const directory = dirname(target);
  const prefix = draftPrefix(target);
  try {
    for (const name of readdirSync(directory)) {
      if (!name.startsWith(prefix) || !DRAFT.test(name.slice(prefix.length))) continue;
      const path = join(directory, name);
      const { mtimeMs = 0 } = statSync(path, { throwIfNoEntry: false }) ?? {};
      if (Math.abs(Date.now() - mtimeMs) >= leftForMs) rmSync(path, { force: true });
    }
  } catch {
    return; // They are in no one's way, or another process is removing them.
  }
}

/** What follows the prefix: the process id, and what tells its drafts apart. */
const DRAFT = /^\d+-[0-9a-f]{16}\.tmp$/;

/** Tells the drafts of one file from those of another, which may be a person's credentials. Short: names are limited. */
function draftPrefix(target: string): string {
  return `.${parse(target).name.slice(0, 30)}-`;
}

/** Of ours none has more than a few hundred. */
const MAX_READ_BYTES = 64 * 1024;

/** Reads a plain file of at most 64 KiB; null for anything else, also a link to one. Never waits for the other end of a pipe. */
export function readText(path: string): string | null {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      const found = fstatSync(file);
      return found.isFile() && found.size <= MAX_READ_BYTES ? readFileSync(file, 'utf8') : null;
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
}

/** Waits until a file's content is on the disk, as far as the system can do that. Never throws. */
export function syncFile(path: string): void {
  try {
    const file = openSync(path, 'r+');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch {
    return; // It is gone, or the disk fails: nothing that the caller could mend.
  }
}

/** The same, while this process goes on with something else. Never rejects. */
export async function syncFileMeanwhile(path: string): Promise<void> {
  // `node:fs/promises` takes 2 ms to load.
  await new Promise<void>((done) => {
    open(path, 'r+', (error, file) => {
      if (error === null) fsync(file, () => close(file, () => done()));
      else done();
    });
  });
}

/**
 * The path itself or the nearest folder above it that exists; undefined where not even its root does, as of a Windows
 * drive that is not there. `system` stands in for another system's paths and files.
 */
export function nearestExisting(path: string, system = { dirname, existsSync }): string | undefined {
  if (system.existsSync(path)) return path;
  const parent = system.dirname(path);
  return parent === path ? undefined : nearestExisting(parent, system);
}

/**
 * Whose home it is that root is in with `directory` (`.arcade`, there or not), as under `sudo`; undefined in root's own,
 * and for every other user.
 */
export function ownerOfBorrowedHome(directory: string, user: number | undefined): number | undefined {
  if (user !== 0) return undefined;
  const home = nearestExisting(dirname(directory));
  const owner = home === undefined ? 0 : statSync(home).uid;
  return owner === 0 ? undefined : owner;
}

/**
 * Makes a directory that only its owner enters, 0700 whatever the umask, with the folders above it; one that exists is
 * left as it is. Returns whether it was made. Throws the system's error, but not where the file system keeps no modes.
 */
export function makePrivateDirectory(path: string): boolean {
  if (existsSync(path)) return false;
  // Not `recursive`: Node then tries for ever where a parent exists and yet refuses with ENOENT, as /proc does.
  if (dirname(path) !== path) makePrivateDirectory(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
  ifPermitted(() => chmodSync(path, 0o700));
  return true;
}

/**
 * Creates a file of mode 0600 whatever the umask, unless `path` exists. Returns whether it did. Throws the system's
 * error, but not where the file system keeps no modes.
 */
export function createPrivateFile(path: string, text = ''): boolean {
  try {
    makeFile(path, text, false);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function makeFile(path: string, text: string, durable: boolean): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    ifPermitted(() => fchmodSync(file, 0o600));
    // Goes on after a short write, until the disk is full.
    writeFileSync(file, text);
    if (durable) ifPermitted(() => fsyncSync(file));
  } finally {
    closeSync(file);
  }
}

/**
 * Where a file system keeps no modes, changing one is refused, or does nothing: the caller looks if it matters. Node's
 * permission model refuses `fchmod` and `fsync`.
 */
function ifPermitted(change: () => void): void {
  try {
    change();
  } catch (error) {
    if (!/^(?:EPERM|ERR_ACCESS_DENIED)$/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
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
