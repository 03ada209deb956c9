/** Changing the spool for a person. */
import { UserError, usageError } from '../../errors.ts';
import { openSoundSpool } from '../../usage/damage.ts';
import type { Spool } from '../../usage/spool.ts';
import { storeError } from '../../usage/store.ts';
import type { Invocation } from '../command.ts';
import { readSpool } from './reading.ts';

/** How long a person waits for a flusher or a command that has the spool just now. */
const PATIENCE_MS = 10_000;

/** Does `work` with the spool, which it makes when there is none. Throws UserError when it cannot be had. */
export function changeSpool<T>(invocation: Invocation, work: (spool: Spool) => T): T {
  const { directory, program } = invocation.settings;
  if (directory === undefined) {
    throw new UserError('UNEXPECTED', 'There is no home directory to keep that in.', {
      hint: 'Set HOME or ARCADE_WORK_DIR.',
    });
  }
  try {
    const spool = openSoundSpool(directory, program.migrations);
    try {
      spool.waitForLock(PATIENCE_MS);
      return work(spool);
    } finally {
      spool.close();
    }
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const { message, advice } = storeError(cause);
    throw new UserError('UNEXPECTED', message, { hint: advice, cause });
  }
}

/** The same where there is something to change; undefined when nothing has been recorded yet, and nothing is made. */
export function changeExisting<T>(invocation: Invocation, work: (spool: Spool) => T): T | undefined {
  if (readSpool(invocation, () => true) === undefined) return undefined;
  return changeSpool(invocation, work);
}

/** The one record that was named, or null for --all. Throws a usage error for neither, or both. */
export function chosenRecord({ options, positionals }: Invocation): string | null {
  const [id] = positionals;
  if ((options.all === true) === (id !== undefined)) {
    throw usageError('Name one record by its id, or give --all.', 'See `arcade usage list` for the ids.');
  }
  return id ?? null;
}

/** The error of a record that is not there, or not in a state for `what`. */
export function notPossible(id: string, state: string | null, what: string): UserError {
  if (state === null) {
    return new UserError('NOT_FOUND', `There is no record ${id}.`, {
      hint: 'See `arcade usage list` for the ids.',
    });
  }
  return new UserError('INVALID_REQUEST', `Record ${id} is ${state}: ${what}.`);
}
