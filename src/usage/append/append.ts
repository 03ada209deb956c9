/** The hot path: one command's event, in one short transaction, without network; or in a file, where that cannot be had. */
import { randomBytes, randomUUID } from 'node:crypto';
import { replaceAtomically } from '../../infra/os/files.ts';
import { isDamage } from '../../infra/sqlite/errors.ts';
import { type Destination, SPOOL } from '../../settings.ts';
import { recordedId, type SignInChange, type UsageEvent } from '../event/event.ts';
import { exportIdentity } from '../identity/export.ts';
import {
  ANY_CREDENTIALS,
  currentIdentity,
  follow,
  rememberAccount,
  startAfresh,
} from '../identity/identities.ts';
import { isBlank } from '../identity/rules.ts';
import { takeIn } from '../identity/take-in.ts';
import { ensureKey, fingerprintBy } from '../spool/key.ts';
import { insertCapture, trim } from '../spool/records.ts';
import { emptySpill, readSpilled, removeSpilled, type Spilled, spill } from '../spool/spill.ts';
import {
  assertNotReplaced,
  installationOf,
  isRecordingAllowed,
  type Spool,
  sharedFile,
} from '../spool/spool.ts';
import { readUsageJson, usageJson } from '../spool/usage-json.ts';
import { askForFlusher } from './wake.ts';

/** The credentials that a command used, and after a login those that it has signed in with. */
export interface CredentialsSeen {
  /**
   * Tells one account's credentials from another's; hashed before it is stored. Null: none in force.
   * Undefined: it cannot be told, as with a credentials file that cannot be read.
   */
  readonly account: string | null | undefined;
  /** Whether the coordinator may be asked whose they are. */
  readonly resolvable: boolean;
  /** They stand in the command's environment, where other shells do not see them; else in the file, or nowhere. */
  readonly fromEnvironment: boolean;
}

/** What can be told of an event without a database. */
export interface Capture {
  /** Drawn before the first attempt to record it. */
  readonly uuid: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly event: UsageEvent;
  readonly credentials: CredentialsSeen;
  readonly change: SignInChange | null;
}

export interface Entry extends Capture {
  readonly destination: Destination;
  readonly maxRecords: number;
  /** The command has just had an answer from the network. */
  readonly online: boolean;
  /** Tells the person, once, that usage is recorded: right after the commit of the first event. */
  readonly showNotice: () => void;
}

/**
 * Appends one event, and then exports the identity if it has changed. Returns whether a flusher is to be started. Nothing
 * is recorded after `usage disable`. Throws when the spool cannot take it within its patience; nothing is then recorded.
 */
export function append(spool: Spool, entry: Entry): boolean {
  // Read before the lock, for which others wait.
  const spilled = readSpilled(spool.directory, SPOOL.takenInPerStep, { tidies: true });
  const appended = spool.transaction(() => {
    // A command may have had it open for as long as its network took.
    assertNotReplaced(spool);
    return isRecordingAllowed(spool) ? appendIn(spool, entry, spilled) : undefined;
  });
  if (appended === undefined) {
    emptySpill(spool.directory);
    return false;
  }
  // The event is recorded, whatever comes now.
  try {
    removeSpilled(spool.directory, spilled);
    if (appended.isFirst) entry.showNotice();
  } catch {
    // What cannot be removed is known by its uuid; a terminal that is closed shows nothing.
  }
  try {
    exportIdentity(spool, entry.now);
  } catch (error) {
    // It stays due: the next command exports it.
    if (isDamage(error)) throw error;
  }
  return appended.wake;
}

/** The transaction itself. `isFirst`: no event has been recorded here before. `newId` draws random ids. */
export function appendIn(
  spool: Spool,
  entry: Entry,
  spilled: readonly Spilled[],
  newId: () => string = randomUUID,
): { readonly wake: boolean; readonly isFirst: boolean } {
  const { change, event, now, uuid } = entry;
  const { account, resolvable, fromEnvironment } = entry.credentials;
  // What was spilled may belong to the identity that begins here.
  if (spilled.length > 0 && currentIdentity(spool) === null) follow(spool, ANY_CREDENTIALS, now);
  takeIn(spool, spilled, now);
  const fingerprint = fingerprintBy(spool.key(), account);
  const principalId = change?.kind === 'login' ? recordedId(change.principalId, spool.key()) : null;
  if (principalId !== null && fingerprint != null) rememberAccount(spool, fingerprint, principalId, now);
  const { identity, binding } = follow(spool, { fingerprint, fromEnvironment }, now, newId);
  insertCapture(
    spool,
    {
      uuid,
      event,
      resolvable,
      fromEnvironment,
      identityId: identity.id,
      distinctId: {
        principal: identity.principalId,
        anonymous: identity.anonId,
        unowned: newId(),
        unbound: null,
      }[binding],
      personless: binding === 'anonymous' || binding === 'unowned',
      fingerprint: fingerprint ?? null,
    },
    now,
  );
  if (change?.kind === 'logout' && !isBlank(identity))
    forgetPrincipal(spool.directory, startAfresh(spool, now));
  trim(spool, entry.maxRecords, SPOOL.trimPerAppend, now);
  const environment = fromEnvironment ? (account ?? null) : null;
  const wake = askForFlusher(spool, { ...entry, environment });
  const isFirst = installationOf(spool).notice_shown_at === null;
  if (isFirst) spool.statement('UPDATE installation SET notice_shown_at = ?').run(now);
  return { wake, isFirst };
}

/** Keeps an event in a file, without a database. Returns whether it did; see `spill`. Throws the system's error. */
export function spillCapture(directory: string, { uuid, now, event, credentials, change }: Capture): boolean {
  const { account, resolvable, fromEnvironment } = credentials;
  const shared = readUsageJson(sharedFile(directory));
  if (change?.kind === 'logout') forgetPrincipal(directory, randomUUID());
  return spill(directory, {
    uuid,
    recordedAt: now,
    event,
    resolvable,
    fromEnvironment,
    fingerprint:
      typeof account === 'string' ? fingerprintBy(ensureKey(directory, randomBytes(32)), account) : account,
    anonId: account === null && shared?.principalId === null ? shared.anonId : null,
  });
}

/**
 * Before a logout is recorded: no program is to send as the account that has left. The file gets another anon_id and is
 * not removed, for it may state a link that no database knows of: where the process is killed here, the next command
 * takes it for a logout of the Python CLI, and the old anon_id for linked.
 */
function forgetPrincipal(directory: string, anonId: string): void {
  const path = sharedFile(directory);
  if (readUsageJson(path)?.principalId == null) return;
  try {
    replaceAtomically(path, usageJson({ anonId, principalId: null }), { durable: false });
  } catch {
    // It cannot be written at all: the export, which comes next, says so.
  }
}
