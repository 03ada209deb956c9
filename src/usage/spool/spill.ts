/**
 * Captures that could not be appended in time, each in a small file of `spill/`, until an append or the flusher takes
 * them in. What is written here needs no database, and says of credentials no more than their fingerprint.
 */
import { accessSync, constants, lstatSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseFields } from '../../infra/fields.ts';
import { makePrivateDirectory, replaceAtomically } from '../../infra/os/files.ts';
import { isDistinctId, UsageEvent } from '../event/event.ts';
import { isOptedOut } from './place.ts';
import { readText } from './usage-json.ts';

/** What a file of this program's holds; a newer one has a greater number. */
const FORMAT = 1;
/** What is over this is not recorded. */
export const MAX_SPILLED = 1_000;
/** No process is at work on a draft for so long. */
const DRAFT_MS = 3600_000;
const NAME = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.json$/;

export interface Spilled {
  readonly uuid: string;
  /** Milliseconds since the epoch. */
  readonly recordedAt: number;
  readonly event: UsageEvent;
  /** Null: no credentials. Undefined: they could not be read. */
  readonly fingerprint: string | null | undefined;
  /** Whether the coordinator may be asked whose the credentials are. */
  readonly resolvable: boolean;
  readonly fromEnvironment: boolean;
  /** Of a usage.json that names no principal, where there were no credentials; else null. */
  readonly anonId: string | null;
}

const spillFolder = (directory: string): string => join(directory, 'spill');
const fileOf = (directory: string, { uuid }: Spilled): string => join(spillFolder(directory), `${uuid}.json`);

/**
 * Keeps a capture in a file. Returns whether it did: not where there are too many, or where `usage disable` has come in
 * between. Throws the system's error.
 */
export function spill(directory: string, capture: Spilled): boolean {
  const folder = spillFolder(directory);
  makePrivateDirectory(folder);
  if (!isOurs(folder) || namesIn(folder).length >= MAX_SPILLED) return false;
  const path = fileOf(directory, capture);
  const text = JSON.stringify({ ...capture, format: FORMAT, event: capture.event.toText() });
  replaceAtomically(path, text, { durable: false });
  // Looked at last: `disable` makes its file before it empties the folder.
  if (!isOptedOut(directory)) return true;
  rmSync(path, { force: true });
  return false;
}

/**
 * The oldest captures that wait, `limit` at most; none from a folder in which we may not delete. `onBad` is told which
 * files are not ours to understand. Changes and throws nothing.
 */
export function readSpilled(
  directory: string,
  limit: number,
  onBad: (name: string) => void = () => undefined,
): Spilled[] {
  const folder = spillFolder(directory);
  const found: Spilled[] = [];
  if (!isOurs(folder)) return found;
  for (const name of namesIn(folder)) {
    if (found.length >= limit) break;
    const capture = parse(name, readText(join(folder, name)));
    if (typeof capture === 'object') found.push(capture);
    else if (capture === 'bad') onBad(name);
  }
  return found;
}

/**
 * The same for taking them in: what is not ours to understand is put out of the way, and drafts of killed processes are
 * removed. Never throws.
 */
export function collectSpilled(directory: string, limit: number): Spilled[] {
  const folder = spillFolder(directory);
  const drafts = isOurs(folder) ? entriesOf(folder).filter((name) => name.endsWith('.tmp')) : [];
  for (const path of drafts.map((name) => join(folder, name))) {
    const { mtimeMs = Date.now() } = lstatSync(path, { throwIfNoEntry: false }) ?? {};
    if (Math.abs(Date.now() - mtimeMs) > DRAFT_MS) rmSync(path, { recursive: true, force: true });
  }
  return readSpilled(directory, limit, (name) => setBadAside(directory, name));
}

/** Whether anything waits that can be taken in. */
export function hasSpilled(directory: string): boolean {
  return readSpilled(directory, 1).length > 0;
}

/** Whether a capture has been taken in by no other process since it was read. */
export function isStillSpilled(directory: string, capture: Spilled): boolean {
  return lstatSync(fileOf(directory, capture), { throwIfNoEntry: false }) !== undefined;
}

/** Removes captures that are in the database by now. Throws the system's error. */
export function removeSpilled(directory: string, captures: readonly Spilled[]): void {
  for (const capture of captures) rmSync(fileOf(directory, capture), { force: true });
}

/** Puts a file out of the way that is not ours to understand. Never throws. */
export function setBadAside(directory: string, name: string): void {
  const path = join(spillFolder(directory), name);
  try {
    renameSync(path, `${path}.bad`);
  } catch {
    // Another process has done so.
  }
}

/** Removes everything, drafts too. Throws the system's error. */
export function emptySpill(directory: string): void {
  const folder = spillFolder(directory);
  if (!isOurs(folder)) return;
  try {
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
    rmdirSync(folder);
  } catch (error) {
    // Another process has been quicker, or has put a file into it, which it removes by itself.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTEMPTY') throw error;
  }
}

/** How many captures wait, and how many files are not ours to understand. Never throws. */
export function countSpilled(directory: string): { readonly waiting: number; readonly bad: number } {
  const folder = spillFolder(directory);
  const bad = entriesOf(folder).filter((name) => name.endsWith('.bad')).length;
  return { waiting: namesIn(folder).length, bad };
}

/** By their uuids, which begin with their time: oldest first. */
function namesIn(folder: string): string[] {
  return entriesOf(folder)
    .filter((name) => NAME.test(name))
    .sort();
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** A folder, not a link to one, of our own, in which we may delete. */
function isOurs(folder: string): boolean {
  try {
    const found = lstatSync(folder);
    if (!found.isDirectory()) return false;
    if (process.geteuid !== undefined && found.uid !== process.geteuid()) return false;
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** 'newer': another version of this program will understand it. */
function parse(name: string, text: string | null): Spilled | 'newer' | 'bad' {
  const { format, event, ...fields } = parseFields(text ?? '') ?? {};
  if (typeof format === 'number' && format > FORMAT) return 'newer';
  const { uuid, recordedAt, fingerprint, anonId } = fields;
  const revived = UsageEvent.revive(event);
  const isSound =
    format === FORMAT &&
    name === `${uuid}.json` &&
    Number.isSafeInteger(recordedAt) &&
    (fingerprint == null || (typeof fingerprint === 'string' && /^[\w-]{43}$/.test(fingerprint))) &&
    (anonId === null || isDistinctId(anonId));
  return isSound && revived !== undefined ? ({ ...fields, event: revived } as Spilled) : 'bad';
}
