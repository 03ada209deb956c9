/** What was set aside, opened as far as that can be done: with its header, or its schema, taken from a sound one. */
import { statSync } from 'node:fs';
import { openBytes, openCopy, openReadOnly, type Sqlite } from '../../infra/sqlite/database.ts';
import { isDamage } from '../../infra/sqlite/errors.ts';
import { readDatabaseImage } from '../../infra/sqlite/image.ts';

/** A larger one is not read into memory. */
const LARGEST = 128 * 1024 * 1024;

/**
 * Opens a damaged database for reading; undefined when nothing of it can be read. What it says must be looked at
 * with care, for parts of it may be anything. Throws when that cannot be told now, as when too many files are open.
 */
export function openWreck(path: string, migrations: string): Sqlite.Database | undefined {
  return legible(() => openReadOnly(path, 0)) ?? openRepaired(path, migrations);
}

function openRepaired(path: string, migrations: string): Sqlite.Database | undefined {
  if (statSync(path).size > LARGEST) return undefined;
  const image = readDatabaseImage(path);
  const sound = soundImage(migrations);
  const size = sound.readUInt16BE(PAGE_SIZE_AT);
  const pages = Math.max(image.length, sound.length) / size;
  const whole = Buffer.alloc(Math.ceil(pages) * size);
  image.copy(whole);
  putHeader(whole, sound, whole.length / size);
  const repaired = legible(() => openBytes(Buffer.from(whole)));
  if (repaired !== undefined) return repaired;
  // The tables begin at the same pages in every database that the migrations have made.
  for (const page of schemaPages(sound, size))
    sound.copy(whole, (page - 1) * size, (page - 1) * size, page * size);
  putHeader(whole, sound, whole.length / size);
  return legible(() => openBytes(whole));
}

/** What every version has had. */
export const RECORD_COLUMNS = [
  ...[
    'uuid',
    'kind',
    'state',
    'event',
    'command_name',
    'distinct_id',
    'personless',
    'fingerprint',
    'resolvable',
  ],
  ...['properties', 'spool_dropped', 'sealed', 'bytes', 'recorded_at', 'attempts', 'settled_at', 'reason'],
];
export const IDENTITY_COLUMNS = 'anon_id, principal_id, verified, fingerprint, created_at, linked_at';
const NEEDED = [
  `SELECT id, identity_id, ${RECORD_COLUMNS.join(', ')} FROM record LIMIT 0`,
  `SELECT id, ${IDENTITY_COLUMNS} FROM identity LIMIT 0`,
  'SELECT name, value FROM ledger LIMIT 0',
  'SELECT 1 FROM installation LIMIT 0',
];

/** The database that `open` opens if its tables can be found in it, with the columns that they have always had. */
function legible(open: () => Sqlite.Database): Sqlite.Database | undefined {
  let db: Sqlite.Database | undefined;
  try {
    db = open();
    // Else SQLite reads nothing of a file that is shorter than it was.
    db.unsafeMode();
    db.pragma('writable_schema = ON');
    for (const sql of NEEDED) db.prepare(sql).all();
    return db;
  } catch (error) {
    db?.close();
    if (!isDamage(error)) throw error;
    return undefined;
  }
}

function soundImage(migrations: string): Buffer {
  const db = openCopy(null, migrations);
  try {
    return db.serialize();
  } finally {
    db.close();
  }
}

// Places in a header, by https://sqlite.org/fileformat2.html, section 1.3.
const HEADER_BYTES = 100;
const PAGE_SIZE_AT = 16;
const CHANGES_AT = 24;
const PAGES_AT = 28;
const FREE_AT = 32;
const VALID_FOR_AT = 92;

function putHeader(image: Buffer, sound: Buffer, pages: number): void {
  sound.copy(image, 0, 0, HEADER_BYTES);
  image.writeUInt32BE(pages, PAGES_AT);
  image.writeUInt32BE(image.readUInt32BE(CHANGES_AT), VALID_FOR_AT);
  image.fill(0, FREE_AT, FREE_AT + 8);
}

const INTERIOR = 5;

/** The pages of the table that says where the others begin: the first one, and those that it names. */
function schemaPages(image: Buffer, size: number): number[] {
  if (image[HEADER_BYTES] !== INTERIOR) return [1];
  const cells = image.readUInt16BE(HEADER_BYTES + 3);
  const children = Array.from({ length: cells }, (_, i) =>
    image.readUInt32BE(image.readUInt16BE(HEADER_BYTES + 12 + 2 * i)),
  );
  return [1, image.readUInt32BE(HEADER_BYTES + 8), ...children].filter((page) => page * size <= image.length);
}

/** All that is left. */
export interface Found {
  readonly records: readonly OldRecord[];
  /** Undefined when it cannot be read: nobody can tell any more how much there was. */
  readonly ledger: ReadonlyMap<string, number> | undefined;
}

/** Reads all that can be read, which may take a while. Throws nothing. */
export function readWreck(db: Sqlite.Database): Found {
  return { records: readableRecords(db), ledger: readableLedger(db) };
}

/** A row that may be damaged. */
export interface OldRecord extends Readonly<Record<string, unknown>> {
  readonly id: number;
  readonly uuid: string;
  readonly state: string;
  readonly identity_id: number;
  readonly distinct_id: string | null;
  readonly spool_dropped: number;
  /** Undefined in a database that an older program has made. */
  readonly from_environment?: number;
}

/** So many looks at what turns out to be unreadable; each takes some 20 us. */
const MOST_FAILURES = 20_000;

/** All that can be read: a range that cannot is halved, down to single rows. */
function readableRecords(db: Sqlite.Database): OldRecord[] {
  const found: OldRecord[] = [];
  const select = db.prepare(
    `SELECT * FROM record NOT INDEXED WHERE id BETWEEN ? AND ? AND state <> 'delivered' ORDER BY id`,
  );
  let failures = 0;
  const read = (from: number, to: number): void => {
    try {
      for (const row of select.all(from, to) as OldRecord[]) found.push(row);
    } catch {
      failures += 1;
      if (from === to || failures > MOST_FAILURES) return;
      const middle = from + Math.floor((to - from) / 2);
      read(from, middle);
      read(middle + 1, to);
    }
  };
  read(1, lastId(db));
  return found;
}

/** Where nothing says how far the ids go, far enough for the largest spool by default. */
const FAR_ENOUGH = 2 ** 20;

function lastId(db: Sqlite.Database): number {
  const sql = `SELECT max(seq) AS last FROM sqlite_sequence WHERE name = 'record'`;
  const last = readOne(db, sql)?.last ?? readOne(db, 'SELECT max(id) AS last FROM record')?.last;
  return typeof last === 'number' && last >= 0 && Number.isSafeInteger(last) ? last : FAR_ENOUGH;
}

/** Undefined when it cannot be read. */
function readableLedger(db: Sqlite.Database): Map<string, number> | undefined {
  try {
    const rows = db.prepare('SELECT name, value FROM ledger').all() as { name: string; value: number }[];
    // Damage that reads like a count is none.
    const sound = rows.filter(({ value }) => Number.isSafeInteger(value) && value >= 0);
    const ledger = new Map(sound.map(({ name, value }) => [name, value]));
    return ['recorded', 'pending', 'quarantined'].every((name) => ledger.has(name)) ? ledger : undefined;
  } catch {
    return undefined;
  }
}

/** The first row; undefined when there is none or it cannot be read. */
export function readOne(db: Sqlite.Database, sql: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return db.prepare(sql).get() as Readonly<Record<string, unknown>> | undefined;
  } catch {
    return undefined;
  }
}
