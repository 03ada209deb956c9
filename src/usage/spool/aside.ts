/** The damaged databases that were set aside, as files. */
import { lstatSync, readdirSync, rmSync } from 'node:fs';
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

/** Those still to be recovered. Not a log without its database: the process that moved the one may yet move the other. */
export function unrecoveredFiles(directory: string): string[] {
  return setAsideFiles(directory).filter(
    (name) => name.includes('damaged') && isPlain(join(directory, name)),
  );
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
