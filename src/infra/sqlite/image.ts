/**
 * Reads a database as bytes, without SQLite and so without a trace: a connection, even a read-only one, makes or
 * writes the `-shm` file beside it, and undoes what a crash has left half done. The log is played into the bytes here.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { LOG_HEADER, playLog } from './log.ts';
import { pause } from './pause.ts';

/** 200 ms together: a transaction with a rollback journal takes a few. */
const TRIES = 40;
const RETRY_MS = 5;

/** The database was written to faster than it could be read, or a transaction is under way beside a rollback journal. */
export class NeverStillError extends Error {}

/**
 * The database at `path` as of one moment, as one in-memory database that is not in WAL mode. Throws the file
 * system's error, or NeverStillError. Takes no lock, and needs none:
 *
 * - The log has a beginning: as long as it keeps that beginning, frames are only added to it, and whatever a
 *   checkpoint moves into the database meanwhile is in it too. The database is read before the log, so all that
 *   the database may hold half of is made whole by the log.
 * - There is no log: then the database is complete at that moment, unless a rollback journal says that a transaction
 *   is under way, and it is what we have read if a second reading finds the same.
 *
 * Not while this process has a connection to the database: closing a file ends all of a process's locks on it.
 */
export function readDatabaseImage(path: string): Buffer {
  for (let i = 0; i < TRIES; i += 1) {
    const image = readLogged(path) ?? readAlone(path);
    if (image !== undefined) return leaveWal(image);
    pause(RETRY_MS);
  }
  throw new NeverStillError('the database was written to faster than it could be read');
}

/** Undefined when there is no log, or when it has started over meanwhile. */
function readLogged(path: string): Buffer | undefined {
  const begins = (): Buffer | undefined => beginningOf(`${path}-wal`, LOG_HEADER);
  const before = begins();
  if (before === undefined) return undefined;
  const database = readFile(path) ?? missing(path);
  const log = readFile(`${path}-wal`);
  const isOne = log?.subarray(0, LOG_HEADER).equals(before) && begins()?.equals(before);
  return isOne && log !== undefined ? playLog(database, log) : undefined;
}

/** Undefined when something has been written meanwhile. */
function readAlone(path: string): Buffer | undefined {
  const isAlone = (): boolean => beginningOf(`${path}-wal`, LOG_HEADER) === undefined && !isJournalled(path);
  if (!isAlone()) return undefined;
  const database = readFile(path) ?? missing(path);
  return isAlone() && readFile(path)?.equals(database) && isAlone() ? database : undefined;
}

/** Whether a rollback journal is in use; one that has served its time is empty or begins with zeros. */
function isJournalled(path: string): boolean {
  return beginningOf(`${path}-journal`, JOURNAL_MAGIC.length)?.equals(JOURNAL_MAGIC) === true;
}

/** https://sqlite.org/fileformat2.html, section 3. */
const JOURNAL_MAGIC = Buffer.from('d9d505f920a163d7', 'hex');

/** Undefined when the file is missing or does not hold so much yet. */
function beginningOf(path: string, length: number): Buffer | undefined {
  const bytes = readFile(path, length);
  return bytes === undefined || bytes.length < length ? undefined : bytes;
}

/** At most `most` bytes of a file; undefined when it does not exist. Its time of access stays, where that can be had. */
function readFile(path: string, most = Number.POSITIVE_INFINITY): Buffer | undefined {
  let file: number;
  try {
    file = openUnnoticed(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const size = Math.min(fstatSync(file).size, most);
    // Not from the pool: the frames are looked at as 32-bit words.
    const bytes = Buffer.allocUnsafeSlow(size);
    let got = 0;
    while (got < size) {
      const read = readSync(file, bytes, got, size - got, got);
      if (read === 0) break;
      got += read;
    }
    return bytes.subarray(0, got);
  } finally {
    closeSync(file);
  }
}

function openUnnoticed(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | (constants.O_NOATIME ?? 0));
  } catch (error) {
    // Only a file's owner may ask for that.
    if ((error as NodeJS.ErrnoException).code === 'EPERM') return openSync(path, constants.O_RDONLY);
    throw error;
  }
}

function missing(path: string): never {
  throw Object.assign(new Error(`no such file: ${path}`), { code: 'ENOENT' });
}

/** An in-memory database cannot be in WAL mode: bytes 18 and 19 of the header say that this one is not. */
function leaveWal(image: Buffer): Buffer {
  if (image.length > 19 && image[18] === 2 && image[19] === 2) image.fill(1, 18, 20);
  return image;
}
