/**
 * Captures that could not be appended in time, each in a small file of `spill/`, until an append or the flusher takes
 * them in. What is written here needs no database, and says of credentials no more than their fingerprint.
 */
import { accessSync, constants, lstatSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseFields } from '../../infra/fields.ts';
import { LEFT_AFTER_MS, makePrivateDirectory, readText, replaceAtomically } from '../../infra/os/files.ts';
import { isDistinctId, UsageEvent } from '../event/event.ts';
import { isOptedOut } from './place.ts';

/** What a file of this program's holds; a newer one has a greater number. */
const FORMAT = 1;
/** What is over this is not recorded. */
export const MAX_SPILLED = 1_000;
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
const fileOf = (directory: string, uuid: string): string => join(spillFolder(directory), `${uuid}.json`);

/**
 * Keeps a capture in a file. Returns whether it did: not where there are too many, or where `usage disable` has come in
 * between. Throws the system's error.
 */
export function spill(directory: string, capture: Spilled): boolean {
  makePrivateDirectory(spillFolder(directory));
  if (!isOurs(spillFolder(directory)) || countSpilled(directory).waiting >= MAX_SPILLED) return false;
  const path = fileOf(directory, capture.uuid);
  const text = JSON.stringify({ ...capture, format: FORMAT, event: capture.event.toText() });
  replaceAtomically(path, text, { durable: false });
  // Looked at last: `disable` makes its file before it empties the folder.
  if (!isOptedOut(directory)) return true;
  rmSync(path, { force: true });
  return false;
}

/**
 * The oldest captures that wait, `limit` at most; none from a folder in which we may not delete. With `tidies`, files
 * that are not ours to understand are put out of the way, and drafts of killed processes are removed. Never throws.
 */
export function readSpilled(directory: string, limit: number, { tidies = false } = {}): Spilled[] {
  const found: Spilled[] = [];
  if (!isOurs(spillFolder(directory))) return found;
  for (const name of namesIn(directory)) {
    if (tidies && name.endsWith('.tmp')) putAway(directory, name);
    if (!isCapture(name) || found.length >= limit) continue;
    const capture = parse(name, readText(join(spillFolder(directory), name)));
    if (typeof capture === 'object') found.push(capture);
    else if (tidies && capture === 'bad') putAway(directory, name);
  }
  return found;
}

/** Whether a capture has been taken in by no other process since it was read. */
export function isStillSpilled(directory: string, { uuid }: Spilled): boolean {
  return lstatSync(fileOf(directory, uuid), { throwIfNoEntry: false }) !== undefined;
}

/** Removes captures, which are in the database by now or discarded. Throws the system's error. */
export function removeSpilled(directory: string, captures: readonly Spilled[]): void {
  for (const { uuid } of captures) rmSync(fileOf(directory, uuid), { force: true });
}

/** Renames a file that is not ours to understand, and removes a draft that a killed process has left. Never throws. */
export function putAway(directory: string, name: string): void {
  const path = join(spillFolder(directory), name);
  try {
    if (!name.endsWith('.tmp')) renameSync(path, `${path}.bad`);
    else if (Math.abs(Date.now() - lstatSync(path).mtimeMs) > LEFT_AFTER_MS)
      rmSync(path, { recursive: true, force: true });
  } catch {
    // Another process has done so.
  }
}

/** Removes everything, drafts too; of a link not what it leads to. Throws the system's error. */
export function emptySpill(directory: string): void {
  const folder = spillFolder(directory);
  if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return;
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
  const names = namesIn(directory);
  return {
    waiting: names.filter(isCapture).length,
    bad: names.filter((name) => name.endsWith('.bad')).length,
  };
}

/** Oldest first, for a uuid begins with its time. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(spillFolder(directory)).sort();
  } catch {
    return [];
  }
}

const isCapture = (name: string): boolean => NAME.test(name);

/** A folder, not a link to one, of our own, in which we may delete. */
function isOurs(folder: string): boolean {
  try {
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (found?.isDirectory() !== true || found.uid !== (process.geteuid?.() ?? found.uid)) return false;
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
