/**
 * A damaged database is set aside by the process that meets it, so that recording goes on at once; `recover.ts` then
 * carries over what can still be read of it.
 */
import { existsSync, lstatSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { assertNotNewerFile, openCopy, withFileLock } from '../../infra/sqlite/database.ts';
import { isDamage, isOtherSchema, isSqlite } from '../../infra/sqlite/errors.ts';
import type { Patience } from '../../infra/sqlite/patience.ts';
import { LIMITS } from '../../settings.ts';
import { removeDatabase, setAsideFiles, unrecoveredFiles } from '../spool/aside.ts';
import { count, UNCOUNTED } from '../spool/ledger.ts';
import { createDatabaseFile, isOptedOut } from '../spool/place.ts';
import {
  birthOf,
  inodeOf,
  installationOf,
  openSpool,
  type Spool,
  sharedFile,
  spoolFile,
} from '../spool/spool.ts';
import { readUsageJson } from '../spool/usage-json.ts';
import { attachDamaged, copyTable, detachDamaged, sharedColumns } from './open-corrupt.ts';

/** How many are kept for a person who wants to look into them. */
const KEPT = 3;

/** Opens the spool; a damaged one is replaced. Throws what `openSpool` throws. */
export function openSoundSpool(
  directory: string,
  migrations: string,
  patience: Patience = { leftMs: LIMITS.patienceMs },
): Spool {
  const inode = inodeOf(directory);
  try {
    return openHeir(directory, migrations, patience);
  } catch (error) {
    if (!isDamage(error) && !isOtherSchema(error)) throw error;
    // A migration that does not fit the database's own version; or its version is a newer one by now.
    if (isOtherSchema(error)) assertNotNewerFile(spoolFile(directory), migrations);
    return replaceDamaged({ directory, patience, inode }, migrations);
  }
}

/**
 * The spool to go on with after `error`: a new one, where it says that this one is damaged, which is then closed and
 * set aside. Throws `error` where it says something else, and what opening the new one throws.
 */
export function reopenIfDamaged(spool: Spool, migrations: string, error: unknown): Spool {
  if (!isDamage(error) && !(isOtherSchema(error) && hasOtherSchema(spool, migrations))) throw error;
  spool.close();
  return replaceDamaged(spool, migrations);
}

/** Does `work` with an open spool; where that turns out to be damaged, with a new one. Throws what `work` throws. */
export function inSoundSpool<T>(spool: Spool, migrations: string, work: (spool: Spool) => T): T {
  try {
    return work(spool);
  } catch (error) {
    const sound = reopenIfDamaged(spool, migrations, error);
    try {
      return work(sound);
    } finally {
      sound.close();
    }
  }
}

/**
 * Whether the schema is another than the migrations make; else it is our statement that is wrong. Throws
 * NewerSchemaError where a newer program has changed it.
 */
function hasOtherSchema(spool: Spool, migrations: string): boolean {
  assertNotNewerFile(spoolFile(spool.directory), migrations);
  const sound = openCopy(null, migrations);
  const sql = 'SELECT type, name, sql FROM sqlite_schema ORDER BY type, name';
  try {
    return JSON.stringify(spool.statement(sql).all()) !== JSON.stringify(sound.prepare(sql).all());
  } catch (error) {
    return isDamage(error);
  } finally {
    sound.close();
  }
}

/** Names a database that was set aside as one that is recovered. */
export function markRecovered(directory: string, file: string): void {
  moveDatabase(directory, file, file.replace('damaged', 'recovered'));
}

/**
 * One process moves the damaged file, under a lock; another that met the same damage finds a new file in its
 * place, by the inode, and uses that. A database that has been deleted, as file by file with its folder, is not damaged
 * and is not made again: opening it fails.
 */
function replaceDamaged(
  { directory, patience, inode }: Pick<Spool, 'directory' | 'patience' | 'inode'>,
  migrations: string,
): Spool {
  const lock = join(directory, 'usage.repair.lock');
  // Nor is a lock made for it; the one that another process holds, while it has moved the file, is there.
  if (inodeOf(directory) === undefined && !existsSync(lock))
    return openSpool(directory, migrations, patience);
  return withFileLock(lock, Math.max(0, Math.round(patience.leftMs)), () => {
    if (inodeOf(directory) !== inode) return openHeir(directory, migrations, patience);
    const aside = `usage.db.damaged-${Date.now()}`;
    moveDatabase(directory, 'usage.db', aside);
    createDatabaseFile(directory);
    const spool = openHeir(directory, migrations, patience);
    if (isOptedOut(directory)) removeDatabase(join(directory, aside));
    prune(spool);
    return spool;
  });
}

/** Removes all but the last three, those that are recovered first; what is lost with another is not known. */
function prune(spool: Spool): void {
  const { directory } = spool;
  const unrecovered = unrecoveredFiles(directory);
  const recovered = setAsideFiles(directory).filter((name) => !unrecovered.includes(name));
  const tooMany = [...recovered, ...unrecovered].slice(0, -KEPT);
  const lost = tooMany.filter((name) => unrecovered.includes(name)).length;
  if (lost > 0) spool.transaction(() => count(spool, UNCOUNTED, lost));
  for (const name of tooMany) removeDatabase(join(directory, name));
}

/**
 * Opens the spool; a new one takes over from the database that was set aside for it. The process that set that aside may
 * not have come so far, the disk being full; before the new one has an event of its own it is not too late.
 */
function openHeir(directory: string, migrations: string, patience: Patience): Spool {
  const spool = openSpool(directory, migrations, patience);
  try {
    if (installationOf(spool).notice_shown_at !== null) return spool;
    const last = unrecoveredFiles(directory).at(-1);
    if (last !== undefined) inherit(spool, join(directory, last), migrations);
    return spool;
  } catch (error) {
    spool.close();
    throw error;
  }
}

/**
 * What must outlive the damage, as far as it can be read: whether the person allows recording, the key of the
 * fingerprints, the identities that it is for, how far an earlier recovery has come, and the last id.
 */
function inherit(spool: Spool, damaged: string, migrations: string): void {
  try {
    const isReadable = attachDamaged(spool, damaged, migrations);
    const hasInstallation = isReadable && copyTable(spool, 'installation');
    const tables = isReadable ? INHERITED.filter((table) => copyTable(spool, table)) : [];
    const inserts = tables.map((table) => insertOf(table, sharedColumns(spool, table)));
    const birth = birthOf(damaged);
    spool.transaction(() => {
      // Another process may have done so meanwhile.
      if (installationOf(spool).notice_shown_at !== null) return;
      if (!hasInstallation || !attempt(spool, INHERIT_INSTALLATION)) keepNotice(spool);
      for (const sql of inserts) attempt(spool, sql);
      // Where an identity is at home goes on to the new database; that it is a copy does, too.
      spool.statement('UPDATE identity SET birth = ? WHERE birth = ?').run(spool.birth, birth);
    });
  } catch (error) {
    if (!isSqlite(error)) throw error;
    // Another process has it open: there is a new key then, and a refusal is in a file as well.
  } finally {
    detachDamaged(spool);
  }
}

const INHERIT_INSTALLATION = `UPDATE installation SET (fingerprint_key, consent, notice_shown_at) =
    (SELECT fingerprint_key, consent, notice_shown_at FROM temp.damaged_installation)
  WHERE EXISTS (SELECT 1 FROM temp.damaged_installation)`;
const INHERITED = ['identity', 'account', 'recovery', 'sqlite_sequence'] as const;

/** All rows of a table that has none yet. */
function insertOf(table: (typeof INHERITED)[number], columns: string): string {
  return `INSERT INTO main.${table} (${columns}) SELECT ${columns} FROM temp.damaged_${table}
    WHERE NOT EXISTS (SELECT 1 FROM main.${table})`;
}

/** False where it changes nothing, for there was nothing or its values are none that ours may have. */
function attempt(spool: Spool, sql: string): boolean {
  return (spool.savepoint(() => spool.statement(sql).run().changes) ?? 0) > 0;
}

/** A person who has a usage.json beside a damaged database has been told that usage is recorded. */
function keepNotice(spool: Spool): void {
  if (readUsageJson(sharedFile(spool.directory)) === undefined) return;
  spool.statement('UPDATE installation SET notice_shown_at = ?').run(Date.now());
}

/** Renames a database with its log. The log moves first: left beside a new database, it would be played into it. */
function moveDatabase(directory: string, from: string, to: string): void {
  for (const log of ['-wal', '-journal']) rename(join(directory, from + log), join(directory, to + log));
  rmSync(join(directory, `${from}-shm`), { force: true });
  rename(join(directory, from), join(directory, to));
}

function rename(from: string, to: string): void {
  if (lstatSync(from, { throwIfNoEntry: false }) !== undefined) renameSync(from, to);
}
