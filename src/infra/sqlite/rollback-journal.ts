/**
 * Plays SQLite's rollback journal back into the bytes of its database: what a transaction has begun to write is
 * undone. By https://sqlite.org/fileformat2.html, section 3.
 */

/** Bytes of a journal's header that mean something. */
export const JOURNAL_HEADER = 28;
const MAGIC = Buffer.from('d9d505f920a163d7', 'hex');

/** Whether bytes begin a journal. One that has served its time is empty, or begins with zeros. */
export function isJournal(beginning: Buffer): boolean {
  return beginning.length >= JOURNAL_HEADER && beginning.subarray(0, MAGIC.length).equals(MAGIC);
}

/** Whether two beginnings are of the same transaction's journal; its number of pages grows meanwhile. */
export function isSameJournal(one: Buffer, other: Buffer | undefined): boolean {
  return other?.subarray(12, JOURNAL_HEADER).equals(one.subarray(12, JOURNAL_HEADER)) === true;
}

/** The database as it was before the transaction. A journal that is none, or an emptied one, changes nothing. */
export function playBack(database: Buffer, journal: Buffer): Buffer {
  const first = headerAt(journal, 0);
  if (first === undefined) return database;
  const { pageSize, sectorSize } = first;
  const image = Buffer.alloc(first.pagesBefore * pageSize);
  database.copy(image);
  for (let at = 0, part = headerAt(journal, at); part !== undefined; part = headerAt(journal, at)) {
    const whole = undo(image, journal, at + sectorSize, part, pageSize);
    if (whole === undefined) break;
    at = Math.ceil(whole / sectorSize) * sectorSize;
  }
  return image;
}

interface Header {
  readonly records: number;
  readonly nonce: number;
  readonly pagesBefore: number;
  readonly sectorSize: number;
  readonly pageSize: number;
}

/** The journal grows in parts, each with a header, as its pages are made safe on the disk. */
function headerAt(journal: Buffer, at: number): Header | undefined {
  if (journal.length < at + JOURNAL_HEADER || !journal.subarray(at, at + 8).equals(MAGIC)) return undefined;
  const [records = 0, nonce = 0, pagesBefore = 0, sectorSize = 0, pageSize = 0] = [8, 12, 16, 20, 24].map(
    (field) => journal.readUInt32BE(at + field),
  );
  if (!isPowerOfTwo(pageSize, 512) || !isPowerOfTwo(sectorSize, 32)) return undefined;
  // A header has a sector of its own, and is none before all of that is there.
  if (journal.length < at + sectorSize) return undefined;
  return { records, nonce, pagesBefore, sectorSize, pageSize };
}

function isPowerOfTwo(size: number, least: number): boolean {
  return size >= least && size <= 65_536 && (size & (size - 1)) === 0;
}

/** Puts back the pages of a part that begins at `from`; returns where it ends, or undefined where it is cut short. */
function undo(
  image: Buffer,
  journal: Buffer,
  from: number,
  { records, nonce }: Header,
  pageSize: number,
): number | undefined {
  const step = 4 + pageSize + 4;
  // So many that the file's length tells.
  const count = records === 0xffff_ffff ? Math.floor((journal.length - from) / step) : records;
  for (let i = 0, at = from; i < count; i += 1, at += step) {
    if (at + step > journal.length) return undefined;
    const page = journal.subarray(at + 4, at + 4 + pageSize);
    if (checksumOf(page, nonce) !== journal.readUInt32BE(at + 4 + pageSize)) return undefined;
    const place = (journal.readUInt32BE(at) - 1) * pageSize;
    if (place >= 0 && place < image.length) page.copy(image, place);
  }
  return from + count * step;
}

/** The nonce and every 200th byte, from the end. */
function checksumOf(page: Buffer, nonce: number): number {
  let sum = nonce;
  for (let at = page.length - 200; at > 0; at -= 200) sum += page[at] ?? 0;
  return sum >>> 0;
}
