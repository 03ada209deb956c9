/** Changing the spool for a person. */
import type { Invocation } from '../../invocation.ts';
import { say } from '../../terminal/visible.ts';
import { NO_HOME, obstacleOf } from '../../usage/inspect/obstacles.ts';
import { inSoundSpool, openSoundSpool } from '../../usage/recovery/set-aside.ts';
import { preparePlace } from '../../usage/spool/place.ts';
import { inodeOf, type Spool } from '../../usage/spool/spool.ts';
import { unusable } from './reading.ts';

/** How long a person waits for a flusher or a command that has the spool just now. */
const PATIENCE_MS = 10_000;

/** What is said once a damaged spool has been replaced. */
export const REPLACED = say`The usage spool was damaged and has been replaced.`;

/**
 * Does `work` with the spool, which it makes when there is none. `isNew`: it has taken the place of a damaged one, of
 * which it knows nothing. Throws UserError when it cannot be had.
 */
export function changeSpool<T>(
  { settings: { directory, program }, output }: Invocation,
  work: (spool: Spool, isNew: boolean) => T,
): T {
  if (directory === undefined) throw unusable(NO_HOME);
  try {
    const before = inodeOf(directory);
    preparePlace(directory);
    const spool = openSoundSpool(directory, program.migrations, { leftMs: PATIENCE_MS });
    try {
      // Damage may show only when `work` meets it.
      return inSoundSpool(spool, program.migrations, (sound) => {
        const isNew = before !== undefined && before !== sound.inode;
        const changed = work(sound, isNew);
        if (isNew) output.note(REPLACED);
        return changed;
      });
    } finally {
      spool.close();
    }
  } catch (cause) {
    throw spoolError(cause);
  }
}

/** What a person is told of an error of the spool; any other error stays as it is. */
export function spoolError(cause: unknown): unknown {
  const obstacle = obstacleOf(cause);
  return obstacle === undefined ? cause : unusable(obstacle, cause);
}
