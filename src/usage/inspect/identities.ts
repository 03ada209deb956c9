/** The identities of this machine as a person may see them. */
import type { Spool } from '../spool/spool.ts';

export interface IdentitySummary {
  readonly anon_id: string;
  /** Of one that was left before its account was known: the account that its credentials have turned out to be of. */
  readonly principal_id: string | null;
  readonly state: 'anonymous' | 'linked' | 'unresolved';
  readonly current: boolean;
  /** Whether other programs may have joined it to an account without our seeing to which. */
  readonly in_doubt: boolean;
  /** Milliseconds since the epoch. */
  readonly created_at: number;
  /** Null when the anonymous id itself has never been linked to an account. */
  readonly linked_at: number | null;
  readonly retired_at: number | null;
  /** What became of the alias that joins it to the account; null when none of ours is on record. */
  readonly alias: 'pending' | 'delivered' | 'quarantined' | null;
  /** Events of it that still wait. */
  readonly pending: number;
}

const IDENTITIES = `SELECT anon_id, coalesce(i.principal_id, f.principal_id) AS principal_id, created_at, linked_at, retired_at,
    CASE WHEN f.principal_id IS NOT NULL OR (i.principal_id IS NOT NULL AND verified = 1) THEN 'linked'
      WHEN i.principal_id IS NULL AND i.fingerprint IS NULL THEN 'anonymous' ELSE 'unresolved' END AS state,
    retired_at IS NULL AS current, i.principal_id IS NULL AND linked_at IS NOT NULL AS in_doubt,
    (SELECT a.state FROM record AS a WHERE a.identity_id = i.id AND a.kind = 'alias' ORDER BY a.id DESC LIMIT 1)
      AS alias,
    (SELECT count(*) FROM record AS c WHERE c.identity_id = i.id AND c.kind = 'capture' AND c.state = 'pending')
      AS pending
  FROM identity AS i LEFT JOIN account AS f
    ON i.principal_id IS NULL AND linked_at IS NULL AND retired_at IS NOT NULL AND f.fingerprint = i.fingerprint`;

/** All of them, oldest first. */
export function listIdentities(spool: Spool): IdentitySummary[] {
  const rows = spool.statement(`${IDENTITIES} ORDER BY i.id`).all() as IdentitySummary[];
  return rows.map((row) => ({ ...row, current: Boolean(row.current), in_doubt: Boolean(row.in_doubt) }));
}

/** The ids that events may have been sent under, those of accounts too; none where nothing was ever sent. */
export function sentIds(spool: Spool): string[] {
  return spool
    .statement(
      `SELECT id FROM (SELECT anon_id AS id FROM identity WHERE unused = 0 UNION SELECT principal_id FROM identity
         UNION SELECT distinct_id FROM record WHERE state = 'delivered')
       WHERE id IS NOT NULL AND (SELECT value FROM ledger WHERE name = 'delivered') > 0 ORDER BY id`,
    )
    .pluck()
    .all() as string[];
}
