/** The rows of identities: begun, changed, resumed, retired. */

import type { Spool } from '../spool/spool.ts';
import type { Identity } from './rules.ts';

/** A new current identity; the one before it must be retired. Returns its id. */
export function insertIdentity(spool: Spool, identity: Identity, now: number): number {
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

/** What is known of an identity by now. */
export function updateIdentity(spool: Spool, id: number, identity: Identity, now: number): void {
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

/** Makes an earlier identity the current one again. Returns its id. */
export function resumeIdentity(spool: Spool, identity: Identity, now: number): number {
  const row = spool
    .statement('UPDATE identity SET retired_at = NULL WHERE anon_id = ? RETURNING id')
    .get(identity.anonId) as { id: number };
  updateIdentity(spool, row.id, identity, now);
  return row.id;
}

type Ending =
  /** Other credentials, or none any more: when they come back, so may the identity. */
  | 'left'
  /** It forgets its credentials, and with them that it could be resumed. */
  | 'logged out'
  /** The other program has begun another. It does so when it had linked this one, to an account that nobody knows. */
  | 'rotated';

/** Ends an identity. */
export function retire(spool: Spool, id: number, ending: Ending, now: number): void {
  spool
    .statement(
      `UPDATE identity SET retired_at = @now,
         fingerprint = CASE WHEN @ending = 'left' THEN fingerprint END,
         linked_at = CASE WHEN @ending = 'rotated' THEN coalesce(linked_at, @now) ELSE linked_at END WHERE id = @id`,
    )
    .run({ id, ending, now });
}

/** Whether an anon_id has had its time, or is no anon_id at all but somebody's account. */
export function isSpent(spool: Spool, anonId: string): boolean {
  const sql = `SELECT 1 FROM identity WHERE (anon_id = @id AND (retired_at IS NOT NULL OR principal_id IS NOT NULL))
       OR principal_id = @id
     UNION ALL SELECT 1 FROM account WHERE principal_id = @id LIMIT 1`;
  return spool.statement(sql).get({ id: anonId }) !== undefined;
}
