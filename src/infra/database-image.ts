/**
 * Reads a WAL database as bytes, without SQLite and so without a trace: a connection, even a read-only one, makes
 * or writes the `-shm` file beside it. The log is played into the bytes here, by https://sqlite.org/fileformat2.html.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';

const LOG_HEADER = 32;
const FRAME_HEADER = 24;
const TRIES = 50;

/** The database was written to faster than it could be read. */
export class NeverStillError extends Error {}

/**
 * The database at `path` as of one moment, as one in-memory database that is not in WAL mode. Throws the file
 * system's error, or NeverStillError. Takes no lock, and needs none:
 *
 * - The log has a beginning: as long as it keeps that beginning, frames are only added to it, and whatever a
 *   checkpoint moves into the database meanwhile is in it too. The database is read before the log, so all that
 *   the database may hold half of is made whole by the log.
 * - There is no log: then the database is complete at that moment, and it is what we have read if a second
 *   reading finds the same.
 *
 * Not while this process has a connection to the database: closing a file ends all of a process's locks on it.
 */
export function readDatabaseImage(path: string): Buffer {
  const log = `${path}-wal`;
  for (let i = 0; i < TRIES; i += 1) {
    const before = beginningOf(log);
    const database = readFile(path) ?? missing(path);
    if (before === null) {
      if (beginningOf(log) !== null) continue;
      if (readFile(path)?.equals(database) && beginningOf(log) === null) return leaveWal(database);
    } else {
      const frames = readFile(log);
      if (frames?.subarray(0, LOG_HEADER).equals(before) && beginningOf(log)?.equals(before))
        return leaveWal(playLog(database, frames));
    }
  }
  throw new NeverStillError('the database was written to faster than it could be read');
}

/** Null when the log is missing or holds nothing. */
function beginningOf(log: string): Buffer | null {
  const bytes = readFile(log, LOG_HEADER);
  return bytes === undefined || bytes.length < LOG_HEADER ? null : bytes;
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

/** Every page as the last whole transaction of the log left it. */
function playLog(database: Buffer, log: Buffer): Buffer {
  const pageSize = log.readUInt32BE(8);
  const { pages, count } = committedPages(log, pageSize);
  if (count === 0) return database;
  const image = Buffer.alloc(count * pageSize);
  database.copy(image, 0, 0, image.length);
  for (const [page, at] of pages) {
    if (page <= count) log.copy(image, (page - 1) * pageSize, at, at + pageSize);
  }
  return image;
}

/** Where each page's last committed content stands in the log, and how many pages the database then has. */
function committedPages(log: Buffer, pageSize: number): { pages: Map<number, number>; count: number } {
  const pages = new Map<number, number>();
  const checksum = openChecksum(log.readUInt32BE(0));
  let count = 0;
  const broken = checksum === undefined || !isPageSize(pageSize) || !checksum(log, 0, 24, log, 24);
  if (broken) return { pages, count };
  const salts = log.subarray(16, 24);
  const open = new Map<number, number>();
  const step = FRAME_HEADER + pageSize;
  for (let at = LOG_HEADER; at + step <= log.length; at += step) {
    // An older log's remains follow the last frame: they bear other salts or do not add up.
    if (!log.subarray(at + 8, at + 16).equals(salts)) break;
    checksum(log, at, 8);
    if (!checksum(log, at + FRAME_HEADER, pageSize, log, at + 16)) break;
    open.set(log.readUInt32BE(at), at + FRAME_HEADER);
    const size = log.readUInt32BE(at + 4);
    if (size === 0) continue;
    count = size;
    for (const [page, where] of open) pages.set(page, where);
    open.clear();
  }
  return { pages, count };
}

function isPageSize(size: number): boolean {
  return size >= 512 && size <= 65_536 && (size & (size - 1)) === 0;
}

type Checksum = (bytes: Buffer, from: number, length: number, expected?: Buffer, at?: number) => boolean;

/** The running checksum of a log; undefined when it is none. Tells whether it is what stands at `expected`. */
function openChecksum(magic: number): Checksum | undefined {
  if (magic !== 0x377f0682 && magic !== 0x377f0683) return undefined;
  const swapped = (magic & 1) === (endianness() === 'LE' ? 1 : 0);
  let a = 0;
  let b = 0;
  return (bytes, from, length, expected, at = 0) => {
    const part = swapped ? Buffer.from(bytes.subarray(from, from + length)).swap32() : bytes;
    const words = new Uint32Array(part.buffer, part.byteOffset + (swapped ? 0 : from), length / 4);
    for (let i = 0; i < words.length; i += 2) {
      a = (a + (words[i] ?? 0) + b) >>> 0;
      b = (b + (words[i + 1] ?? 0) + a) >>> 0;
    }
    return expected === undefined || (a === expected.readUInt32BE(at) && b === expected.readUInt32BE(at + 4));
  };
}

/** An in-memory database cannot be in WAL mode: bytes 18 and 19 of the header say that this one is not. */
function leaveWal(image: Buffer): Buffer {
  if (image.length > 19 && image[18] === 2 && image[19] === 2) image.fill(1, 18, 20);
  return image;
}
