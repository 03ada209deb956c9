/**
 * The spool as a reader meets it: a private copy in memory, so that looking changes nothing on disk, needs no
 * lock, and works beside a writer that never lets go. What keeps it from being read is told, not thrown.
 */
import { existsSync } from 'node:fs';
import { openCopy } from '../../infra/sqlite/database.ts';
import { readDatabaseImage } from '../../infra/sqlite/image.ts';
import type { Settings } from '../../settings.ts';
import { assertPlace } from '../spool/place.ts';
import { type Spool, spoolFile, spoolOf } from '../spool/spool.ts';
import { obstacleOf, reasonOf, type Unreadable } from './obstacles.ts';

export type StoreState =
  | { readonly state: 'ok' }
  /** Nothing has been recorded yet. */
  | { readonly state: 'absent' }
  | { readonly state: Unreadable; readonly message: string; readonly advice: string };

/** What was read, and in which state the store is. `value` is undefined when the store cannot be read. */
export interface Reading<T> {
  readonly store: StoreState;
  readonly value: T | undefined;
}

/**
 * Reads a copy of the spool with `look`; where nothing has been recorded yet, an empty one. What keeps the store from
 * being read is the state, not an error. Rejects with what is a mistake of our own.
 */
export async function readSnapshot<T>(
  settings: Settings,
  look: (spool: Spool) => T | Promise<T>,
): Promise<Reading<T>> {
  let copy: Spool | undefined;
  try {
    const { state, ...opened } = openSnapshot(settings);
    copy = opened.copy;
    return { store: { state }, value: await look(copy) };
  } catch (error) {
    return { store: unreadable(error, settings), value: undefined };
  } finally {
    copy?.close();
  }
}

/** Throws what is a mistake of our own. */
function unreadable(error: unknown, { directory = '' }: Settings): StoreState {
  const reason = reasonOf(error);
  if (reason === undefined) throw error;
  const { state, message, advice } = obstacleOf(reason, directory);
  return { state, message, advice };
}

/** Throws what keeps the store from being read. */
function openSnapshot({ directory, program }: Settings): { state: 'ok' | 'absent'; copy: Spool } {
  const image = directory === undefined ? undefined : readImage(directory);
  const copy = spoolOf(directory ?? '', openCopy(image ?? null, program.migrations));
  return { state: image === undefined ? 'absent' : 'ok', copy };
}

/** Undefined when there is no database yet. */
function readImage(directory: string): Buffer | undefined {
  if (!existsSync(directory)) return undefined;
  assertPlace(directory);
  const path = spoolFile(directory);
  if (!existsSync(path)) return undefined;
  const image = readDatabaseImage(path);
  return image.length === 0 || isJustMade(image) ? undefined : image;
}

/** By a process that has not come further yet: one page of version 0, which stands in the header's bytes 60 to 63. */
function isJustMade(image: Buffer): boolean {
  const isSqlite = image.toString('latin1', 0, 15) === 'SQLite format 3';
  return isSqlite && image.length >= 100 && image.length <= pageSizeOf(image) && image.readUInt32BE(60) === 0;
}

function pageSizeOf(image: Buffer): number {
  const size = image.readUInt16BE(16);
  return size === 1 ? 65_536 : size;
}
