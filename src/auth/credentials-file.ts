/** credentials.yaml as text: read with every way in which a file can be wrong told apart, written whole. */
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '../errors.ts';
import { type Fields, fieldsOf } from '../infra/fields.ts';
import {
  LEFT_AFTER_MS,
  makePrivateDirectory,
  nearestExisting,
  ownerOfBorrowedHome,
  removeDrafts,
  replaceAtomically,
  targetOf,
} from '../infra/os/files.ts';
import { reasonOf } from '../infra/os/reasons.ts';

/** Largest credentials.yaml that is read. */
const MAX_BYTES = 1024 * 1024;
const OTHERS_WRITE = 0o022;
const OTHERS = 0o077;

export const credentialsFile = (directory: string): string => join(directory, 'credentials.yaml');

/**
 * Reads the file; empty when there is none. A file of ours that others may read is closed to them. In the fields that
 * this program knows, scalars are text as they stand: YAML would take the id 0899 for a number, and a time without a
 * zone for UTC. Throws UserError when it cannot be read, may be written by another user, or is not a YAML mapping.
 */
export async function readDocument(path: string): Promise<Fields> {
  const bytes = readBytes(path);
  if (bytes === undefined) return {};
  const { FAILSAFE_SCHEMA, load, nullCoreTag } = await import('js-yaml');
  let content: Fields | undefined;
  let asText: Fields | undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (text.trim() === '') return {};
    content = fieldsOf(load(text));
    asText = fieldsOf(load(text, { schema: FAILSAFE_SCHEMA.withTags(nullCoreTag) }));
  } catch (error) {
    throw malformed(path, placeOf(error));
  }
  if (content === undefined) throw malformed(path);
  const cloud = fieldsOf(content.cloud);
  if (cloud === undefined) return content;
  const known = Object.entries(fieldsOf(asText?.cloud) ?? {}).filter(([name]) => KNOWN.includes(name));
  return { ...content, cloud: { ...cloud, ...Object.fromEntries(known) } };
}

/** The fields below `cloud` that make a login. */
export const KNOWN = ['api', 'auth', 'context', 'coordinator_url', 'user'];

/** Where a YAML file is broken. The parser's own error quotes the file, which holds what signs the person in. */
function placeOf(error: unknown): string | undefined {
  const mark = (error as { mark?: { line: number; column: number } }).mark;
  return mark === undefined ? undefined : `line ${mark.line + 1}, column ${mark.column + 1}`;
}

/** The error of a file that is there and holds no credentials. */
export function malformed(path: string, place?: string): UserError {
  const where = place === undefined ? '' : ` (${place})`;
  return new UserError('CREDENTIALS_MALFORMED', `The credentials file ${path} could not be parsed${where}.`, {
    hint: 'Run `arcade login` to replace it, or correct it by hand.',
  });
}

/** Replaces the file, whole or not at all, with mode 0600. Throws UserError. */
export async function writeDocument(path: string, content: Fields): Promise<void> {
  const { dump } = await import('js-yaml');
  try {
    makePrivateDirectory(dirname(path));
    const target = ownTarget(path);
    removeDrafts(target, LEFT_AFTER_MS);
    replaceAtomically(target, dump(content, { lineWidth: -1 }));
  } catch (cause) {
    throw fileError(path, 'written', cause);
  }
}

/** Keeps a copy of the file beside it, mode 0600, and returns its path. Throws UserError. */
export function keepCopy(path: string): string {
  const copy = `${path}.bak`;
  try {
    rmSync(copy, { force: true });
    writeFileSync(copy, readFileSync(path), { mode: 0o600, flag: 'wx' });
    return copy;
  } catch (cause) {
    throw fileError(copy, 'written', cause);
  }
}

/**
 * Throws UserError when `writeDocument` is bound to fail, so that no one goes through a login in vain. Makes
 * nothing.
 */
export function requireWritable(path: string): void {
  try {
    const folder = nearestExisting(dirname(ownTarget(path))) ?? '';
    if (!statSync(folder).isDirectory()) throw fileError(path, 'written', 'a parent of its path is a file');
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw fileError(path, 'written', cause);
  }
}

/**
 * Deletes the file, its drafts and its copy: what a symbolic link of ours leads to, where that is ours too, and the
 * link. Says whether there was one. Throws UserError.
 */
export function removeDocument(path: string): boolean {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    const target = targetIfOurs(path) ?? path;
    removeDrafts(target);
    for (const each of [target, path, `${path}.bak`]) rmSync(each, { force: true });
    return found !== undefined;
  } catch (cause) {
    throw fileError(path, 'removed', cause);
  }
}

/**
 * Throws UserError unless `directory` may hold a person's login: it belongs to them, and no other user may write there. Root in
 * another user's home is told to go on without sudo: that user could have it follow links. Changes nothing.
 */
export function requireOwnPlace(directory: string): void {
  if (ownerOfBorrowedHome(directory, process.geteuid?.()) !== undefined) throw foreign(directory, '');
  // The link, if it is one, and where it leads.
  for (const look of [lstatSync, statSync]) {
    let found: Stats;
    try {
      found = look(directory);
    } catch {
      continue; // Not there, or not for us to see: opening a file in it will say so.
    }
    const hint = `Run \`chmod go-w ${directory}\`.`;
    requireTrusted(directory, found, 'Set ARCADE_WORK_DIR to a folder of your own.', hint);
  }
}

/** Whether there is the file, or what a killed process or `arcade login` left of one. */
export function isAnythingLeft(directory: string): boolean {
  try {
    return readdirSync(directory).some((name) => /^(credentials\.yaml(\.bak)?$|\.credentials-)/.test(name));
  } catch (error) {
    // A directory that is closed to us: removing will say so.
    return !isMissing(error);
  }
}

function readBytes(path: string): Buffer | undefined {
  let file: number | undefined;
  try {
    const hint = `Check its content, then run \`chmod 600 ${path}\`.`;
    requireTrusted(path, lstatSync(path), CHANGE_OWNER, hint);
    // Not to wait for the other end of a pipe.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const found = fstatSync(file);
    // Reading a pipe or a device could wait for ever.
    if (!found.isFile())
      throw fileError(path, 'read', found.isDirectory() ? 'it is a directory' : 'it is not a regular file');
    if (found.size > MAX_BYTES) throw fileError(path, 'read', 'it is too large');
    requireTrusted(path, found, CHANGE_OWNER, hint);
    closeToOthers(file, found);
    return readFileSync(file);
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw fileError(path, 'read', cause);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** The Python CLI once wrote it readable to everybody. Where the system keeps no modes, nothing can be done. */
function closeToOthers(file: number, found: Stats): void {
  try {
    if (isOurs(found) && (found.mode & OTHERS) !== 0) fchmodSync(file, 0o600);
  } catch {
    return;
  }
}

/** Where a file of ours is written. Throws UserError, or what the system says. */
function ownTarget(path: string): string {
  const target = targetIfOurs(path);
  if (target === undefined) throw foreign(path, CHANGE_OWNER);
  return target;
}

/** Where a path leads: a link is followed only where it is ours, and leads to a file of ours or to none. */
function targetIfOurs(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSymbolicLink() !== true) return path;
  const target = targetOf(path);
  const there = lstatSync(target, { throwIfNoEntry: false });
  const isOurFile = there === undefined || (there.isFile() && isOurs(there));
  return isOurs(found) && isOurFile ? target : undefined;
}

/** On Windows neither owners nor modes say anything. */
function isOurs({ uid }: Stats): boolean {
  return process.geteuid === undefined || uid === process.geteuid();
}

/** Throws UserError for what another user, root excepted, owns or may write to. */
function requireTrusted(path: string, found: Stats, ownerHint: string, modeHint: string): void {
  if (!isOurs(found) && found.uid !== 0) throw foreign(path, ownerHint);
  // A symbolic link has the modes of what it leads to.
  if (process.geteuid === undefined || found.isSymbolicLink() || (found.mode & OTHERS_WRITE) === 0) return;
  throw untrusted(path, 'other users may write to it', modeHint);
}

const CHANGE_OWNER = 'Change its owner, or remove it and run `arcade login`.';

function foreign(path: string, hint: string): UserError {
  const isRoot = process.geteuid?.() === 0;
  const withoutSudo = 'Run the command without sudo, as the user who logged in.';
  return untrusted(path, 'it belongs to another user', isRoot ? withoutSudo : hint);
}

function untrusted(path: string, why: string, hint: string): UserError {
  return new UserError('CREDENTIALS_UNREADABLE', `${path} cannot be used for credentials: ${why}.`, { hint });
}

const FILE_ERRORS = {
  read: ['CREDENTIALS_UNREADABLE', 'Check its owner and permissions, or remove it and run `arcade login`.'],
  written: [
    'CREDENTIALS_UNWRITABLE',
    'Fix that, choose another location with ARCADE_WORK_DIR, or use ARCADE_API_KEY, which needs no file.',
  ],
  removed: ['CREDENTIALS_UNWRITABLE', 'Delete it yourself: it still contains your credentials.'],
} as const;

/** The error of a file, for a reason in words or what the system said; one of ours stays as it is. */
function fileError(path: string, act: keyof typeof FILE_ERRORS, cause: unknown): UserError {
  if (cause instanceof UserError) return cause;
  const [code, hint] = FILE_ERRORS[act];
  const why = typeof cause === 'string' ? cause : reasonOf(cause);
  return new UserError(code, `The credentials file ${path} cannot be ${act}: ${why}.`, { hint, cause });
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
