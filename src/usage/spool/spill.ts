/**
 * Captures that could not be appended in time, each in a small file of `spill/`, until an append or the flusher takes
 * them in. What is written here needs no database, and says of credentials no more than their fingerprint.
 */
import { accessSync, constants, lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseFields } from '../../infra/fields.ts';
import { makePrivateDirectory, replaceAtomically } from '../../infra/os/files.ts';
import { isDistinctId, UsageEvent } from '../event/event.ts';
import { isOptedOut } from './opt-out.ts';
import { readText } from './usage-json.ts';

/** What a file of this program's holds; a newer one has a greater number. */
const FORMAT = 1;
/** What is over this is not recorded. */
export const MAX_SPILLED = 1_000;
/** No process is at work on a draft for so long. */
const DRAFT_MS = 3600_000;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const NAME = /^([-0-9a-f]{36})\.json$/;

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

/**
 * Keeps a capture in a file. Returns whether it did: not where there are too many, or where `usage disable` has come in
 * between. Throws the system's error.
 */
export function spill(directory: string, capture: Spilled): boolean {
  const folder = spillFolder(directory);
  makePrivateDirectory(folder);
  if (!isOurs(folder) || namesIn(folder).length >= MAX_SPILLED) return false;
  const path = join(folder, `${capture.uuid}.json`);
  replaceAtomically(path, textOf(capture), { durable: false });
  // Looked at last: `disable` makes its file before it empties the folder.
  if (!isOptedOut(directory)) return true;
  rmSync(path, { force: true });
  return false;
}

function textOf({ event, recordedAt, fromEnvironment, anonId, ...same }: Spilled): string {
  return JSON.stringify({
    ...same,
    format: FORMAT,
    event: event.name,
    properties: event.toText(),
    recorded_at: recordedAt,
    from_environment: fromEnvironment,
    anon_id: anonId,
  });
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
  for (const name of entriesOf(folder))
    if (name.endsWith('.tmp') && isOlder(join(folder, name), DRAFT_MS))
      rmSync(join(folder, name), { force: true });
  return readSpilled(directory, limit, (name) => setBadAside(directory, name));
}

/** Whether anything waits that can be taken in. */
export function hasSpilled(directory: string): boolean {
  return readSpilled(directory, 1).length > 0;
}

/** Whether a capture has been taken in by no other process since it was read. */
export function isStillSpilled(directory: string, { uuid }: Spilled): boolean {
  return lstatSync(join(spillFolder(directory), `${uuid}.json`), { throwIfNoEntry: false }) !== undefined;
}

/** Removes captures that are in the database by now. Throws the system's error. */
export function removeSpilled(directory: string, captures: readonly Spilled[]): void {
  for (const { uuid } of captures) rmSync(join(spillFolder(directory), `${uuid}.json`), { force: true });
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
  if (isOurs(folder)) rmSync(folder, { recursive: true, force: true });
}

/** How many captures wait, and how many files are not ours to understand. Never throws. */
export function countSpilled(directory: string): { readonly waiting: number; readonly bad: number } {
  const names = entriesOf(spillFolder(directory));
  return {
    waiting: names.filter((name) => NAME.test(name)).length,
    bad: names.filter((name) => name.endsWith('.bad')).length,
  };
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
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (found?.isDirectory() !== true) return false;
    if (process.geteuid !== undefined && found.uid !== process.geteuid()) return false;
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isOlder(path: string, ageMs: number): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found !== undefined && Math.abs(Date.now() - found.mtimeMs) > ageMs;
}

/** 'newer': another version of this program will understand it. */
function parse(name: string, text: string | null): Spilled | 'newer' | 'bad' {
  const content = parseFields(text ?? '') ?? {};
  const { format, uuid, recorded_at, event, properties, fingerprint, anon_id } = content;
  if (typeof format === 'number' && format > FORMAT) return 'newer';
  const revived = UsageEvent.revive(event, properties);
  const isSound =
    format === FORMAT &&
    typeof uuid === 'string' &&
    UUID.test(uuid) &&
    name === `${uuid}.json` &&
    Number.isSafeInteger(recorded_at) &&
    (fingerprint == null || (typeof fingerprint === 'string' && /^[\w-]{43}$/.test(fingerprint))) &&
    (anon_id === null || isDistinctId(anon_id));
  if (!isSound || revived === undefined) return 'bad';
  return {
    uuid,
    recordedAt: recorded_at as number,
    event: revived,
    fingerprint: fingerprint as string | null | undefined,
    resolvable: content.resolvable === true,
    fromEnvironment: content.from_environment === true,
    anonId: anon_id as string | null,
  };
}
