/** Reading the spool for a person. */
import { UserError } from '../../errors.ts';
import type { Spool } from '../../usage/spool.ts';
import { type Reading, readStore, readStoreSlowly, type StoreState } from '../../usage/store.ts';
import type { Invocation } from '../command.ts';

/** Reads with `look`; undefined when nothing has been recorded yet. Throws UserError when the spool cannot be read. */
export function readSpool<T>({ settings }: Invocation, look: (spool: Spool) => T): T | undefined {
  return readable(readStore(settings, look));
}

/** The same for a look that takes its time. */
export async function readSpoolSlowly<T>(
  { settings }: Invocation,
  look: (spool: Spool) => Promise<T>,
): Promise<T | undefined> {
  return readable(await readStoreSlowly(settings, look));
}

function readable<T>({ store, value }: Reading<T>): T | undefined {
  if (store.state === 'ok' || store.state === 'absent' || store.state === 'locked') return value;
  throw unreadable(store);
}

/** What a command that needs the spool says of one that cannot be read. */
export function unreadable(store: Extract<StoreState, { advice: string }>): UserError {
  return new UserError('UNEXPECTED', store.message, { hint: store.advice });
}
