/** A command's event where the database cannot be had: what of it can be told without one goes into a file. */
import { randomBytes, randomUUID } from 'node:crypto';
import { replaceAtomically } from '../../infra/os/files.ts';
import { ensureKey, fingerprintBy } from '../spool/key.ts';
import { spill } from '../spool/spill.ts';
import { sharedFile } from '../spool/spool.ts';
import { readUsageJson, type SharedIds, usageJson } from '../spool/usage-json.ts';
import type { Entry } from './append.ts';

/** What is known of an event before there is a database. */
export type Capture = Pick<Entry, 'event' | 'credentials' | 'change' | 'now'> & { readonly uuid: string };

/** Spills a capture. Returns whether it did; see `spill`. Throws the system's error. */
export function spillCapture(directory: string, { uuid, now, event, credentials, change }: Capture): boolean {
  const account = change?.kind === 'login' ? change.account : credentials.account;
  const shared = readUsageJson(sharedFile(directory));
  if (change?.kind === 'logout') rotateShared(directory, shared);
  const isAnonymous = account === null && shared?.principalId === null;
  return spill(directory, {
    uuid,
    recordedAt: now,
    event,
    fingerprint:
      typeof account === 'string' ? fingerprintBy(ensureKey(directory, randomBytes(32)), account) : account,
    resolvable: credentials.resolvable,
    fromEnvironment: credentials.fromEnvironment === true && change?.kind !== 'login',
    anonId: isAnonymous ? shared.anonId : null,
  });
}

/**
 * No other program is to send as the account that has left. The file gets a new id and is not removed, for it may state a
 * link that the database does not know of: as after a logout of the Python CLI, its anon_id then counts as linked.
 */
function rotateShared(directory: string, shared: SharedIds | undefined): void {
  if (shared === undefined || shared.principalId === null) return;
  replaceAtomically(sharedFile(directory), usageJson({ anonId: randomUUID(), principalId: null }));
}
