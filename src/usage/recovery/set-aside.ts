/**
 * A damaged database is set aside by whoever meets it, so that recording goes on at once; `salvage.ts` then
 * carries over what can still be read of it.
 */
import { lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openReadOnly, refuseNewerFile, withFileLock } from '../../infra/sqlite/database.ts';
import { DamagedError, isDamage, isOtherSchema } from '../../infra/sqlite/errors.ts';
import { LIMITS } from '../../settings.ts';
import { readText, understand } from '../identity/usage-json.ts';
import {
  type Installation,
  inodeOf,
  installationOf,
  isRefused,
  openSpool,
  refuseReplaced,
  type Spool,
  sharedFile,
  spoolFile,
} from '../spool/spool.ts';

const SET_ASIDE = /^(usage\.db\.(?:damaged|salvaged)-(\d+))(?:-wal|-journal|-shm)?$/;

/** Opens the spool; a damaged one is set aside first. Throws what `openSpool` throws. */
export function openSoundSpool(directory: string, migrations: string): Spool {
  const inode = inodeOf(directory);
  try {
    return openHeir(directory, migrations);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return replaceDamaged(directory, migrations, inode, error);
  }
}

/**
 * Does `work` with an open spool; if that turns out to be damaged, sets it aside and does `work` with a new
 * one. Throws what `work` throws.
 */
export function withSoundSpool<T>(spool: Spool, migrations: string, work: (spool: Spool) => T): T {
  try {
    return work(spool);
  } catch (error) {
    if (!isDamage(error)) throw error;
    closeQuietly(spool);
    const sound = replaceDamaged(spool.directory, migrations, spool.inode, error);
    try {
      return work(sound);
    } finally {
      sound.close();
    }
  }
}

/** 64 MiB, a third of a second; a larger one is found out when somebody meets the damage. */
const MOST_PAGES = 16_384;

/** Looks for damage where commands do not come by. Throws DamagedError, or what SQLite says of it. */
export function refuseDamage(spool: Spool): void {
  refuseReplaced(spool);
  const counters = `SELECT count(*) AS n FROM ledger WHERE name IN ('recorded', 'delivered', 'pending', 'quarantined', 'purged')`;
  if ((spool.statement(counters).get() as { n: number }).n < 5) throw new DamagedError('counters are gone');
  const [{ page_count: pages } = { page_count: 0 }] = spool.pragma('page_count') as { page_count: number }[];
  if (pages > MOST_PAGES) return;
  const [{ integrity_check: found } = { integrity_check: '' }] = spool.pragma('integrity_check(1)') as {
    integrity_check: string;
  }[];
  if (found === 'ok') return;
  const code = /error code[= ](\d+)/.exec(found)?.[1];
  // A disk that could not be read just now says nothing about what is on it.
  if (code !== undefined && (Number(code) & 0xff) !== SQLITE_CORRUPT) throw new Error(found);
  throw new DamagedError(found);
}

const SQLITE_CORRUPT = 11;

/** Sets the spool's database aside if `error` says that it is damaged, and tells whether it was. */
export function setAsideIfDamaged(spool: Spool, migrations: string, error: unknown): boolean {
  if (!isDamage(error)) return false;
  closeQuietly(spool);
  replaceDamaged(spool.directory, migrations, spool.inode, error).close();
  return true;
}

/** The databases that were set aside, oldest first; also one of which a process that was killed moved but the log. */
export function setAsideFiles(directory: string): string[] {
  const found = readdirSync(directory).flatMap((name) => {
    const [, database = '', time] = SET_ASIDE.exec(name) ?? [];
    return time === undefined || !isPlain(join(directory, name)) ? [] : [[database, Number(time)] as const];
  });
  return [...new Map(found)].sort(([, a], [, b]) => a - b).map(([database]) => database);
}

/** Nothing else with such a name was set aside by this program; a FIFO would never be opened. */
function isPlain(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** Those still to be carried over. Not a log without its database: who moved the one may be about to move the other. */
export function unsalvagedFiles(directory: string): string[] {
  return setAsideFiles(directory).filter(
    (name) => name.includes('damaged') && isPlain(join(directory, name)),
  );
}

/**
 * One process moves the damaged file, under a lock; another that met the same damage finds a new file in its
 * place, by the inode, and uses that.
 */
function replaceDamaged(
  directory: string,
  migrations: string,
  damaged: bigint | undefined,
  error: unknown,
): Spool {
  return withFileLock(join(directory, 'usage.repair.lock'), LIMITS.lockWaitMs, () => {
    if (damaged === undefined || inodeOf(directory) !== damaged) return openHeir(directory, migrations);
    // Statements of ours that fit no longer are no damage then.
    if (isOtherSchema(error)) refuseNewerFile(spoolFile(directory), migrations);
    const aside = `usage.db.damaged-${Date.now()}`;
    moveDatabase(directory, 'usage.db', aside);
    const spool = openHeir(directory, migrations);
    if (isRefused(directory)) removeDatabase(join(directory, aside));
    return spool;
  });
}

/**
 * Opens the spool; a new one takes over from the database that was set aside for it. Whoever set that aside may not
 * have come so far, the disk being full; before the new one has an event of its own it is not too late.
 */
function openHeir(directory: string, migrations: string): Spool {
  const spool = openSpool(directory, migrations);
  try {
    if (installationOf(spool).notice_shown_at !== null) return spool;
    const last = unsalvagedFiles(directory).at(-1);
    if (last !== undefined && !inherit(spool, join(directory, last))) keepNotice(spool);
    return spool;
  } catch (error) {
    closeQuietly(spool);
    throw error;
  }
}

/** Whoever has a usage.json beside a damaged database has been told that usage is recorded, and is not told again. */
function keepNotice(spool: Spool): void {
  if (understand(readText(sharedFile(spool.directory)) ?? '') === undefined) return;
  spool.statement('UPDATE installation SET notice_shown_at = ?').run(Date.now());
}

/**
 * What must outlive the damage: whether the person allows recording, the key of the fingerprints, and what has been
 * carried over already. False where it cannot be read: there is a new key then, and a refusal is in a file as well.
 */
function inherit(spool: Spool, damaged: string): boolean {
  try {
    const db = openReadOnly(damaged, 0);
    try {
      const old = db.prepare('SELECT * FROM installation').get() as Installation;
      spool
        .statement(
          'UPDATE installation SET fingerprint_key = ?, consent = ?, notice_shown_at = ?, salvaged = ?',
        )
        .run(old.fingerprint_key, old.consent, old.notice_shown_at, old.salvaged ?? null);
      return true;
    } finally {
      db.close();
    }
  } catch {
    return false;
  }
}

/** Renames a database with its log. The log moves first: left beside a new database, it would be played into it. */
export function moveDatabase(directory: string, from: string, to: string): void {
  for (const log of ['-wal', '-journal']) rename(join(directory, from + log), join(directory, to + log));
  rmSync(join(directory, `${from}-shm`), { force: true });
  rename(join(directory, from), join(directory, to));
}

function rename(from: string, to: string): void {
  if (lstatSync(from, { throwIfNoEntry: false }) !== undefined) renameSync(from, to);
}

/** Deletes a database with its log. */
export function removeDatabase(path: string): void {
  for (const suffix of ['-wal', '-journal', '-shm', '']) rmSync(`${path}${suffix}`, { force: true });
}

function closeQuietly(spool: Spool): void {
  try {
    spool.close();
  } catch {
    // A damaged database may not even close.
  }
}
