/** What can still be read of a database that was set aside is carried over, and what cannot is counted. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { openReadOnly, type Sqlite } from '../infra/database.ts';
import { isConstraint, isDamage } from '../infra/sqlite-errors.ts';
import { moveDatabase, removeDatabase, setAsideFiles, unsalvagedFiles } from './damage.ts';
import { count } from './ledger.ts';
import { installationOf, isRefused, type Spool } from './spool.ts';

/** How many of them are kept for whoever wants to look into them. */
const KEPT = 3;

/**
 * Carries over what can be read of databases that were set aside. Only for the
 * holder of usage.lock: two at once would count twice.
 */
export function salvage(spool: Spool): void {
  for (const name of unsalvagedFiles(spool.directory)) {
    if (!isDealtWith(spool, name)) continue;
    const kept = name.replace('damaged', 'salvaged');
    moveDatabase(spool.directory, name, kept);
    // Whoever refuses first says so and then removes what is set aside: if not under this name, it is done here.
    if (isWithdrawn(spool)) removeDatabase(join(spool.directory, kept));
  }
  const waiting = unsalvagedFiles(spool.directory);
  const done = setAsideFiles(spool.directory).filter((name) => !waiting.includes(name));
  for (const name of done.slice(0, -KEPT)) removeDatabase(join(spool.directory, name));
}

/** `usage disable` may have come in between: what it has purged must not come back. */
function isWithdrawn(spool: Spool): boolean {
  return installationOf(spool).consent === 0 || isRefused(spool.directory);
}

/**
 * False when the spool could not take what was read, being locked or full: the next run tries again. Throws when
 * it is the spool that is damaged.
 */
function isDealtWith(spool: Spool, name: string): boolean {
  let db: Sqlite.Database;
  try {
    db = openReadOnly(join(spool.directory, name), 0);
  } catch {
    return true; // Not even its beginning can be read: there is nothing to carry over.
  }
  try {
    spool.transaction(() => {
      if (isWithdrawn(spool) || installationOf(spool).salvaged === name) return;
      carryOver(db, spool);
      spool.statement('UPDATE installation SET salvaged = ?').run(name);
    });
    return true;
  } catch (error) {
    // What cannot be read of the old one throws nothing, so this is about the spool.
    if (isDamage(error)) throw error;
    return false;
  } finally {
    db.close();
  }
}

interface OldRecord extends Readonly<Record<string, unknown>> {
  readonly id: number;
  readonly uuid: string;
  readonly state: string;
  readonly identity_id: number;
  readonly distinct_id: string | null;
  readonly spool_dropped: number;
  /** Undefined in a database that an older program has made. */
  readonly from_environment?: number;
}

const CARRIED = [
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

/** The ledger goes on from the old one; what it says was there and could not be read is dropped as damaged. */
function carryOver(db: Sqlite.Database, spool: Spool): void {
  const identities = new Map<string, number>();
  let carried = 0;
  for (const record of readableRecords(db)) {
    const known = spool.statement('SELECT 1 FROM record WHERE uuid = ?').get(record.uuid);
    if (known !== undefined) continue;
    try {
      spool.tentatively(() => carryRecord(db, spool, identities, record));
      carried += 1;
    } catch (error) {
      // A value that no record may have: damage that reads like a row. It is lost, and counted so.
      if (!isConstraint(error)) throw error;
      identities.delete(identityKey(record));
    }
  }
  carryLedger(db, spool, carried);
}

function carryRecord(
  db: Sqlite.Database,
  spool: Spool,
  identities: Map<string, number>,
  record: OldRecord,
): void {
  const identityId = carryIdentity(db, spool, identities, record);
  const columns = [...CARRIED, 'from_environment', 'identity_id'];
  spool
    .statement(`INSERT INTO record (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`)
    .run(...CARRIED.map((column) => record[column]), record.from_environment ?? 0, identityId);
}

/** From the front until the first unreadable page, then from the back until the last one. */
function readableRecords(db: Sqlite.Database): OldRecord[] {
  const found = new Map<number, OldRecord>();
  for (const order of ['ASC', 'DESC']) {
    try {
      const sql = `SELECT * FROM record NOT INDEXED WHERE state <> 'delivered' ORDER BY id ${order}`;
      for (const row of db.prepare(sql).iterate() as IterableIterator<OldRecord>) {
        if (found.has(row.id)) break;
        found.set(row.id, row);
      }
    } catch {
      // As far as it can be read from this side.
    }
  }
  return [...found.values()].sort((a, b) => a.id - b.id);
}

function identityKey({ identity_id, distinct_id }: OldRecord): string {
  return `${identity_id} ${distinct_id === null}`;
}

function carryIdentity(
  db: Sqlite.Database,
  spool: Spool,
  carried: Map<string, number>,
  record: OldRecord,
): number {
  const key = identityKey(record);
  const known = carried.get(key);
  if (known !== undefined) return known;
  const id = findIdentity(db, spool, record.identity_id, record.distinct_id === null);
  carried.set(key, id);
  return id;
}

/**
 * The identity that an old record belongs to, retired unless the new database goes on with it. That one then begins
 * anew there, without the credentials that it had seen: anybody may be linked to it. What is unbound could end as
 * theirs if it were given up under its anon_id, so it gets one that is never linked, as where no old one can be read.
 */
function findIdentity(db: Sqlite.Database, spool: Spool, oldId: number, isUnbound: boolean): number {
  const columns = 'anon_id, principal_id, verified, fingerprint, created_at, linked_at';
  const old = readOne(db, `SELECT ${columns} FROM identity WHERE id = ${oldId}`);
  const present = spool.statement('SELECT id FROM identity WHERE anon_id = ?').get(old?.anon_id ?? null) as
    | { id: number }
    | undefined;
  if (present !== undefined && !isUnbound) return present.id;
  const kept = present === undefined ? old : undefined;
  const inserted = spool
    .statement(`INSERT INTO identity (${columns}, retired_at) VALUES (?, ?, ?, ?, ?, ?, ?)`)
    .run(
      kept?.anon_id ?? randomUUID(),
      kept?.principal_id ?? null,
      kept?.verified ?? 0,
      kept?.fingerprint ?? null,
      old?.created_at ?? 0,
      kept?.linked_at ?? null,
      Date.now(),
    );
  return Number(inserted.lastInsertRowid);
}

/** Inserting has counted what was carried; the rest of the old counts is added, so that the law still holds. */
function carryLedger(db: Sqlite.Database, spool: Spool, carried: number): void {
  const old = new Map<string, number>();
  try {
    for (const { name, value } of db.prepare('SELECT name, value FROM ledger').iterate() as IterableIterator<{
      name: string;
      value: number;
    }>) {
      // Damage that reads like a count is none.
      if (Number.isSafeInteger(value) && value >= 0) old.set(name, value);
    }
  } catch {
    return;
  }
  const lost = Math.max(0, (old.get('pending') ?? 0) + (old.get('quarantined') ?? 0) - carried);
  const gone = [...old].filter(
    ([name]) => name === 'delivered' || name === 'purged' || name.startsWith('dropped.'),
  );
  for (const [name, value] of gone) count(spool, name, value);
  if (lost > 0) count(spool, 'dropped.damaged', lost);
  count(spool, 'unreported', (old.get('unreported') ?? 0) + lost);
  count(spool, 'recorded', gone.reduce((sum, [, value]) => sum + value, 0) + lost);
}

function readOne(db: Sqlite.Database, sql: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return db.prepare(sql).get() as Readonly<Record<string, unknown>> | undefined;
  } catch {
    return undefined;
  }
}
