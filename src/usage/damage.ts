/**
 * A damaged database is set aside by whoever meets it, so that recording goes on at once; `salvage.ts` then
 * carries over what can still be read of it.
 */
import { existsSync, lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openReadOnly, withFileLock } from '../infra/database.ts';
import { isDamage } from '../infra/sqlite-errors.ts';
import { LIMITS } from '../settings.ts';
import { type Installation, isRefused, openSpool, type Spool, spoolFile } from './spool.ts';

const SET_ASIDE = /^(usage\.db\.(?:damaged|salvaged)-(\d+))(?:-wal|-journal|-shm)?$/;

/** Opens the spool; a damaged one is set aside first. Throws what `openSpool` throws. */
export function openSoundSpool(directory: string, migrations: string): Spool {
  const inode = inodeOf(directory);
  try {
    return openSpool(directory, migrations);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return replaceDamaged(directory, migrations, inode);
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
    const sound = replaceDamaged(spool.directory, migrations, spool.inode);
    try {
      return work(sound);
    } finally {
      sound.close();
    }
  }
}

/** Sets the spool's database aside if `error` says that it is damaged, and tells whether it was. */
export function setAsideIfDamaged(spool: Spool, migrations: string, error: unknown): boolean {
  if (!isDamage(error)) return false;
  closeQuietly(spool);
  replaceDamaged(spool.directory, migrations, spool.inode).close();
  return true;
}

/** The databases that were set aside, oldest first; also one of which a process that was killed moved but the log. */
export function setAsideFiles(directory: string): string[] {
  const found = readdirSync(directory).flatMap((name) => {
    const [, database = '', time] = SET_ASIDE.exec(name) ?? [];
    return time === undefined ? [] : [[database, Number(time)] as const];
  });
  return [...new Map(found)].sort(([, a], [, b]) => a - b).map(([database]) => database);
}

/** Those still to be carried over. Not a log without its database: who moved the one may be about to move the other. */
export function unsalvagedFiles(directory: string): string[] {
  return setAsideFiles(directory).filter(
    (name) => name.includes('damaged') && existsSync(join(directory, name)),
  );
}

/**
 * One process moves the damaged file, under a lock; another that met the same damage finds a new file in its
 * place, by the inode, and uses that.
 */
function replaceDamaged(directory: string, migrations: string, damaged: bigint | undefined): Spool {
  return withFileLock(join(directory, 'usage.repair.lock'), LIMITS.lockWaitMs, () => {
    if (damaged === undefined || inodeOf(directory) !== damaged) return openSpool(directory, migrations);
    const aside = `usage.db.damaged-${Date.now()}`;
    moveDatabase(directory, 'usage.db', aside);
    const spool = openSpool(directory, migrations);
    inherit(spool, join(directory, aside));
    if (isRefused(directory)) removeDatabase(join(directory, aside));
    return spool;
  });
}

/** What must outlive the damage: whether the person allows recording, and the key of the fingerprints. */
function inherit(spool: Spool, damaged: string): void {
  try {
    const db = openReadOnly(damaged, 0);
    try {
      const old = db.prepare('SELECT * FROM installation').get() as Installation;
      spool
        .statement('UPDATE installation SET fingerprint_key = ?, consent = ?, notice_shown_at = ?')
        .run(old.fingerprint_key, old.consent, old.notice_shown_at);
    } finally {
      db.close();
    }
  } catch {
    // Unreadable: a new key, and the notice is shown again. A refusal is in a file of its own as well.
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

function inodeOf(directory: string): bigint | undefined {
  return lstatSync(spoolFile(directory), { bigint: true, throwIfNoEntry: false })?.ino;
}

function closeQuietly(spool: Spool): void {
  try {
    spool.close();
  } catch {
    // A damaged database may not even close.
  }
}
