/** Changing the spool for a person. */
import { UserError, usageError } from '../../errors.ts';
import { type Invocation, respond } from '../../invocation.ts';
import { type Safe, say } from '../../terminal/visible.ts';
import { obstacleOf } from '../../usage/inspect/obstacles.ts';
import { readSnapshot, type StoreState } from '../../usage/inspect/snapshot.ts';
import { inSoundSpool, openSoundSpool } from '../../usage/recovery/set-aside.ts';
import { preparePlace } from '../../usage/spool/place.ts';
import { installationOf, type Spool } from '../../usage/spool/spool.ts';
import { isBroken, unreadable } from './reading.ts';
import { counted } from './words.ts';

/** How long a person waits for a flusher or a command that has the spool just now. */
const PATIENCE_MS = 10_000;

/** `isNew`: it has taken the place of a damaged one, of which it knows nothing. */
type Work<T> = (spool: Spool, isNew: boolean) => T;

/** Does `work` with the spool, which it makes when there is none. Throws UserError when it cannot be had. */
export async function changeSpool<T>(invocation: Invocation, work: Work<T>): Promise<T> {
  return change(invocation, await refuseUnusable(invocation), work);
}

/** What is said once a damaged spool has been replaced. */
export const REPLACED = say`The usage spool was damaged and has been replaced.`;

/**
 * Looks at the store, and throws UserError when it is one that is not to be touched. A damaged one is: it is set
 * aside by the process that opens it. Returns what was found.
 */
export async function refuseUnusable(invocation: Invocation): Promise<StoreState> {
  const { store } = await readSnapshot(invocation.settings, installationOf);
  if (isBroken(store) && store.state !== 'damaged' && store.state !== 'busy') throw unreadable(store);
  return store;
}

/** Damage may show only when `work` meets it. */
function change<T>({ settings, output }: Invocation, store: StoreState, work: Work<T>): T {
  const { directory, program } = settings;
  if (directory === undefined) {
    throw new UserError('SPOOL_UNUSABLE', 'No home directory to store this in.', {
      hint: 'Set HOME or ARCADE_WORK_DIR.',
    });
  }
  try {
    preparePlace(directory);
    const spool = openSoundSpool(directory, program.migrations, { leftMs: PATIENCE_MS });
    let isNew = store.state === 'damaged';
    try {
      const changed = inSoundSpool(spool, program.migrations, (sound) => {
        isNew ||= sound !== spool;
        return work(sound, isNew);
      });
      if (isNew) output.note(REPLACED);
      return changed;
    } finally {
      spool.close();
    }
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw spoolError(cause, directory);
  }
}

/** What a person is told of an error of the spool; a mistake of our own stays as it is. */
export function spoolError(cause: unknown, directory: string): unknown {
  const obstacle = obstacleOf(cause, directory);
  if (obstacle === undefined) return cause;
  return new UserError('SPOOL_UNUSABLE', obstacle.message, { hint: obstacle.advice, cause });
}

interface RecordChange {
  readonly work: (
    spool: Spool,
    id: string | null,
  ) => { readonly records: number; readonly state: string | null };
  /** What was done, and why it cannot be done to a record in another state. */
  readonly did: 'requeued' | 'discarded';
  readonly cannot: string;
  readonly none: Safe;
}

/** Changes the record that was named, or all with `id` null, where anything has been recorded; nothing is made. */
export async function changeRecords(
  invocation: Invocation,
  id: string | null,
  { work, did, cannot, none }: RecordChange,
): Promise<undefined> {
  const store = await refuseUnusable(invocation);
  if (isBroken(store)) throw unreadable(store);
  const { records, state } =
    store.state === 'absent'
      ? { records: 0, state: null }
      : change(invocation, store, (spool) => work(spool, id));
  if (id !== null && records === 0) {
    if (state === null) throw noSuchRecord(id);
    throw new UserError('WRONG_STATE', `Record ${id} is ${state}: ${cannot}.`);
  }
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
