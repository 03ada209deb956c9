/** credentials.yaml as text: read with every way in which a file can be wrong told apart, written whole. */
import {
  accessSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '../errors.ts';
import { type Fields, fieldsOf } from '../infra/fields.ts';
import {
  makePrivateDirectory,
  ownerOfBorrowedHome,
  removeDrafts,
  removeLeftDrafts,
  replaceAtomically,
  targetOf,
} from '../infra/os/files.ts';

/** Largest credentials.yaml that is read. */
const MAX_BYTES = 1024 * 1024;
const OTHERS_WRITE = 0o022;
const OTHERS = 0o077;

export const credentialsFile = (directory: string): string => join(directory, 'credentials.yaml');

/**
 * Reads the file; undefined when there is none, or an empty one. A file of ours that others may read is closed to them.
 * In the fields that this program knows, scalars are text as they stand: YAML would take the id 0899 for a number, and
 * a time without a zone for UTC. Throws UserError when it cannot be read, may be written by another user, or is not a
 * YAML mapping.
 */
export async function readDocument(path: string): Promise<Fields | undefined> {
  const bytes = readBytes(path);
  if (bytes === undefined) return undefined;
  const { FAILSAFE_SCHEMA, load, nullCoreTag } = await import('js-yaml');
  let content: unknown;
  let asText: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (text.trim() === '') return undefined;
    content = load(text);
    asText = load(text, { schema: FAILSAFE_SCHEMA.withTags(nullCoreTag) });
  } catch (error) {
    throw malformed(path, placeOf(error));
  }
  const fields = fieldsOf(content);
  if (fields === undefined) throw malformed(path);
  const cloud = fieldsOf(fields.cloud);
  const cloudAsText = fieldsOf(fieldsOf(asText)?.cloud);
  if (cloud === undefined || cloudAsText === undefined) return fields;
  const known = Object.entries(cloudAsText).filter(([name]) => KNOWN.includes(name));
  return { ...fields, cloud: { ...cloud, ...Object.fromEntries(known) } };
}

const KNOWN = ['api', 'auth', 'context', 'coordinator_url', 'user'];

/** Where a YAML file is broken. The parser's own error quotes the file, which holds what signs the person in. */
function placeOf(error: unknown): string | undefined {
  const mark = (error as { mark?: { line: number; column: number } }).mark;
  return mark === undefined ? undefined : `line ${mark.line + 1}, column ${mark.column + 1}`;
}

/** Replaces the file, whole or not at all, with mode 0600. Throws UserError. */
export async function writeDocument(path: string, content: Fields): Promise<void> {
  const { dump } = await import('js-yaml');
  try {
    makePrivateDirectory(dirname(path));
    const target = ownTarget(path);
    removeLeftDrafts(target);
    replaceAtomically(target, dump(content, { lineWidth: -1 }));
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/** Keeps a copy of the file beside it, mode 0600, and returns its path. Throws UserError. */
export function keepCopy(path: string): string {
  const copy = `${path}.bak`;
  try {
    const target = ownTarget(path);
    rmSync(copy, { force: true });
    copyFileSync(target, copy, constants.COPYFILE_EXCL);
    // The mode is copied too, and one of root's file was not ours to change.
    const file = openSync(copy, constants.O_RDONLY);
    closeToOthers(file, fstatSync(file));
    closeSync(file);
    return copy;
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/**
 * Throws UserError when `writeDocument` is bound to fail, so that no one goes through a login in vain. Makes
 * nothing.
 */
export function requireWritable(path: string): void {
  try {
    const target = ownTarget(path);
    if (statSync(target, { throwIfNoEntry: false })?.isDirectory()) throw systemError('EISDIR');
    let folder = dirname(target);
    while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
    if (!statSync(folder).isDirectory()) throw systemError('ENOTDIR');
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/**
 * Deletes the file, its drafts and its copy: what a symbolic link of ours leads to, where that is ours too, and the
 * link. Says whether there was one. Throws UserError.
 */
export function removeDocument(path: string): boolean {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory()) throw systemError('EISDIR');
    const target = found?.isSymbolicLink() && isOurs(found) ? targetOf(path) : path;
    removeDrafts(target);
    if (target !== path && isOurFile(target)) rmSync(target, { force: true });
    rmSync(path, { force: true });
    rmSync(`${path}.bak`, { force: true });
    return found !== undefined;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOTDIR') return false;
    throw new UserError(
      'CREDENTIALS_UNWRITABLE',
      `The credentials file ${path} cannot be removed: ${reasonOf(cause)}.`,
      { hint: 'Delete it yourself: it still contains your credentials.', cause },
    );
  }
}

/**
 * Throws UserError unless `directory` may hold a person's login: it belongs to them, and no other user may write there. Root in
 * another user's home is told to go on without sudo: that user could have it follow links. Changes nothing.
 */
export function requireOwnPlace(directory: string): void {
  const user = process.geteuid?.();
  if (user === undefined) return; // On Windows neither owners nor modes say anything.
  const why = 'it belongs to another user';
  if (ownerOfBorrowedHome(directory, user) !== undefined) throw forbidden(directory, why, WITHOUT_SUDO);
  const link = orUndefined(() => lstatSync(directory));
  if (link === undefined) return;
  // Where it leads, if it is a link. Opening a file in it will say what is missing there.
  const there = orUndefined(() => statSync(directory)) ?? link;
  if ([link, there].some(({ uid }) => uid !== user && uid !== 0)) {
    const hint = user === 0 ? WITHOUT_SUDO : 'Set ARCADE_WORK_DIR to a folder of your own.';
    throw forbidden(directory, why, hint);
  }
  if (there.isDirectory() && (there.mode & OTHERS_WRITE) !== 0)
    throw forbidden(directory, 'other users may write to it', `Run \`chmod go-w ${directory}\`.`);
}

function orUndefined(look: () => Stats): Stats | undefined {
  try {
    return look();
  } catch {
    return undefined; // Not there, or not for us to see: opening a file in it will say so.
  }
}

const WITHOUT_SUDO = 'Run the command without sudo, as the user who logged in.';
const CHANGE_OWNER = 'Change its owner, or remove it and run `arcade login`.';

/** Whether there is the file, or what a killed process or `arcade login` left of one. */
export function isAnythingLeft(directory: string): boolean {
  try {
    return readdirSync(directory).some((name) => /^(credentials\.yaml(\.bak)?$|\.credentials-)/.test(name));
  } catch (error) {
    // A directory that is closed to us: removing will say so.
    return !isMissing(error);
  }
}

/** The error of a file that is there and holds no credentials. */
export function malformed(path: string, place?: string): UserError {
  const where = place === undefined ? '' : ` (${place})`;
  return new UserError('CREDENTIALS_MALFORMED', `The credentials file ${path} could not be parsed${where}.`, {
    hint: 'Run `arcade login` to replace it, or correct it by hand.',
  });
}

function readBytes(path: string): Buffer | undefined {
  let file: number | undefined;
  try {
    const link = lstatSync(path);
    if (link.isSymbolicLink() && !isOurs(link) && link.uid !== 0)
      throw forbidden(path, 'it is a link of another user', 'Remove it and run `arcade login`.');
    // Not to wait for the other end of a pipe.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const found = fstatSync(file);
    requireReadable(path, found);
    closeToOthers(file, found);
    return readFileSync(file);
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw cause instanceof UserError ? cause : unreadable(path, reasonOf(cause), cause);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function requireReadable(path: string, found: Stats): void {
  // Reading a pipe or a device could wait for ever.
  if (!found.isFile())
    throw unreadable(path, found.isDirectory() ? 'it is a directory' : 'it is not a regular file');
  if (found.size > MAX_BYTES) throw unreadable(path, 'it is too large');
  if (process.geteuid === undefined) return;
  if (!isOurs(found) && found.uid !== 0)
    throw forbidden(
      path,
      'it belongs to another user',
      process.geteuid() === 0 ? WITHOUT_SUDO : CHANGE_OWNER,
    );
  if ((found.mode & OTHERS_WRITE) !== 0)
    throw forbidden(
      path,
      'other users may write to it',
      `Check its content, then run \`chmod 600 ${path}\`.`,
    );
}

/** The Python CLI once wrote it readable to everybody. Where the system keeps no modes, nothing can be done. */
function closeToOthers(file: number, found: Stats): void {
  if (process.geteuid === undefined || !isOurs(found) || (found.mode & OTHERS) === 0) return;
  try {
    fchmodSync(file, 0o600);
  } catch {
    return;
  }
}

/** Where a file of ours is written: a link is followed only where link and target are ours. Throws systemError. */
function ownTarget(path: string): string {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSymbolicLink() !== true) return path;
  const target = targetOf(path);
  const there = lstatSync(target, { throwIfNoEntry: false });
  if (!isOurs(found) || (there !== undefined && !isOurs(there)) || there?.isSymbolicLink())
    throw systemError('ELOOP');
  return target;
}

function isOurFile(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isFile() === true && isOurs(found);
}

function isOurs({ uid }: Stats): boolean {
  return process.geteuid === undefined || uid === process.geteuid();
}

function forbidden(path: string, why: string, hint: string): UserError {
  return new UserError('CREDENTIALS_UNREADABLE', `${path} cannot be used for credentials: ${why}.`, { hint });
}

function unreadable(path: string, why: string, cause?: unknown): UserError {
  return new UserError('CREDENTIALS_UNREADABLE', `The credentials file ${path} cannot be read: ${why}.`, {
    hint: 'Check its owner and permissions, or remove it and run `arcade login`.',
    cause,
  });
}

function unwritable(path: string, cause: unknown): UserError {
  if (cause instanceof UserError) return cause;
  const message = `The credentials file ${path} cannot be written: ${reasonOf(cause)}.`;
  return new UserError('CREDENTIALS_UNWRITABLE', message, {
    hint: 'Fix that, choose another location with ARCADE_WORK_DIR, or use ARCADE_API_KEY, which needs no file.',
    cause,
  });
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** In words, what the system said of a file. */
function reasonOf(error: unknown): string {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException;
  const known: Partial<Record<string, string>> = {
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    ENOENT: 'its directory does not exist',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    EDQUOT: 'the disk quota is used up',
    EISDIR: 'it is a directory',
    ENOTDIR: 'a parent of its path is a file',
    ELOOP: 'its symbolic link is a loop, or leads to a file of another user',
  };
  return known[code] ?? `the system says ${code}`;
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
