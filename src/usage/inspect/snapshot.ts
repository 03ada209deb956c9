/**
 * The spool as a reader meets it: a private copy in memory, so that looking changes nothing on disk, needs no
 * lock, and works beside a writer that never lets go. What keeps it from being read is told, not thrown.
 */
import { existsSync } from 'node:fs';
import { openCopy } from '../../infra/sqlite/database.ts';
import { readDatabaseImage } from '../../infra/sqlite/image.ts';
import type { Settings } from '../../settings.ts';
import { blockingProblem, PlaceError } from '../spool/place.ts';
import { type Spool, spoolFile, spoolOf } from '../spool/spool.ts';
import { type Obstacle, obstacleOf } from './obstacles.ts';

/** 'absent': nothing has been recorded yet. */
export type StoreState = { readonly state: 'ok' } | { readonly state: 'absent' } | Obstacle;

/** What was read, and in which state the store is. `value` is undefined when the store cannot be read. */
interface Reading<T> {
  readonly store: StoreState;
  readonly value: T | undefined;
}

/**
 * Reads a copy of the spool with `look`; where nothing has been recorded yet, an empty one. What keeps the store from
 * being read is the state, not an error. Rejects with what is a mistake of our own.
 */
export async function readSnapshot<T>(
  { directory = '', program }: Settings,
  look: (spool: Spool) => T | Promise<T>,
): Promise<Reading<T>> {
  let copy: Spool | undefined;
  try {
    const image = readImage(directory);
    copy = spoolOf(directory, openCopy(image, program.migrations));
    return { store: { state: image === null ? 'absent' : 'ok' }, value: await look(copy) };
  } catch (error) {
    const store = obstacleOf(error);
    if (store === undefined) throw error;
    return { store, value: undefined };
  } finally {
    copy?.close();
  }
}

/** Null when there is no database yet. `directory` is empty where there is no home. */
function readImage(directory: string): Buffer | null {
  if (directory === '') return null;
  const problem = blockingProblem(directory);
  if (problem !== undefined) throw new PlaceError(problem);
  const path = spoolFile(directory);
  if (!existsSync(path)) return null;
  const image = readDatabaseImage(path);
  return image.length === 0 ? null : image;
}
