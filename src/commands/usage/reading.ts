/** Reading the spool for a person: what keeps it from being read, or from being whole, is said on stderr. */

import { type FailureCode, UserError } from '../../errors.ts';
import type { Invocation } from '../../invocation.ts';
import { errorDocument, printError } from '../../terminal/failure.ts';
import { compactJson, type Safe, say } from '../../terminal/visible.ts';
import { takeIntoCopy } from '../../usage/identity/take-in.ts';
import { readSnapshot, type StoreState } from '../../usage/inspect/snapshot.ts';
import { countSpilled } from '../../usage/spool/spill.ts';
import type { Spool } from '../../usage/spool/spool.ts';

/**
 * Reads with `look`. `absence` says why there was nothing to read but an empty copy; else it is null. Throws UserError
 * when the spool cannot be read.
 */
export async function readSpool<T>(
  invocation: Invocation,
  look: (spool: Spool) => T | Promise<T>,
): Promise<{ value: T; absence: Safe | null }> {
  const { settings } = invocation;
  const { store, value } = await readSnapshot(settings, (copy) => {
    takeIntoCopy(copy);
    return look(copy);
  });
  if (isBroken(store)) throw unreadable(store);
  return { value: value as T, absence: isAbsent(settings, store) ? absenceOf(settings) : null };
}

/** What stands before and after the parts of a result that is written as it is read. */
export interface Frame {
  readonly begin?: Safe;
  readonly end?: Safe;
  /** In the place of parts where there are none, though something was recorded. */
  readonly empty?: Safe;
  /** It is a JSON document, which stays one when the spool turns out to be damaged halfway. */
  readonly isJson: boolean;
}

/**
 * Writes what `look` finds as it finds it, as fast as it is read at the other end. Rejects with UserError when
 * the spool cannot be read; resolves to the failure that has been told when that shows only halfway.
 */
export async function streamSpool(
  invocation: Invocation,
  { begin, end, empty, isJson }: Frame,
  look: (spool: Spool) => Iterable<Safe> | AsyncIterable<Safe>,
): Promise<FailureCode | undefined> {
  const { output, settings } = invocation;
  let begun = false;
  // Only once something has been read: a store that cannot be read leaves nothing half-said.
  const start = (): void => {
    if (!begun && begin !== undefined) output.line(begin);
    begun = true;
  };
  const { store } = await readSnapshot(settings, async (spool) => {
    takeIntoCopy(spool);
    for await (const part of look(spool)) {
      start();
      output.line(part);
      if (!(await output.ready())) return;
    }
  });
  if (isBroken(store)) {
    const error = unreadable(store);
    if (!begun || !isJson) throw error;
    await printError(output, error, settings.debug);
    output.line(say`],${compactJson(errorDocument(error)).slice(1) as Safe}`);
    return error.code;
  }
  if (isAbsent(settings, store)) output.note(absenceOf(settings));
  else if (!begun && empty !== undefined) output.line(empty);
  start();
  if (end !== undefined) output.line(end);
  return undefined;
}

type Unreadable = Exclude<StoreState, { state: 'ok' | 'absent' }>;

/** Whether there is a store that cannot be read. */
export function isBroken(store: StoreState): store is Unreadable {
  return store.state !== 'ok' && store.state !== 'absent';
}

/** What a command that needs the spool says of one that cannot be read. */
export function unreadable({ message, advice }: Unreadable): UserError {
  return new UserError('SPOOL_UNUSABLE', message, { hint: advice });
}

/** Whether nothing is kept: neither in a database nor in files of what the database could not take in time. */
function isAbsent({ directory }: Invocation['settings'], store: StoreState): boolean {
  return store.state === 'absent' && (directory === undefined || countSpilled(directory).waiting === 0);
}

/** Why there is no store. */
function absenceOf({ directory }: Invocation['settings']): Safe {
  return directory === undefined
    ? say`Nothing is recorded: there is no home directory.`
    : say`Nothing has been recorded yet.`;
}
