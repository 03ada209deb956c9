/** Plays SQLite's write-ahead log into the bytes of its database, by https://sqlite.org/fileformat2.html, section 4. */

/** Bytes of a log's header. */
export const LOG_HEADER = 32;
const FRAME_HEADER = 24;
/** The first word of a log whose checksums are of little-endian words; the lowest bit says big-endian. */
const MAGIC = 0x377f0682;

/** Every page as the last whole transaction of the log left it. */
export function playLog(database: Buffer, log: Buffer): Buffer {
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
