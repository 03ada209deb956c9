/** Reading the spool for a person: what keeps it from being read, or from being whole, is said on stderr. */

import { type FailureCode, UserError } from '../../errors.ts';
import type { Invocation } from '../../invocation.ts';
import { errorDocument, printError } from '../../terminal/failure.ts';
import { compactJson, visible } from '../../terminal/output.ts';
import { advised } from '../../usage/inspect/obstacles.ts';
import { readStore, readStoreSlowly, type StoreState } from '../../usage/inspect/snapshot.ts';
import type { Spool } from '../../usage/spool/spool.ts';

/** Reads with `look`; undefined when nothing has been recorded yet. Throws UserError when the spool cannot be read. */
export function readSpool<T>(invocation: Invocation, look: (spool: Spool) => T): T | undefined {
  const { store, value } = readStore(invocation.settings, look);
  noteLock(invocation, store);
  if (isBroken(store)) throw unreadable(invocation, store);
  return value;
}

/** The same for a look that takes its time. */
export async function readSpoolSlowly<T>(
  invocation: Invocation,
  look: (spool: Spool) => Promise<T>,
): Promise<T | undefined> {
  const { store, value } = await readStoreSlowly(invocation.settings, look);
  noteLock(invocation, store);
  if (isBroken(store)) throw unreadable(invocation, store);
  return value;
}

/** What stands before and after the parts of a result that is written as it is read. */
export interface Frame {
  readonly begin?: string;
  readonly end?: string;
  /** It is a JSON document, which stays one when the spool turns out to be damaged halfway. */
  readonly isJson: boolean;
}

/**
 * Writes what `look` finds as it finds it, as fast as it is read at the other end. Rejects with UserError when
 * the spool cannot be read; resolves to the failure that has been told when that shows only halfway.
 */
export async function streamSpool(
  invocation: Invocation,
  { begin, end, isJson }: Frame,
  look: (spool: Spool) => Iterable<string> | AsyncIterable<string>,
): Promise<FailureCode | undefined> {
  const { output, settings } = invocation;
  let begun = false;
  // Only once something has been read: a store that cannot be read leaves nothing half-said.
  const start = (): void => {
    if (!begun && begin !== undefined) output.line(begin);
    begun = true;
  };
  const { store } = await readStoreSlowly(settings, async (spool, state) => {
    noteLock(invocation, state);
    for await (const part of look(spool)) {
      start();
      output.line(part);
      if (!(await output.ready())) return;
    }
  });
  if (isBroken(store)) {
    const error = unreadable(invocation, store);
    if (!begun || !isJson) throw error;
    await printError(output, error, settings.debug);
    output.line(`],${compactJson(errorDocument(error)).slice(1)}`);
    return error.code;
  }
  if (store.state === 'absent') noteAbsence(invocation);
  start();
  if (end !== undefined) output.line(end);
  return undefined;
}

type Unreadable = Exclude<StoreState, { state: 'ok' | 'absent' | 'locked' }>;

/** Whether there is a store that cannot be read. */
export function isBroken(store: StoreState): store is Unreadable {
  return store.state !== 'ok' && store.state !== 'absent' && store.state !== 'locked';
}

/** What a command that needs the spool says of one that cannot be read. */
export function unreadable({ settings }: Invocation, store: Unreadable): UserError {
  return new UserError('SPOOL_UNUSABLE', store.message, { hint: advised(settings, store).advice });
}

/** Says that another process has the store locked, so that the latest may be missing. */
export function noteLock({ output }: Invocation, store: StoreState): void {
  if (store.state === 'locked') output.note(visible(`${store.message} ${store.advice}`));
}

/** Says beside an empty result why it is empty. */
export function noteAbsence({ output, settings }: Invocation): void {
  output.note(absence(settings));
}

/** Why there is no store. */
export function absence({ directory }: Invocation['settings']): string {
  return directory === undefined
    ? 'Nothing is recorded: there is no home directory.'
    : 'Nothing has been recorded yet.';
}
