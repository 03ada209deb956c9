/** The identity's rows: what the rules of `identity.ts` decide, written down. */
import type { Identity, Observation, SharedIdentity, Transition } from './identity.ts';
import { insertAlias } from './records.ts';
import { readShared } from './shared-identity.ts';
import type { Installation, Spool } from './spool.ts';

export interface StoredIdentity extends Identity {
  readonly id: number;
}

interface IdentityRow {
  readonly id: number;
  readonly anon_id: string;
  readonly principal_id: string | null;
  readonly verified: number;
  readonly fingerprint: string | null;
}

/** The identity that holds now; null before the first event. */
export function currentIdentity(spool: Spool): StoredIdentity | null {
  const row = spool
    .statement(
      'SELECT id, anon_id, principal_id, verified, fingerprint FROM identity WHERE retired_at IS NULL',
    )
    .get() as IdentityRow | undefined;
  if (row === undefined) return null;
  return {
    id: row.id,
    anonId: row.anon_id,
    principalId: row.principal_id,
    verified: row.verified === 1,
    fingerprint: row.fingerprint,
  };
}

/** What the rules need to know beside the credentials: whose those are, and what usage.json says by now. */
export function observe(
  spool: Spool,
  installation: Installation,
  fingerprint: string | null | undefined,
): Observation {
  if (fingerprint === undefined) return { fingerprint, principalId: null, shared: null };
  return {
    fingerprint,
    principalId: fingerprint === null ? null : accountOf(spool, fingerprint),
    shared: observeShared(spool, installation),
  };
}

/** Remembers whose credentials these are. */
export function rememberAccount(spool: Spool, fingerprint: string, principalId: string, now: number): void {
  spool
    .statement(
      `INSERT INTO account (fingerprint, principal_id, resolved_at) VALUES (?, ?, ?)
       ON CONFLICT (fingerprint) DO UPDATE SET principal_id = excluded.principal_id, resolved_at = excluded.resolved_at`,
    )
    .run(fingerprint, principalId, now);
}

/**
 * Makes the identity of a transition the current one and records its alias. Returns it, and whether a row
 * has changed: then usage.json is due.
 */
export function applyTransition(
  spool: Spool,
  current: StoredIdentity | null,
  transition: Transition,
  now: number,
): { identity: StoredIdentity; changed: boolean } {
  const { identity, replaces, alias, retiredLink } = transition;
  let id: number;
  let changed = true;
  if (current === null || replaces) {
    if (current !== null) retire(spool, current.id, retiredLink, now);
    id = insertIdentity(spool, identity, now);
  } else {
    id = current.id;
    changed = !same(current, identity);
    if (changed) updateIdentity(spool, id, identity, now);
  }
  if (alias && identity.principalId !== null) {
    insertAlias(spool, { identityId: id, anonId: identity.anonId, principalId: identity.principalId }, now);
  }
  if (changed) spool.statement('UPDATE installation SET export_due = 1').run();
  return { identity: { ...identity, id }, changed };
}

/** Whether an anon_id has been linked to anybody, by us or by another program, now or earlier. */
export function isLinked(spool: Spool, anonId: string): boolean {
  const sql = 'SELECT 1 FROM identity WHERE anon_id = ? AND principal_id IS NOT NULL LIMIT 1';
  return spool.statement(sql).get(anonId) !== undefined;
}

function accountOf(spool: Spool, fingerprint: string): string | null {
  const row = spool.statement('SELECT principal_id FROM account WHERE fingerprint = ?').get(fingerprint) as
    | { principal_id: string }
    | undefined;
  return row?.principal_id ?? null;
}

function observeShared(spool: Spool, installation: Installation): SharedIdentity | null {
  const shared = readShared(spool, installation);
  if (shared === null) return null;
  if (shared === 'broken') {
    spool.statement('UPDATE installation SET export_due = 1').run();
    return null;
  }
  const sql =
    'SELECT 1 FROM identity WHERE anon_id = ? AND (retired_at IS NOT NULL OR principal_id IS NOT NULL) LIMIT 1';
  // Whatever becomes of it, the file is looked at once: our next export makes it ours again.
  spool.statement('UPDATE installation SET export_due = 1').run();
  return { ...shared, spent: spool.statement(sql).get(shared.anonId) !== undefined };
}

function insertIdentity(spool: Spool, identity: Identity, now: number): number {
  const { lastInsertRowid } = spool
    .statement(
      `INSERT INTO identity (anon_id, principal_id, verified, fingerprint, created_at, linked_at) VALUES (?, ?, ?, ?, ?, ?)`,
    )
    .run(
      identity.anonId,
      identity.principalId,
      identity.verified ? 1 : 0,
      identity.fingerprint,
      now,
      identity.principalId === null ? null : now,
    );
  return Number(lastInsertRowid);
}

function updateIdentity(spool: Spool, id: number, identity: Identity, now: number): void {
  spool
    .statement(
      `UPDATE identity SET principal_id = @principal, verified = @verified, fingerprint = @fingerprint,
         linked_at = CASE WHEN @principal IS NULL THEN NULL ELSE coalesce(linked_at, @now) END WHERE id = @id`,
    )
    .run({
      id,
      now,
      principal: identity.principalId,
      verified: identity.verified ? 1 : 0,
      fingerprint: identity.fingerprint,
    });
}

function retire(spool: Spool, id: number, link: string | null, now: number): void {
  spool
    .statement('UPDATE identity SET retired_at = ?, principal_id = coalesce(principal_id, ?) WHERE id = ?')
    .run(now, link, id);
}

function same(a: Identity, b: Identity): boolean {
  return a.principalId === b.principalId && a.verified === b.verified && a.fingerprint === b.fingerprint;
}
