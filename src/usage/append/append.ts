/** The hot path: one command's event, in one short transaction, without network. */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { isDamage } from '../../infra/sqlite/errors.ts';
import { type Destination, SPOOL } from '../../settings.ts';
import { recordedId, type UsageEvent } from '../event/event.ts';
import { exportIdentity } from '../identity/export.ts';
import {
  ANY_CREDENTIALS,
  currentIdentity,
  follow,
  logOut,
  readNews,
  rememberAccount,
} from '../identity/identities.ts';
import type { Binding, Identity } from '../identity/rules.ts';
import { takeIn } from '../identity/take-in.ts';
import { insertCapture, type Owner, trim } from '../spool/records.ts';
import { collectSpilled, emptySpill, removeSpilled, type Spilled } from '../spool/spill.ts';
import {
  assertNotReplaced,
  fingerprintOf,
  isRecordingAllowed,
  type Spool,
  sharedFile,
} from '../spool/spool.ts';
import { askForFlusher } from './wake.ts';

/** The credentials that the command itself used, as far as the spool may know them. */
export interface CredentialsSeen {
  /**
   * Tells one account's credentials from another's; hashed before it is stored. Null: none in force.
   * Undefined: it cannot be told, as with a credentials file that cannot be read.
   */
  readonly account: string | null | undefined;
  /** Whether the coordinator may be asked whose they are. */
  readonly resolvable: boolean;
  /** They stand in the command's environment, where other shells do not see them; else in the file, or nowhere. */
  readonly fromEnvironment?: boolean;
}

/** What a command did to who is signed in. */
export type IdentityChange =
  | { readonly kind: 'login'; readonly account: string; readonly principalId: string | null }
  | { readonly kind: 'logout' }
  | null;

export interface Entry {
  readonly event: UsageEvent;
  readonly credentials: CredentialsSeen;
  readonly change: IdentityChange;
  readonly destination: Destination;
  readonly maxRecords: number;
  /** The command has just had an answer from the network. */
  readonly online: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Drawn before the first try to record it. */
  readonly uuid?: string;
  /** Tells the person, once, that usage is recorded: right after the commit of the first event. */
  readonly showNotice: () => void;
}

export type Appended = 'refused' | { readonly wake: boolean };

/**
 * Appends one event, and then exports the identity if it has changed. 'refused' when the person has said
 * `usage disable`. Throws when the spool cannot take it within its patience; nothing is then recorded.
 */
export function append(spool: Spool, entry: Entry): Appended {
  if (entry.change?.kind === 'logout') spool.transaction(() => followShared(spool, entry.now));
  // Read before the lock, for which others wait.
  const spilled = collectSpilled(spool.directory, SPOOL.takenInPerStep);
  const appended = spool.transaction(() => {
    // A command may have had it open for as long as its network took.
    assertNotReplaced(spool);
    return isRecordingAllowed(spool) ? appendIn(spool, entry, spilled) : 'refused';
  });
  if (appended === 'refused') {
    emptySpill(spool.directory);
    return appended;
  }
  removeSpilled(spool.directory, spilled);
  if (appended.isFirst) entry.showNotice();
  try {
    exportIdentity(spool, entry.now);
  } catch (error) {
    // It stays due: the next command exports it. The event is recorded.
    if (isDamage(error)) throw error;
  }
  return appended;
}

/** The transaction itself. `isFirst`: no event has been recorded here before. */
function appendIn(
  spool: Spool,
  entry: Entry,
  spilled: readonly Spilled[],
): { readonly wake: boolean; readonly isFirst: boolean } {
  const isBegun = currentIdentity(spool) !== null;
  if (isBegun) takeIn(spool, spilled, entry.now);
  const leaves = entry.change?.kind === 'logout' && readNews(spool) === undefined;
  const owner = whose(spool, entry);
  // Not before there is an identity whose they can be.
  if (!isBegun) takeIn(spool, spilled, entry.now);
  // Before the commit: other programs start with a new id then, and none sends as the account that has left.
  if (leaves) removeSharedFile(spool);
  const wake = insert(spool, entry, owner);
  const { changes } = spool
    .statement('UPDATE installation SET notice_shown_at = ? WHERE notice_shown_at IS NULL')
    .run(entry.now);
  return { wake, isFirst: changes > 0 };
}

/** What usage.json says must be committed before it is removed: a link of the Python CLI stands nowhere else. */
function followShared(spool: Spool, now: number): void {
  assertNotReplaced(spool);
  if (isRecordingAllowed(spool) && readNews(spool) !== undefined) follow(spool, ANY_CREDENTIALS, now);
}

function removeSharedFile(spool: Spool): void {
  try {
    rmSync(sharedFile(spool.directory), { force: true });
    spool.statement('UPDATE installation SET export_stamp = NULL').run();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    // A folder in its place, which no program reads.
  }
}

function isSystemError(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall !== undefined;
}

/** The same to a copy of the spool, inside a transaction of its caller's: nothing reaches the disk. */
export function appendToCopy(copy: Spool, entry: Entry): void {
  insert(copy, entry, whose(copy, entry));
}

type OwnerOfEntry = Owner & { readonly fingerprint: string | null };

/** Settles who the event is sent as, and who the next one will be. */
function whose(spool: Spool, { change, credentials, now }: Entry): OwnerOfEntry {
  const account = change?.kind === 'login' ? change.account : credentials.account;
  const fingerprint = fingerprintOf(spool, account);
  const principalId = change?.kind === 'login' ? recordedId(change.principalId, spool.key()) : null;
  if (principalId !== null && fingerprint != null) rememberAccount(spool, fingerprint, principalId, now);
  const fromEnvironment = credentials.fromEnvironment === true && change?.kind !== 'login';
  const { identity, binding } = follow(spool, { fingerprint, fromEnvironment }, now);
  if (change?.kind === 'logout') logOut(spool, identity, now);
  return {
    identityId: identity.id,
    distinctId: distinctIdOf(identity, binding),
    personless: binding === 'anonymous' || binding === 'unowned',
    fingerprint: fingerprint ?? null,
  };
}

function distinctIdOf(identity: Identity, binding: Binding): string | null {
  switch (binding) {
    case 'principal':
      return identity.principalId;
    case 'anonymous':
      return identity.anonId;
    case 'unowned':
      return randomUUID();
    case 'unbound':
      return null;
  }
}

/** Returns whether a flusher is to be started. */
function insert(spool: Spool, entry: Entry, owner: OwnerOfEntry): boolean {
  const { event, credentials, now } = entry;
  const { resolvable, fromEnvironment = false } = credentials;
  insertCapture(spool, { event, ...owner, uuid: entry.uuid, resolvable, fromEnvironment }, now);
  trim(spool, entry.maxRecords, SPOOL.trimPerAppend, now);
  const environment = fromEnvironment ? owner.fingerprint : null;
  return askForFlusher(spool, { ...entry, environment });
}
