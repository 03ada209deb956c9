/** The hot path: one command's event, in one short transaction, without network. */
import { randomUUID } from 'node:crypto';
import { type Destination, SPOOL } from '../../settings.ts';
import { isDistinctId, type UsageEvent } from '../event/event.ts';
import { currentIdentity, follow, logOut, rememberAccount } from '../identity/identities.ts';
import type { Binding, Identity } from '../identity/rules.ts';
import { withIdentity } from '../identity/shared-identity.ts';
import { insertCapture, trim } from '../spool/records.ts';
import { fingerprintOf, installationOf, isRefused, type Spool } from '../spool/spool.ts';
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
  /** Tells the person, once, that usage is recorded. When it throws, nothing is recorded. */
  readonly showNotice: () => void;
}

export type Appended = 'refused' | { readonly wake: boolean };

/**
 * Appends one event. 'refused' when the person has said `usage disable`. Throws when the spool cannot take
 * it within the lock's time; nothing is then recorded.
 */
export function append(spool: Spool, entry: Entry): Appended {
  return withIdentity(spool, {
    change: (newAnonId) => (isRecording(spool) ? whose(spool, entry, newAnonId) : null),
    rest: (owner) => (owner === null ? 'refused' : { wake: insert(spool, entry, owner) }),
  });
}

/** The file is there, too, where the person has said no but the database could not be opened. */
function isRecording(spool: Spool): boolean {
  return installationOf(spool).consent === 1 && !isRefused(spool.directory);
}

/** The same to a copy of the spool, inside a transaction of its caller's: nothing reaches the disk. */
export function appendToCopy(copy: Spool, entry: Entry): void {
  insert(copy, entry, whose(copy, entry, randomUUID));
}

/** Brings usage.json up to date if that is due, once what the other program wrote there has been followed. */
export function exportIfDue(spool: Spool, now: number): void {
  if (installationOf(spool).export_due === 0) return;
  withIdentity(spool, {
    change: (newAnonId) => {
      if (currentIdentity(spool) !== null) follow(spool, undefined, { now, newAnonId });
    },
    rest: () => undefined,
  });
}

interface Owner {
  readonly identityId: number;
  readonly distinctId: string | null;
  readonly personless: boolean;
  readonly fingerprint: string | null;
}

/** Settles who the event is sent as, and who the next one will be. */
function whose(spool: Spool, { change, credentials, now }: Entry, newAnonId: () => string): Owner {
  const account = change?.kind === 'login' ? change.account : credentials.account;
  const fingerprint = fingerprintOf(installationOf(spool), account);
  if (change?.kind === 'login' && isDistinctId(change.principalId) && fingerprint != null) {
    rememberAccount(spool, fingerprint, change.principalId, now);
  }
  const { identity, binding } = follow(spool, fingerprint, { now, newAnonId });
  if (change?.kind === 'logout') logOut(spool, identity, { now, newAnonId });
  return {
    identityId: identity.id,
    distinctId: distinctIdOf(identity, binding),
    personless: binding === 'anonymous' || binding === 'nobody',
    fingerprint: fingerprint ?? null,
  };
}

function distinctIdOf(identity: Identity, binding: Binding): string | null {
  switch (binding) {
    case 'principal':
      return identity.principalId;
    case 'anonymous':
      return identity.anonId;
    case 'nobody':
      return randomUUID();
    case 'unbound':
      return null;
  }
}

/** Returns whether a flusher is to be started. */
function insert(spool: Spool, entry: Entry, owner: Owner): boolean {
  const { event, credentials, now } = entry;
  const { resolvable, fromEnvironment = false } = credentials;
  insertCapture(spool, { event, ...owner, resolvable, fromEnvironment }, now);
  trim(spool, entry.maxRecords, SPOOL.trimPerAppend, now);
  const environment = fromEnvironment ? owner.fingerprint : null;
  const wake = askForFlusher(spool, installationOf(spool), { ...entry, environment });
  if (installationOf(spool).notice_shown_at === null) {
    spool.statement('UPDATE installation SET notice_shown_at = ?').run(now);
    // Last of all: whatever could have failed before it would have made it say what is not true.
    entry.showNotice();
  }
  return wake;
}
