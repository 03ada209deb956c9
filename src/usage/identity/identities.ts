/** The identity's rows: what the rules of `identity.ts` decide, written down. */

import { insertAlias } from '../spool/records.ts';
import { type Installation, installationOf, type Spool } from '../spool/spool.ts';
import { insertIdentity, isSpent, resumeIdentity, retire, updateIdentity } from './identity-rows.ts';
import { type Binding, type Identity, type Observation, reconcile, rotate, type Step } from './rules.ts';
import { type News, readNews, requestExport } from './shared-identity.ts';
import type { SharedFile } from './usage-json.ts';

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
): { seen: Observation; news: News | null } {
  const principalId = typeof fingerprint === 'string' ? accountOf(spool, fingerprint) : null;
  const earlierAnonId = principalId === null ? null : earlierOf(spool, principalId);
  const news = readNews(spool, installation);
  const told = news?.shared;
  const shared = told === undefined ? null : { ...told, spent: isSpent(spool, told.anonId) };
  return { seen: { fingerprint, principalId, earlierAnonId, shared }, news };
}

/** Observes, applies the rules, and writes down what they decide. */
export function follow(
  spool: Spool,
  fingerprint: string | null | undefined,
  { now, newAnonId }: { now: number; newAnonId: () => string },
): { identity: StoredIdentity; binding: Binding } {
  const current = currentIdentity(spool);
  const { seen, news } = observe(spool, installationOf(spool), fingerprint);
  // Whatever becomes of it, a changed file is followed once: our next export makes it ours again.
  if (news !== null) requestExport(spool);
  if (news?.literal !== undefined) noteLink(spool, news.literal, now);
  const { steps, identity, binding } = reconcile(current, seen, newAnonId);
  let id = current?.id ?? 0;
  for (const step of steps) id = take(spool, id, step, now);
  return { identity: { ...identity, id }, binding };
}

/** Starts afresh after a logout: the old identity is never taken up again. */
export function logOut(
  spool: Spool,
  identity: StoredIdentity,
  { now, newAnonId }: { now: number; newAnonId: () => string },
): void {
  const next = rotate(identity, newAnonId);
  if (next === null) return;
  retire(spool, identity.id, 'logged out', now);
  insertIdentity(spool, next, now);
  requestExport(spool);
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

/** Writes one step down, with its alias. Returns the row that is then the current one. */
function take(spool: Spool, currentId: number, { kind, identity, alias }: Step, now: number): number {
  let id = currentId;
  if (kind === 'change') {
    updateIdentity(spool, id, identity, now);
  } else {
    retire(spool, id, kind === 'adopt' ? 'rotated' : 'left', now);
    id = kind === 'resume' ? resumeIdentity(spool, identity, now) : insertIdentity(spool, identity, now);
  }
  const { anonId, principalId } = identity;
  if (alias && principalId !== null) insertAlias(spool, { identityId: id, anonId, principalId }, now);
  requestExport(spool);
  return id;
}

/** Whether an anon_id has been linked to anybody, by us or by another program, now or earlier, or may have been. */
export function isLinked(spool: Spool, anonId: string): boolean {
  const sql = 'SELECT 1 FROM identity WHERE anon_id = ? AND linked_at IS NOT NULL LIMIT 1';
  return spool.statement(sql).get(anonId) !== undefined;
}

/** The other program has linked, from an old usage.json, what is retired here: nothing may be sent as that any more. */
function noteLink(spool: Spool, { anonId, principalId }: SharedFile, now: number): void {
  if (principalId === null) return;
  spool
    .statement(
      'UPDATE identity SET principal_id = ?, linked_at = ? WHERE anon_id = ? AND principal_id IS NULL AND retired_at IS NOT NULL',
    )
    .run(principalId, now, anonId);
}

/** Whose credentials these are, as far as anybody has found out. */
export function accountOf(spool: Spool, fingerprint: string): string | null {
  const row = spool.statement('SELECT principal_id FROM account WHERE fingerprint = ?').get(fingerprint) as
    | { principal_id: string }
    | undefined;
  return row?.principal_id ?? null;
}

/** That principal's latest identity that was retired without a logout: those keep their fingerprint. */
function earlierOf(spool: Spool, principalId: string): string | null {
  const row = spool
    .statement(
      `SELECT anon_id FROM identity WHERE principal_id = ? AND verified = 1 AND fingerprint IS NOT NULL
         AND retired_at IS NOT NULL ORDER BY id DESC LIMIT 1`,
    )
    .get(principalId) as { anon_id: string } | undefined;
  return row?.anon_id ?? null;
}
