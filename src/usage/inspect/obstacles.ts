/** What keeps events from being recorded though nobody has switched it off. */
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Settings } from '../../settings.ts';
import { ownerOfBorrowedHome, refuseBorrowedHome } from '../spool/place.ts';
import { spoolFile } from '../spool/spool.ts';
import type { StoreState } from './snapshot.ts';

const OBSTACLES: Readonly<Partial<Record<StoreState['state'], string>>> = {
  newer: 'the usage spool is of a newer version of this program',
  foreign: 'the usage spool is not ours alone',
  unreadable: 'the usage spool cannot be opened',
  'no sqlite': 'better-sqlite3 cannot be loaded',
};

/** In words; null when the next command would be recorded, if it is to be. Changes nothing. */
export function obstacleOf({ directory }: Settings, { state }: StoreState): string | null {
  if (directory === undefined) return 'there is no home directory';
  const known = OBSTACLES[state];
  if (known !== undefined) return known;
  try {
    refuseBorrowedHome(directory);
  } catch {
    return 'this home belongs to another user';
  }
  let place = directory;
  while (!existsSync(place)) place = dirname(place);
  if (!isWritable(place)) return `${place} may not be written to`;
  const path = spoolFile(directory);
  return existsSync(path) && !isWritable(path) ? `${path} may not be written to` : null;
}

/** The store with what is to be done about it here; see `withoutSudo`. */
export function advised<T extends StoreState>(settings: Settings, store: T): T {
  const advice =
    store.state === 'foreign' || store.state === 'unreadable' ? withoutSudo(settings) : undefined;
  return advice === undefined ? store : { ...store, advice };
}

/**
 * What to do under `sudo` in somebody's home, where nothing is to be moved or given away: it may be just as that
 * person's next command needs it. Undefined elsewhere.
 */
export function withoutSudo({ directory }: Settings): string | undefined {
  const owner = directory === undefined ? undefined : ownerOfBorrowedHome(directory);
  return owner === undefined ? undefined : `Run it without sudo, as user ${owner}, whose home this is.`;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
