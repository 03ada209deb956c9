/**
 * Reads a database as bytes, without SQLite and so without a trace: a connection, even a read-only one, makes or
 * writes the `-shm` file beside it, and undoes what a crash has left half done. The log is played into the bytes here.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import Database from 'better-sqlite3';
import { pause } from '../pause.ts';

/** 200 ms together: a transaction with a rollback journal takes a few. */
const TRIES = 40;
const RETRY_MS = 5;

// The log, by https://sqlite.org/fileformat2.html, section 4.
/** Bytes of a log's header. */
const LOG_HEADER = 32;
const FRAME_HEADER = 24;
/** The first word of a log whose checksums are of little-endian words; the lowest bit says big-endian. */
const MAGIC = 0x377f0682;

/**
 * The database at `path` as of one moment, as one in-memory database that is not in WAL mode. Throws the file
 * system's error, or SQLITE_BUSY where it is written to faster than it can be read, or a transaction is under way beside
 * a rollback journal. Takes no lock, and needs none:
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
    const image = readOnce(path);
    // An in-memory database cannot be in WAL mode: these bytes of the header say that this one is not.
    if (image?.[18] === 2 && image[19] === 2) image.fill(1, 18, 20);
    if (image !== undefined) return image;
    pause(RETRY_MS);
  }
  throw new Database.SqliteError('the database is never still', 'SQLITE_BUSY');
}

/** Undefined when something has been written meanwhile that is not in what was read. */
function readOnce(path: string): Buffer | undefined {
  const begins = (): Buffer | undefined => beginningOf(`${path}-wal`, LOG_HEADER);
  const before = begins();
  if (before === undefined && isJournalled(path)) return undefined;
  const database = readFileSync(path);
  if (before === undefined) {
    const isSame = begins() === undefined && readFileSync(path).equals(database);
    return isSame && begins() === undefined && !isJournalled(path) ? database : undefined;
  }
  const log = ifThere(() => readFileSync(`${path}-wal`));
  const isOne = log?.subarray(0, LOG_HEADER).equals(before) && begins()?.equals(before);
  return isOne && log !== undefined ? playLog(database, log) : undefined;
}

/** Whether a rollback journal is in use; one that has served its time is empty or begins with zeros. */
function isJournalled(path: string): boolean {
  return beginningOf(`${path}-journal`, JOURNAL_MAGIC.length)?.equals(JOURNAL_MAGIC) === true;
}

/** https://sqlite.org/fileformat2.html, section 3. */
const JOURNAL_MAGIC = Buffer.from('d9d505f920a163d7', 'hex');

/** Undefined when the file is missing or does not hold so much yet. */
function beginningOf(path: string, length: number): Buffer | undefined {
  return ifThere(() => {
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(length);
      return readSync(file, bytes, 0, length, 0) === length ? bytes : undefined;
    } finally {
      closeSync(file);
    }
  });
}

function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Every page as the last whole transaction of the log left it. */
function playLog(database: Buffer, log: Buffer): Buffer {
  const view = new DataView(log.buffer, log.byteOffset, log.length);
  const pageSize = view.getUint32(8);
  const salts = log.subarray(16, 24);
  const checksum = openChecksum(view);
  checksum.add(0, 24);
  if ((view.getUint32(0) & ~1) !== MAGIC || !checksum.isAt(24)) return database;
  // Where each page's last committed content stands in the log, and how many pages the database then has.
  const pages = new Map<number, number>();
  let count = 0;
  let uncommitted: [page: number, at: number][] = [];
  const step = FRAME_HEADER + pageSize;
  for (let at = LOG_HEADER; at + step <= log.length; at += step) {
    checksum.add(at, 8);
    checksum.add(at + FRAME_HEADER, pageSize);
    // An older log's remains follow the last frame: they bear other salts or do not add up.
    if (!log.subarray(at + 8, at + 16).equals(salts) || !checksum.isAt(at + 16)) break;
    uncommitted.push([view.getUint32(at), at + FRAME_HEADER]);
    const size = view.getUint32(at + 4);
    if (size === 0) continue;
    count = size;
    for (const [page, content] of uncommitted) pages.set(page, content);
    uncommitted = [];
  }
  if (count === 0) return database;
  const image = Buffer.alloc(count * pageSize);
  database.copy(image);
  for (const [page, content] of pages)
    if (page <= count) log.copy(image, (page - 1) * pageSize, content, content + pageSize);
  return image;
}

/** The running checksum of a log; `isAt` tells whether it is what stands there. */
function openChecksum(log: DataView): { add(from: number, length: number): void; isAt(at: number): boolean } {
  const isLittle = (log.getUint32(0) & 1) === 0;
  let a = 0;
  let b = 0;
  return {
    add(from, length) {
      for (let at = from; at < from + length; at += 8) {
        a = (a + log.getUint32(at, isLittle) + b) >>> 0;
        b = (b + log.getUint32(at + 4, isLittle) + a) >>> 0;
      }
    },
    isAt: (at) => a === log.getUint32(at) && b === log.getUint32(at + 4),
  };
}
