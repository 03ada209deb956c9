/** The identity's rows: what usage.json and the credentials say is observed, and what the rules decide is written down. */
import { randomUUID } from 'node:crypto';
import { recordedId } from '../event/event.ts';
import { insertAlias } from '../spool/records.ts';
import { installationOf, type Spool, sharedFile } from '../spool/spool.ts';
import { readUsageJson, type SharedIds, stampOf } from '../spool/usage-json.ts';
import { type Binding, blank, type Identity, type Observation, reconcile, type Step } from './rules.ts';

export interface StoredIdentity extends Identity {
  readonly id: number;
}

/** The credentials that a command used, or that a flusher asked about. */
export interface CredentialsInForce {
  /** Null for none, undefined where that cannot be told. */
  readonly fingerprint: string | null | undefined;
  readonly fromEnvironment: boolean;
}

/** Where it is unknown which credentials are in force, or it is not to be considered. */
export const ANY_CREDENTIALS: CredentialsInForce = { fingerprint: undefined, fromEnvironment: false };

/** The identity that holds now; null before the first event. */
export function currentIdentity(spool: Spool): StoredIdentity | null {
  const sql = `SELECT id, anon_id AS anonId, principal_id AS principalId, verified, fingerprint, unused, birth <> ? AS copied
    FROM current_identity`;
  const row = spool.statement(sql).get(spool.birth) as StoredIdentity | undefined;
  if (row === undefined) return null;
  return {
    ...row,
    verified: Boolean(row.verified),
    unused: Boolean(row.unused),
    copied: Boolean(row.copied),
  };
}

/** What the rules need to know beside the current identity. */
export function observe(
  spool: Spool,
  { fingerprint, fromEnvironment }: CredentialsInForce,
  news: SharedIds | null,
): Observation {
  const principalId = typeof fingerprint === 'string' ? principalOf(spool, fingerprint) : null;
  return {
    fingerprint,
    principalId,
    fromEnvironment,
    earlierAnonId: principalId === null ? null : earlierOf(spool, principalId),
    shared: news && { ...news, spent: isSpent(spool, news.anonId) },
  };
}

/**
 * What usage.json says if it has changed since we last wrote or read it; null where it has not, or says nothing.
 * Whatever becomes of it, a changed file is followed once: the next export makes it ours again. Where the Python CLI
 * has linked, from an old one, what is retired here, no event may be sent as that any more.
 */
export function takeNews(spool: Spool, now: number): SharedIds | null {
  const path = sharedFile(spool.directory);
  // Before it is read: what is written meanwhile is news again.
  const stamp = stampOf(path);
  if (stamp === installationOf(spool).export_stamp) return null;
  requestExport(spool);
  spool.statement('UPDATE installation SET export_stamp = ?').run(stamp);
  const ids = readUsageJson(path);
  // Another program may have written an account's e-mail address, and no random id is one.
  if (ids === undefined || recordedId(ids.anonId, spool.key()) !== ids.anonId) return null;
  const principalId = recordedId(ids.principalId, spool.key());
  if (principalId !== null)
    spool
      .statement(
        'UPDATE identity SET principal_id = ?, linked_at = ? WHERE anon_id = ? AND principal_id IS NULL AND retired_at IS NOT NULL',
      )
      .run(principalId, now, ids.anonId);
  return { ...ids, principalId };
}

/** Observes, applies the rules, and writes down what they decide. Inside a transaction. */
export function follow(
  spool: Spool,
  credentials: CredentialsInForce,
  now: number,
  newAnonId: () => string = randomUUID,
): { identity: StoredIdentity; binding: Binding } {
  const current = currentIdentity(spool);
  const observed = observe(spool, credentials, takeNews(spool, now));
  const { steps, identity, binding } = reconcile(current, observed, newAnonId);
  let id = current?.id ?? 0;
  for (const step of steps) id = apply(spool, step, now);
  return { identity: { ...identity, id }, binding };
}

/**
 * Retires the current identity for good, after a logout or because the person says so, and begins a blank one. Returns
 * its anon_id. Inside a transaction, after `follow`: a link that the Python CLI has made must be known of what is retired.
 */
export function startAfresh(spool: Spool, now: number): string {
  const identity = blank(randomUUID());
  apply(spool, { kind: 'log out', identity, alias: false }, now);
  return identity.anonId;
}

/** Notes that usage.json is to be written, whatever has kept it from being written before. */
function requestExport(spool: Spool): void {
  spool.statement('UPDATE installation SET export_due = 1, export_failed_at = NULL').run();
}

/** Remembers whose credentials these are. */
export function rememberAccount(spool: Spool, fingerprint: string, principalId: string, now: number): void {
  const sql = 'INSERT OR REPLACE INTO account (fingerprint, principal_id, resolved_at) VALUES (?, ?, ?)';
  spool.statement(sql).run(fingerprint, principalId, now);
}

/** Whose credentials these are, as far as that has been found out. */
export function principalOf(spool: Spool, fingerprint: string): string | null {
  const sql = 'SELECT principal_id FROM account WHERE fingerprint = ?';
  return (spool.statement(sql).pluck().get(fingerprint) as string | undefined) ?? null;
}

/** Whether an anon_id has been linked to any account, by us or by another program, now or earlier, or may have been. */
export function isLinked(spool: Spool, anonId: string): boolean {
  const sql = 'SELECT 1 FROM identity WHERE anon_id = ? AND linked_at IS NOT NULL LIMIT 1';
  return spool.statement(sql).get(anonId) !== undefined;
}

/** Whether an id is an account's, and no anon_id. */
export function isAccount(spool: Spool, id: string): boolean {
  const sql = `SELECT 1 FROM identity WHERE principal_id = @id UNION ALL SELECT 1 FROM account WHERE principal_id = @id LIMIT 1`;
  return spool.statement(sql).get({ id }) !== undefined;
}

/** Whether an anon_id has had its time, or is an account's. */
function isSpent(spool: Spool, anonId: string): boolean {
  const sql = `SELECT 1 FROM identity WHERE anon_id = ? AND (retired_at IS NOT NULL OR principal_id IS NOT NULL) LIMIT 1`;
  return spool.statement(sql).get(anonId) !== undefined || isAccount(spool, anonId);
}

/** That principal's latest identity that was retired without a logout: those keep their fingerprint. */
function earlierOf(spool: Spool, principalId: string): string | null {
  const sql = `SELECT anon_id FROM identity WHERE principal_id = ? AND verified = 1 AND fingerprint IS NOT NULL
    AND retired_at IS NOT NULL ORDER BY id DESC LIMIT 1`;
  return (spool.statement(sql).pluck().get(principalId) as string | undefined) ?? null;
}

/** Writes one step down, with its alias. Returns the row that is then the current one. */
function apply(spool: Spool, { kind, identity, alias }: Step, now: number): number {
  if (kind !== 'change') retire(spool, kind, now);
  const isKnown = kind === 'change' || kind === 'resume';
  const id = isKnown ? updateIdentity(spool, identity, now) : insertIdentity(spool, identity, now);
  const { anonId, principalId } = identity;
  if (alias && principalId !== null) insertAlias(spool, { identityId: id, anonId, principalId }, now);
  requestExport(spool);
  return id;
}

/**
 * Ends the current identity. Left for other credentials or none, it keeps its own: when they come back, so may it. The
 * Python CLI begins another when it had linked this one, to an account that we do not know.
 */
function retire(spool: Spool, kind: Step['kind'], now: number): void {
  spool
    .statement(
      `UPDATE identity SET retired_at = @now, fingerprint = iif(@kind IN ('begin', 'resume'), fingerprint, NULL),
         linked_at = iif(@kind = 'adopt', coalesce(linked_at, @now), linked_at) WHERE retired_at IS NULL`,
    )
    .run({ kind, now });
}

/** A new current identity; the one before it must be retired. Returns its id. */
function insertIdentity(spool: Spool, identity: Identity, now: number): number {
  const { lastInsertRowid } = spool
    .statement(
      `INSERT INTO identity (anon_id, principal_id, verified, fingerprint, created_at, linked_at, unused, birth)
       VALUES (@anonId, @principalId, @verified, @fingerprint, @now, iif(@principalId IS NULL, NULL, @now), @unused, @birth)`,
    )
    .run({
      ...identity,
      verified: Number(identity.verified),
      unused: Number(identity.unused),
      birth: spool.birth,
      now,
    });
  return Number(lastInsertRowid);
}

/** What is known by now of an identity, the current one or an earlier one that becomes it again. Returns its id. */
function updateIdentity(spool: Spool, identity: Identity, now: number): number {
  const sql = `UPDATE identity SET principal_id = @principalId, verified = @verified, fingerprint = @fingerprint, retired_at = NULL,
      linked_at = CASE WHEN @principalId IS NULL THEN NULL ELSE coalesce(linked_at, @now) END
    WHERE id = (SELECT max(id) FROM identity WHERE anon_id = @anonId) RETURNING id`;
  return spool
    .statement(sql)
    .pluck()
    .get({ ...identity, verified: Number(identity.verified), now }) as number;
}
