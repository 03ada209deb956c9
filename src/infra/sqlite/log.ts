/** Plays SQLite's write-ahead log into the bytes of its database, by https://sqlite.org/fileformat2.html. */
import { endianness } from 'node:os';

/** Bytes of a log's header. */
export const LOG_HEADER = 32;
const FRAME_HEADER = 24;

/** Every page as the last whole transaction of the log left it. */
export function playLog(database: Buffer, log: Buffer): Buffer {
  const pageSize = log.readUInt32BE(8);
  const { pages, count } = committedPages(log);
  if (count === 0) return database;
  const image = Buffer.alloc(count * pageSize);
  database.copy(image, 0, 0, image.length);
  for (const [page, at] of pages) {
    if (page <= count) log.copy(image, (page - 1) * pageSize, at, at + pageSize);
  }
  return image;
}

interface Header {
  readonly pageSize: number;
  readonly salts: Buffer;
  /** Undefined when it is no header of a log. */
  readonly checksum: Checksum | undefined;
}

function headerOf(log: Buffer): Header {
  const pageSize = log.readUInt32BE(8);
  const checksum = openChecksum(log.readUInt32BE(0));
  const sound = checksum !== undefined && isPageSize(pageSize) && checksum(log, 0, 24, log, 24);
  return { pageSize, salts: log.subarray(16, 24), checksum: sound ? checksum : undefined };
}

/** Whether the frame that follows those checked before belongs to this log and adds up. */
function isSound(log: Buffer, at: number, pageSize: number, salts: Buffer, checksum: Checksum): boolean {
  if (!log.subarray(at + 8, at + 16).equals(salts)) return false;
  checksum(log, at, 8);
  return checksum(log, at + FRAME_HEADER, pageSize, log, at + 16);
}

/** Where each page's last committed content stands in the log, and how many pages the database then has. */
function committedPages(log: Buffer): { pages: Map<number, number>; count: number } {
  const pages = new Map<number, number>();
  const { pageSize, salts, checksum } = headerOf(log);
  let count = 0;
  if (checksum === undefined) return { pages, count };
  const open = new Map<number, number>();
  const step = FRAME_HEADER + pageSize;
  for (let at = LOG_HEADER; at + step <= log.length; at += step) {
    // An older log's remains follow the last frame: they bear other salts or do not add up.
    if (!isSound(log, at, pageSize, salts, checksum)) break;
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
