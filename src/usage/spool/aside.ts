/** The damaged databases that were set aside, as files. */
import { lstatSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { whileHeldOpen } from '../../infra/os/files.ts';

/** Older versions said `salvaged`. */
const SET_ASIDE = /^(usage\.db\.(?:damaged|salvaged|recovered)-(\d+))(?:-wal|-journal|-shm)?$/;

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

/** Those still to be recovered. */
export function unrecoveredFiles(directory: string): string[] {
  return setAsideFiles(directory).filter(
    (name) => name.includes('damaged') && isPlain(join(directory, name)),
  );
}

const LOGS = ['-wal', '-journal'];

/** The name under which a process that was killed has set aside the log of usage.db, and no more. */
export function begunAside(directory: string): string | undefined {
  const database = join(directory, 'usage.db');
  const begun = setAsideFiles(directory).findLast(
    (name) => name.includes('damaged') && !isPlain(join(directory, name)),
  );
  // What has been written since does not go with that log.
  const { mtimeMs = Number.NaN } = statSync(database, { throwIfNoEntry: false }) ?? {};
  const isUntouched =
    mtimeMs <= Number(begun?.split('-')[1]) && LOGS.every((log) => !isPlain(database + log));
  return isUntouched ? begun : undefined;
}

/** Moves the damaged database aside. Returns its new path. */
export function setAside(directory: string): string {
  const aside = begunAside(directory) ?? `usage.db.damaged-${Date.now()}`;
  moveDatabase(directory, 'usage.db', aside);
  return join(directory, aside);
}

/** Renames a database with its log. The log moves first: left beside a new database, SQLite would remove it. */
export function moveDatabase(directory: string, from: string, to: string): void {
  rmSync(join(directory, `${from}-shm`), { force: true });
  for (const end of [...LOGS, '']) {
    const path = join(directory, from + end);
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) renameSync(path, join(directory, to + end));
  }
}

/** Deletes a database with its log. Returns whether it could: on Windows another program may have it open. */
export function removeDatabase(path: string): boolean {
  try {
    for (const suffix of ['-wal', '-journal', '-shm', ''])
      whileHeldOpen(() => rmSync(`${path}${suffix}`, { force: true }));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
    return false;
  }
}
