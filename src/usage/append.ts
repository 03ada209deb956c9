/** The hot path: one command's event, in one short transaction, without network. */
import { randomUUID } from 'node:crypto';
import { type Destination, SPOOL } from '../settings.ts';
import type { EventName, EventProperties } from './event.ts';
import {
  applyTransition,
  currentIdentity,
  observe,
  rememberAccount,
  type StoredIdentity,
} from './identities.ts';
import { reconcile, rotate } from './identity.ts';
import { insertCapture, trim } from './records.ts';
import { exportShared } from './shared-identity.ts';
import { fingerprintOf, installationOf, type Spool } from './spool.ts';
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
}

/** What a command did to who is signed in. */
export type IdentityChange =
  | { readonly kind: 'login'; readonly account: string; readonly principalId: string | null }
  | { readonly kind: 'logout' }
  | null;

export interface Entry {
  readonly name: EventName;
  readonly properties: EventProperties;
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

/** Thrown to undo a transaction that turned out to change the identity, which has to survive a power cut. */
class NeedsDurability extends Error {}

/**
 * Appends one event. 'refused' when the person has said `usage disable`. Throws when the spool cannot take
 * it within the lock's time; nothing is then recorded.
 */
export function append(spool: Spool, entry: Entry): Appended {
  let appended: Appended;
  try {
    appended = spool.transaction(() => appendOnce(spool, entry, false));
  } catch (error) {
    if (!(error instanceof NeedsDurability)) throw error;
    spool.makeDurable();
    appended = spool.transaction(() => appendOnce(spool, entry, true));
  }
  if (appended !== 'refused') exportIfDue(spool);
  return appended;
}

/**
 * Brings usage.json up to date, in a transaction of its own after the one that changed the identity: a crash
 * in between leaves a note that it is due, and never a file that says more than the database knows. A file
 * that cannot be written stays due.
 */
export function exportIfDue(spool: Spool): void {
  if (installationOf(spool).export_due === 0) return;
  try {
    spool.transaction(() => {
      if (installationOf(spool).export_due === 1) exportShared(spool);
    });
  } catch {
    // The event is safe; the next command writes the file.
  }
}

function appendOnce(spool: Spool, entry: Entry, durable: boolean): Appended {
  const installation = installationOf(spool);
  if (installation.consent === 0) return 'refused';
  const { change, now } = entry;
  const account = change?.kind === 'login' ? change.account : entry.credentials.account;
  const fingerprint = fingerprintOf(installation, account);
  if (change?.kind === 'login' && change.principalId !== null && fingerprint != null) {
    rememberAccount(spool, fingerprint, change.principalId, now);
  }
  const current = currentIdentity(spool);
  const transition = reconcile(current, observe(spool, installation, fingerprint), randomUUID);
  const { identity, changed } = applyTransition(spool, current, transition, now);
  if ((changed || change !== null) && !durable) throw new NeedsDurability();
  if (installation.notice_shown_at === null) {
    entry.showNotice();
    spool.statement('UPDATE installation SET notice_shown_at = ?').run(now);
  }
  insertCapture(
    spool,
    {
      name: entry.name,
      properties: entry.properties,
      identityId: identity.id,
      distinctId: distinctIdOf(identity, transition.binding),
      personless: transition.binding === 'anonymous',
      fingerprint: fingerprint ?? null,
      resolvable: entry.credentials.resolvable,
    },
    now,
  );
  if (change?.kind === 'logout') logOut(spool, identity, now);
  trim(spool, entry.maxRecords, SPOOL.trimPerAppend, now);
  return { wake: askForFlusher(spool, installation, entry) };
}

function distinctIdOf(
  identity: StoredIdentity,
  binding: 'principal' | 'anonymous' | 'unbound',
): string | null {
  if (binding === 'unbound') return null;
  return binding === 'principal' ? identity.principalId : identity.anonId;
}

function logOut(spool: Spool, identity: StoredIdentity, now: number): void {
  const next = rotate(identity, randomUUID);
  if (next === null) return;
  const transition = {
    identity: next,
    replaces: true,
    alias: false,
    retiredLink: null,
    binding: 'anonymous',
  } as const;
  applyTransition(spool, identity, transition, now);
}
