/**
 * A damaged database is set aside by the process that meets it, so that recording goes on at once; `recover.ts` then
 * recovers what can still be read of it.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { breaksSchema } from '../../infra/sqlite/database.ts';
import { isBusy, isDamage, isMisfit, isSqlite } from '../../infra/sqlite/errors.ts';
import { takeLock } from '../../infra/sqlite/lock.ts';
import { type Patience, patiently } from '../../infra/sqlite/patience.ts';
import { LIMITS } from '../../settings.ts';
import { removeDatabase, setAside, setAsideFiles, unrecoveredFiles } from '../spool/aside.ts';
import { count, UNCOUNTED } from '../spool/ledger.ts';
import { createDatabaseFile, isOptedOut } from '../spool/place.ts';
import { inodeOf, installationOf, openSpool, type Spool, sharedFile, spoolFile } from '../spool/spool.ts';
import { readUsageJson } from '../spool/usage-json.ts';
import { type Damaged, openDamaged } from './damaged.ts';
import { takeOver } from './take-over.ts';

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
    return reopenIfDamaged({ directory, patience, inode, close: () => undefined }, migrations, error);
  }
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
 * The spool to go on with after `error`: a new one, where it says that this one is damaged, which is then set aside. This
 * one is closed. One process moves the file, under a lock; another that met the same damage finds a new file in its
 * place, by the inode, and uses that. A database that has been deleted, as file by file with its folder, is not damaged
 * and is not made again: opening it fails. Throws `error` where it says something else, and what opening the new one throws.
 */
export function reopenIfDamaged(
  { directory, patience, inode, close }: Pick<Spool, 'directory' | 'patience' | 'inode' | 'close'>,
  migrations: string,
  error: unknown,
): Spool {
  close();
  if (!isDamage(error) && !isMisfit(error)) throw error;
  const path = join(directory, 'usage.repair.lock');
  // Nor is a lock made for it; the one that another process holds, while it has moved the file, is there.
  if (inodeOf(directory) === undefined && !existsSync(path))
    return openSpool(directory, migrations, patience);
  const lock = patiently(patience, () => takeLock(path));
  try {
    if (inodeOf(directory) !== inode) return openHeir(directory, migrations, patience);
    // Else the statement is wrong.
    if (!isDamage(error) && !breaksSchema(spoolFile(directory), migrations)) throw error;
    const aside = setAside(directory);
    createDatabaseFile(directory);
    const spool = openHeir(directory, migrations, patience);
    if (isOptedOut(directory)) removeDatabase(aside);
    prune(spool);
    return spool;
  } finally {
    lock.release();
  }
}

/** Removes all but the last three, those that are recovered first; what is lost with another is not known. */
function prune(spool: Spool): void {
  const { directory } = spool;
  const unrecovered = unrecoveredFiles(directory);
  const recovered = setAsideFiles(directory).filter((name) => !unrecovered.includes(name));
  const tooMany = [...recovered, ...unrecovered].slice(0, -KEPT);
  for (const name of tooMany) {
    if (unrecovered.includes(name)) spool.transaction(() => count(spool, UNCOUNTED, 1));
    removeDatabase(join(directory, name));
  }
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

/** What cannot be opened for another reason than a lock holds up no command: recovery takes it over, when it can. */
function inherit(spool: Spool, path: string, migrations: string): void {
  let damaged: Damaged | undefined;
  try {
    damaged = openDamaged(path, migrations);
    spool.transaction(() => {
      // Another process may have done so meanwhile.
      if (installationOf(spool).notice_shown_at !== null) return;
      const isKnown = damaged !== undefined && takeOver(spool, damaged, path).size > 0;
      // A person who has an identity or a usage.json has been told that usage is recorded.
      if (isKnown || readUsageJson(sharedFile(spool.directory)) !== undefined)
        spool.statement('UPDATE installation SET notice_shown_at = ?').run(Date.now());
    });
  } catch (error) {
    if (isBusy(error) || !isSqlite(error)) throw error;
  } finally {
    damaged?.close();
  }
}
