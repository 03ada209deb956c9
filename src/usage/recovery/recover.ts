/** What can still be read of a database that was set aside is carried over, and what cannot is counted. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Sqlite } from '../../infra/sqlite/database.ts';
import { isConstraint, isDamage } from '../../infra/sqlite/errors.ts';
import { hasBrokenLog } from '../../infra/sqlite/image.ts';
import { isReadable } from '../event/wire.ts';
import { count, UNCOUNTED } from '../spool/ledger.ts';
import { installationOf, isRefused, refuseReplaced, type Spool } from '../spool/spool.ts';
import {
  type Found,
  IDENTITY_COLUMNS,
  type OldRecord,
  openWreck,
  RECORD_COLUMNS,
  readOne,
  readWreck,
} from './open-corrupt.ts';
import { moveDatabase, removeDatabase, setAsideFiles, unsalvagedFiles } from './set-aside.ts';

/** How many of them are kept for whoever wants to look into them. */
const KEPT = 3;

/**
 * Carries over what can be read of databases that were set aside. Only for the holder of usage.lock: two at once would
 * count twice. Throws DamagedError when the spool itself is damaged, or has been set aside meanwhile.
 */
export function salvage(spool: Spool, migrations: string): void {
  refuseReplaced(spool);
  const found = unsalvagedFiles(spool.directory);
  const carried = carriedOver(spool, found, migrations);
  for (const name of found) {
    if (!carried.has(name) && !isDealtWith(spool, name, migrations)) continue;
    // Else it is in a database that itself is still to be carried over, and says so.
    refuseReplaced(spool);
    const kept = name.replace('damaged', 'salvaged');
    moveDatabase(spool.directory, name, kept);
    // Whoever refuses first says so and then removes what is set aside: if not under this name, it is done here.
    if (isWithdrawn(spool)) removeDatabase(join(spool.directory, kept));
  }
  const waiting = unsalvagedFiles(spool.directory);
  const done = setAsideFiles(spool.directory).filter((name) => !waiting.includes(name));
  for (const name of done.slice(0, -KEPT)) removeDatabase(join(spool.directory, name));
}

/** Which of them had been carried over, without having been renamed, by this spool or by one that was set aside later. */
function carriedOver(spool: Spool, names: readonly string[], migrations: string): Set<unknown> {
  const carried = new Set<unknown>([installationOf(spool).salvaged]);
  for (const name of names.length > 1 ? names : []) {
    try {
      const db = openWreck(join(spool.directory, name), migrations);
      if (db !== undefined) carried.add(readOne(db, 'SELECT salvaged FROM installation')?.salvaged);
      db?.close();
    } catch {
      // It cannot be opened just now, so it is not carried over either.
    }
  }
  return carried;
}

/** `usage disable` may have come in between: what it has purged must not come back. */
function isWithdrawn(spool: Spool): boolean {
  return installationOf(spool).consent === 0 || isRefused(spool.directory);
}

/**
 * False when it could not be read just now, or the spool could not take it, being locked or full: the next run tries
 * again. Throws when it is the spool that is damaged.
 */
function isDealtWith(spool: Spool, name: string, migrations: string): boolean {
  const path = join(spool.directory, name);
  let db: Sqlite.Database | undefined;
  try {
    const isPartial = hasBrokenLog(path);
    db = openWreck(path, migrations);
    // Before the spool is locked, for it may take a while.
    const found = db === undefined ? undefined : readWreck(db);
    spool.transaction(() => {
      if (isWithdrawn(spool)) return;
      if (db !== undefined && found !== undefined) carryOver(db, spool, found);
      if (isPartial || found?.ledger === undefined) count(spool, UNCOUNTED, 1);
      spool.statement('UPDATE installation SET salvaged = ?').run(name);
    });
    return true;
  } catch (error) {
    // What cannot be read of the old one throws nothing, so this is about the spool.
    if (isDamage(error)) throw error;
    return false;
  } finally {
    db?.close();
  }
}

/** The ledger goes on from the old one; what it says was there and could not be read is dropped as damaged. */
function carryOver(db: Sqlite.Database, spool: Spool, { records, ledger }: Found): void {
  const identities = new Map<string, number>();
  const seen = new Set<string>();
  let carried = 0;
  for (const record of records) {
    // A page that stands in the place of another, or a row that was changed: what was there is lost.
    if (seen.has(record.uuid) || !isReadable(record)) continue;
    seen.add(record.uuid);
    const known = spool.statement('SELECT 1 FROM record WHERE uuid = ?').get(record.uuid);
    try {
      if (known === undefined) spool.tentatively(() => carryRecord(db, spool, identities, record));
      carried += 1;
    } catch (error) {
      // A value that no record may have: damage that reads like a row. It is lost, and counted so.
      if (!isConstraint(error)) throw error;
      identities.delete(identityKey(record));
    }
  }
  if (ledger !== undefined) carryLedger(spool, ledger, carried);
}

function carryRecord(
  db: Sqlite.Database,
  spool: Spool,
  identities: Map<string, number>,
  record: OldRecord,
): void {
  const identityId = carryIdentity(db, spool, identities, record);
  const columns = [...RECORD_COLUMNS, 'from_environment', 'identity_id'];
  spool
    .statement(`INSERT INTO record (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`)
    .run(...RECORD_COLUMNS.map((column) => record[column]), record.from_environment ?? 0, identityId);
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
  const old = readOne(db, `SELECT ${IDENTITY_COLUMNS} FROM identity WHERE id = ${oldId}`);
  const present = spool.statement('SELECT id FROM identity WHERE anon_id = ?').get(old?.anon_id ?? null) as
    | { id: number }
    | undefined;
  if (present !== undefined && !isUnbound) return present.id;
  const kept = present === undefined ? old : undefined;
  const inserted = spool
    .statement(`INSERT INTO identity (${IDENTITY_COLUMNS}, retired_at) VALUES (?, ?, ?, ?, ?, ?, ?)`)
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
function carryLedger(spool: Spool, old: ReadonlyMap<string, number>, carried: number): void {
  const lost = Math.max(0, (old.get('pending') ?? 0) + (old.get('quarantined') ?? 0) - carried);
  const gone = [...old].filter(
    ([name]) => name === 'delivered' || name === 'purged' || name.startsWith('dropped.'),
  );
  for (const [name, value] of gone) count(spool, name, value);
  if (lost > 0) count(spool, 'dropped.damaged', lost);
  count(spool, 'unreported', (old.get('unreported') ?? 0) + lost);
  count(spool, 'recorded', gone.reduce((sum, [, value]) => sum + value, 0) + lost);
  const uncounted = old.get(UNCOUNTED) ?? 0;
  if (uncounted > 0) count(spool, UNCOUNTED, uncounted);
}
