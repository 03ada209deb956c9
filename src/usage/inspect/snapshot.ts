/**
 * The spool as a reader meets it: a private copy in memory, so that looking changes nothing on disk, needs no
 * lock, and works beside a writer that never lets go. What cannot be read is said in words.
 */
import { existsSync } from 'node:fs';
import { writersOf } from '../../infra/os/lock-holders.ts';
import { NewerSchemaError, openCopy } from '../../infra/sqlite/database.ts';
import { DamagedError, isBusy, isDamage } from '../../infra/sqlite/errors.ts';
import { hasBrokenLog, NeverStillError, readDatabaseImage } from '../../infra/sqlite/image.ts';
import { pause } from '../../infra/sqlite/pause.ts';
import type { Settings } from '../../settings.ts';
import { checkPlace, NotOurs } from '../spool/place.ts';
import { type Spool, spoolFile, spoolOf } from '../spool/spool.ts';

/** Why there is nothing to read. */
type Unreadable = 'damaged' | 'newer' | 'foreign' | 'unreadable' | 'busy' | 'no sqlite';

export type StoreState =
  | { readonly state: 'ok' }
  /** Nothing has been recorded yet. */
  | { readonly state: 'absent' }
  /** It can be read, but another process keeps commands from recording. */
  | { readonly state: 'locked'; readonly message: string; readonly advice: string }
  | { readonly state: Unreadable; readonly message: string; readonly advice: string };

/** What was read, and in which state the store is. `value` is undefined when there was nothing to read. */
export interface Reading<T> {
  readonly store: StoreState;
  readonly value: T | undefined;
}

/** Reads a copy of the spool with `look`. What keeps the store from being read is told, not thrown. */
export function readStore<T>(settings: Settings, look: (spool: Spool) => T): Reading<T> {
  let copy: Spool | undefined;
  try {
    copy = openStoreCopy(settings);
    if (copy === undefined) return ABSENT;
    const store = lockState(copy.directory);
    return { store, value: look(copy) };
  } catch (error) {
    return told(error);
  } finally {
    copy?.close();
  }
}

/** The same as the first command would find it. */
export function readEmptyStore<T>(
  { directory = '', program }: Settings,
  look: (spool: Spool) => T,
): Reading<T> {
  let copy: Spool | undefined;
  try {
    copy = openEmptyCopy(directory, program.migrations);
    return { ...ABSENT, value: look(copy) };
  } catch (error) {
    return told(error);
  } finally {
    copy?.close();
  }
}

/** The same for a look that takes its time, and is told in which state the store is. */
export async function readStoreSlowly<T>(
  settings: Settings,
  look: (spool: Spool, store: StoreState) => Promise<T>,
): Promise<Reading<T>> {
  let copy: Spool | undefined;
  try {
    copy = openStoreCopy(settings);
    if (copy === undefined) return ABSENT;
    const store = lockState(copy.directory);
    return { store, value: await look(copy, store) };
  } catch (error) {
    return told(error);
  } finally {
    copy?.close();
  }
}

const ABSENT = { store: { state: 'absent' }, value: undefined } as const;

function told(error: unknown): Reading<never> {
  const store = stateOf(error);
  if (store === undefined) throw error;
  return { store, value: undefined };
}

/** A copy of the spool that is there, or undefined. Throws what keeps it from being read. */
function openStoreCopy({ directory, program }: Settings): Spool | undefined {
  if (directory === undefined) return undefined;
  const path = spoolFile(directory);
  checkPlace(directory);
  if (!existsSync(path)) return undefined;
  if (hasBrokenLog(path)) throw new DamagedError('the log is broken');
  const image = readDatabaseImage(path);
  if (image.length === 0 || isJustMade(image)) return undefined;
  return spoolOf(directory, openCopy(image, program.migrations));
}

/** An empty spool in memory, as the first command would find it. */
export function openEmptyCopy(directory: string, migrations: string): Spool {
  return spoolOf(directory, openCopy(null, migrations));
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

const MOMENT_MS = 50;

/** A database that somebody has open has a log, its index or a journal beside it; the system's list of locks is slow to read. */
function lockState(directory: string): StoreState {
  const path = spoolFile(directory);
  if (!['-wal', '-shm', '-journal'].some((suffix) => existsSync(path + suffix))) return { state: 'ok' };
  const holders = writersOf(path, `${path}-shm`);
  // A command that appends holds it for a moment: that is no state to tell of.
  if (holders.length > 0) pause(MOMENT_MS);
  const holder =
    holders.length > 0 ? writersOf(path, `${path}-shm`).find((pid) => holders.includes(pid)) : undefined;
  if (holder === undefined) return { state: 'ok' };
  return {
    state: 'locked',
    message: `Process ${holder} has the usage spool locked: until it lets go commands record nothing, and what it has not committed is not shown.`,
    advice: `If that lasts, see what it is with \`ps -p ${holder}\` and end it.`,
  };
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
function stateOf(error: unknown): Exclude<StoreState, { state: 'ok' | 'absent' | 'locked' }> | undefined {
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
  if (code === 'ERR_DLOPEN_FAILED' || code === 'MODULE_NOT_FOUND') {
    return {
      state: 'no sqlite',
      message: 'The native module of better-sqlite3 cannot be loaded: usage is not recorded.',
      advice: 'Run `npm rebuild better-sqlite3` where this program is installed, or install it again.',
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
