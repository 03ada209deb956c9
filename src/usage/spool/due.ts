/** Whether a flusher would find something to do: what is pending, and whom it may ask at this moment. */
import { type Destination, FLUSHER } from '../../settings.ts';
import { backoffInForce, COORDINATOR, hasten, postHogAt } from './backoff.ts';
import { fingerprintBy } from './key.ts';
import { readSpilled } from './spill.ts';
import { installationOf, type Spool } from './spool.ts';

export interface Circumstances {
  readonly destination: Destination;
  /** The command has just had an answer from the network. */
  readonly online: boolean;
  /** The account of the key in the environment; null when there is none, and the file's credentials hold. */
  readonly environment: string | null;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Inside a transaction. Where the command was online it may bring the next attempt forward. */
export function isAnythingDue(spool: Spool, circumstances: Circumstances): boolean {
  const { destination, online, environment, now } = circumstances;
  if (installationOf(spool).notice_shown_at !== null && readSpilled(spool.directory, 1).length > 0)
    return true;
  if (backoffInForce(spool, COORDINATOR, now) === null && hasUnbound(spool, environment, now)) return true;
  const bound = `SELECT 1 FROM record WHERE state = 'pending' AND distinct_id IS NOT NULL LIMIT 1`;
  if (spool.statement(bound).get() === undefined) return false;
  const target = postHogAt(spool, destination);
  const backoff = backoffInForce(spool, target, now);
  return backoff === null || (online && hasten(spool, target, backoff, now));
}

/** Not those of credentials that only another shell has, unless they have waited long enough. */
function hasUnbound(spool: Spool, environment: string | null, now: number): boolean {
  const sql = `SELECT 1 FROM unbound WHERE fingerprint IS NULL OR resolvable = 0 OR fingerprint = @key
    OR (from_environment = 0 AND @key IS NULL) OR waits_since <= @overdue
    OR fingerprint IN (SELECT fingerprint FROM account) LIMIT 1`;
  const key = fingerprintBy(spool.key(), environment);
  return spool.statement(sql).get({ key, overdue: now - FLUSHER.unboundMs }) !== undefined;
}
