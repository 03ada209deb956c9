/** Changing the spool for a person. */
import { UserError, usageError } from '../../errors.ts';
import { type Invocation, respond } from '../../invocation.ts';
import { type Safe, say } from '../../terminal/visible.ts';
import { NO_HOME, obstacleOf } from '../../usage/inspect/obstacles.ts';
import { findRecord } from '../../usage/inspect/records.ts';
import { inSoundSpool, openSoundSpool } from '../../usage/recovery/set-aside.ts';
import { preparePlace } from '../../usage/spool/place.ts';
import { inodeOf, type Spool } from '../../usage/spool/spool.ts';
import { readSpool, unusable } from './reading.ts';
import { counted } from './words.ts';

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

interface RecordChange {
  /** Returns how many records it has changed. */
  readonly work: (spool: Spool, uuid: string | null) => number;
  readonly did: 'requeued' | 'discarded';
  /** Why it cannot be done to a record in another state. */
  readonly cannot: string;
  readonly none: Safe;
}

/** Changes the record that is named by its id or uuid, or all with `id` null; where nothing was recorded nothing is made. */
export async function changeRecords(
  invocation: Invocation,
  id: string | null,
  { work, did, cannot, none }: RecordChange,
): Promise<undefined> {
  const { value: found, absence } = await readSpool(invocation, (copy) =>
    id === null ? undefined : findRecord(copy, id)?.record,
  );
  if (id !== null && found === undefined) throw noSuchRecord(id);
  const records = absence === null ? changeSpool(invocation, (spool) => work(spool, found?.uuid ?? null)) : 0;
  if (found !== undefined && records === 0)
    throw new UserError('WRONG_STATE', `Record ${id} is ${found.state}: ${cannot}.`);
  const done = say`${did === 'requeued' ? say`Requeued` : say`Discarded`} ${counted(records, 'record')}.`;
  await respond(invocation, { [did]: records }, () => invocation.output.line(records === 0 ? none : done));
  return undefined;
}

/** The one record that was named, or null for --all. Throws a usage error for neither, or both. */
export function chosenRecord({ options, positionals }: Invocation): string | null {
  const [id = null] = positionals;
  if ((options.all === true) === (id !== null))
    throw usageError(`Specify a record id or --all${id === null ? '' : ', not both'}.`, LIST_HINT);
  return id;
}

const LIST_HINT = 'See `arcade usage list` for the ids.';

/** The error of an id that no record has. */
export function noSuchRecord(id: string): UserError {
  return new UserError('NO_SUCH_RECORD', `There is no record ${id}.`, { hint: LIST_HINT });
}
