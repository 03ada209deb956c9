/**
 * The spool as a reader meets it: a private copy in memory, so that looking changes nothing on disk, needs no
 * lock, and works beside a writer that never lets go. What cannot be read is said in words.
 */
import { existsSync } from 'node:fs';
import { NewerSchemaError, openCopy } from '../../infra/sqlite/database.ts';
import { adviceForAddon, isBusy, isDamage } from '../../infra/sqlite/errors.ts';
import { NeverStillError, readDatabaseImage } from '../../infra/sqlite/image.ts';
import type { Settings } from '../../settings.ts';
import { checkPlace, NotOurs } from '../spool/place.ts';
import { type Spool, spoolFile, spoolOf } from '../spool/spool.ts';

/** Why there is nothing to read. */
type Unreadable = 'damaged' | 'newer' | 'foreign' | 'unreadable' | 'busy' | 'no sqlite';

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
    const store = stateOf(error);
    if (store === undefined) throw error;
    return { store, value: undefined };
  } finally {
    copy?.close();
  }
}

/** Throws what keeps the store from being read. */
function openSnapshot({ directory, program }: Settings): { state: 'ok' | 'absent'; copy: Spool } {
  const image = directory === undefined ? undefined : readImage(directory);
  const copy = spoolOf(directory ?? '', openCopy(image ?? null, program.migrations));
  return { state: image === undefined ? 'absent' : 'ok', copy };
}

/** Undefined when there is no database yet. */
function readImage(directory: string): Buffer | undefined {
  checkPlace(directory);
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

/** What an error says of a store that was to be changed. */
export function storeError(error: unknown): { readonly message: string; readonly advice: string } {
  if (isBusy(error)) {
    return {
      message: 'The usage spool is locked by another process.',
      advice: 'Try again in a moment; `arcade usage doctor` tells which process it is.',
    };
  }
  return (
    stateOf(error) ?? {
      message: `The usage spool cannot be changed: ${error instanceof Error ? error.message : 'unknown'}.`,
      advice: 'See what `arcade usage doctor` finds.',
    }
  );
}

/** What an error of the above says of the store; undefined when it is our own mistake. */
function stateOf(error: unknown): Exclude<StoreState, { state: 'ok' | 'absent' }> | undefined {
  if (error instanceof NotOurs) {
    return {
      state: 'foreign',
      message: `The usage spool is not ours alone: ${error.message}. Nothing is recorded in it or read from it.`,
      advice: 'Move it away, or give it back to its owner and close it to others; the next command goes on.',
    };
  }
  if (error instanceof NewerSchemaError) {
    return {
      state: 'newer',
      message:
        'The usage spool is of a newer version of this program; this one leaves it alone and records nothing.',
      advice: 'Update this program, or go on with the newer one.',
    };
  }
  if (error instanceof NeverStillError || isBusy(error)) {
    return {
      state: 'busy',
      message: 'The usage spool is written to without a pause.',
      advice: 'Try again in a moment.',
    };
  }
  if (isDamage(error)) {
    return {
      state: 'damaged',
      message: 'The usage spool is damaged.',
      advice:
        'The next command, or the flusher that it starts, sets it aside, begins a new one and saves what can be read; commands work all the same.',
    };
  }
  return systemState(error);
}

function systemState(error: unknown): { state: Unreadable; message: string; advice: string } | undefined {
  const { code } = error as NodeJS.ErrnoException;
  const advice = adviceForAddon(error);
  if (advice !== undefined) {
    return {
      state: 'no sqlite',
      message: 'The native module of better-sqlite3 cannot be loaded: usage is not recorded.',
      advice,
    };
  }
  if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EIO' && code !== 'ENOTDIR' && code !== 'ELOOP')
    return undefined;
  return {
    state: 'unreadable',
    message: `The usage spool cannot be read (${code}).`,
    advice: 'Check who owns the .arcade folder and its files, and their modes: they are to be yours alone.',
  };
}
