/**
 * Binds the captures whose account was not known when they were recorded: by the fingerprint of their own
 * credentials, never by the account that is signed in now.
 */
import { randomUUID } from 'node:crypto';
import { persist } from '../../infra/sqlite/patience.ts';
import { FLUSHER, SPOOL } from '../../settings.ts';
import { recordedId } from '../event/event.ts';
import {
  ANY_CREDENTIALS,
  accountOf,
  currentIdentity,
  follow,
  isLinked,
  rememberAccount,
} from '../identity/identities.ts';
import { backOff, backoffInForce, COORDINATOR, endBackoff } from '../spool/backoff.ts';
import { fingerprintBy } from '../spool/key.ts';
import { isRecordingAllowed, type Spool } from '../spool/spool.ts';
import { isTimeUp } from './deliver.ts';
import type { Draining } from './drain.ts';

/** What the coordinator says of the credentials in force. */
export type Whose =
  | { readonly kind: 'principal'; readonly principalId: string }
  | { readonly kind: 'refused' }
  | { readonly kind: 'no answer' };

/** The credentials in force at one moment. */
export interface InForce {
  /** Told apart as at append: null when there are none, undefined when they cannot be read. */
  readonly account: string | null | undefined;
  /** Asks the coordinator whose they are. Never rejects. */
  readonly ask: () => Promise<Whose>;
}

export interface Resolving {
  /** Reads the credentials; they may be others each time. Never rejects. */
  readonly credentials: () => Promise<InForce>;
  /** The account of the key in the environment, told apart as at append; null when there is none. */
  readonly environment: string | null;
}

/** Captures of the same credentials; those that are recorded from now on are not among them. */
interface Group {
  readonly fingerprint: string | null;
  readonly resolvable: number;
  readonly from_environment: number;
  readonly lastId: number;
}

/** A time after that of every capture. */
const ALL = Number.MAX_SAFE_INTEGER;

type Binding = Pick<Draining, 'spool' | 'resolving' | 'ignoreBackoff' | 'leftMs' | 'now' | 'random'>;

/**
 * Binds what can be bound without asking. The function that it returns asks the coordinator about the rest, once, and
 * resolves to whether its answer has bound anything; with `ignoreBackoff` it asks although there is a back-off.
 */
export async function bindUnbound(binding: Binding): Promise<() => Promise<boolean>> {
  const { spool, resolving, now, ignoreBackoff } = binding;
  await persist(binding, () => dateUndated(spool, now()));
  const groups = await persist(binding, () => unboundGroups(spool));
  if (groups.length === 0) return async () => false;
  // After the look at the records: the process that replaced the credentials since may have recorded under the new ones.
  const inForce = await resolving.credentials();
  const present = fingerprintBy(spool.key(), inForce.account);
  const mayAsk =
    ignoreBackoff || (await persist(binding, () => backoffInForce(spool, COORDINATOR, now()))) === null;
  const unknown: Group[] = [];
  for (const group of groups) {
    const { fingerprint } = group;
    const known = fingerprint === null ? null : await persist(binding, () => accountOf(spool, fingerprint));
    // The answer also binds what was recorded where asking was not allowed.
    const isAsked = mayAsk && unknown.some((other) => other.fingerprint === fingerprint);
    const until = isAsked ? null : givenUpTo(group, present, resolving.environment, now());
    if (known !== null) await persist(binding, () => bindTo(spool, group, known, now()));
    else if (until === null) unknown.push(group);
    else await persist(binding, () => release(spool, group, until, now()));
  }
  if (unknown.length === 0 || !mayAsk) return async () => false;
  return async () => await bindByAnswer(binding, unknown, await inForce.ask());
}

/** True when captures may have been bound. An answer that our own time limit cut short says nothing about the coordinator. */
async function bindByAnswer(binding: Binding, groups: readonly Group[], whose: Whose): Promise<boolean> {
  const { spool, now, random } = binding;
  if (whose.kind === 'no answer' && isTimeUp(binding)) return false;
  const principalId = whose.kind === 'principal' ? recordedId(whose.principalId, spool.key()) : null;
  for (const group of groups) {
    const isOver = whose.kind === 'refused' || group.resolvable === 0;
    const until = isOver ? ALL : now() - FLUSHER.unboundMs;
    if (principalId !== null) await persist(binding, () => bindTo(spool, group, principalId, now()));
    else await persist(binding, () => release(spool, group, until, now()));
  }
  if (principalId === null && whose.kind !== 'refused')
    await persist(binding, () => putOff(spool, now(), random));
  return true;
}

/** Up to which time captures are given up; null: the coordinator can tell whose they are. */
function givenUpTo(
  { fingerprint, resolvable, from_environment }: Group,
  inForce: string | null | undefined,
  environment: string | null,
  now: number,
): number | null {
  if (fingerprint === null) return ALL;
  // Another shell may have these credentials: ones of the environment that this process has not, or ones of the file
  // that its own environment comes before.
  const isElsewhere = fingerprint !== inForce && (from_environment === 1 || environment !== null);
  if (resolvable === 1 && isElsewhere) return now - FLUSHER.unboundMs;
  // A file that is being written at this moment cannot be read either: then nothing is known to be gone.
  const isGone = inForce !== undefined && fingerprint !== inForce;
  return resolvable === 0 || isGone ? ALL : null;
}

/** A capture that entered by a clock that was not set waits its day from now on, if this clock is. */
function dateUndated(spool: Spool, now: number): void {
  if (now < SPOOL.existsSince) return;
  const sql = `UPDATE record SET entered_at = @now
    WHERE state = 'pending' AND distinct_id IS NULL AND coalesce(entered_at, recorded_at) < @existsSince`;
  spool.statement(sql).run({ now, existsSince: SPOOL.existsSince });
}

/** Those that may be asked about first. */
function unboundGroups(spool: Spool): Group[] {
  return spool
    .statement(
      `SELECT fingerprint, resolvable, from_environment, max(id) AS lastId FROM record WHERE state = 'pending' AND distinct_id IS NULL
       GROUP BY fingerprint, resolvable, from_environment ORDER BY resolvable DESC`,
    )
    .all() as Group[];
}

/**
 * The captures of these credentials are the principal's, and so is the identity, if it still has those credentials.
 * Nothing is written after `usage disable`, which may have erased everything while the answer was awaited.
 */
function bindTo(
  spool: Spool,
  { fingerprint, from_environment }: Group,
  principalId: string,
  now: number,
): void {
  spool.transaction(() => {
    if (fingerprint === null || !isRecordingAllowed(spool)) return;
    // Without the credentials: an identity that the other program has begun since is not these ones' to take.
    follow(spool, ANY_CREDENTIALS, now);
    rememberAccount(spool, fingerprint, principalId, now);
    if (currentIdentity(spool)?.fingerprint === fingerprint)
      follow(spool, { fingerprint, fromEnvironment: from_environment === 1 }, now);
    spool
      .statement(
        `UPDATE record SET distinct_id = ?, personless = 0 WHERE state = 'pending' AND distinct_id IS NULL AND fingerprint = ?`,
      )
      .run(principalId, fingerprint);
    endBackoff(spool, COORDINATOR);
  });
}

/**
 * It can no longer be told whose these captures are: they stay with the anon_id under which they were
 * recorded. One that has been linked to an account would make them that account's, so they then get an id of
 * their own, which is never aliased.
 */
function release(spool: Spool, group: Group, recordedUntil: number, now: number): void {
  const where = `state = 'pending' AND distinct_id IS NULL AND fingerprint IS @fingerprint
    AND resolvable = @resolvable AND from_environment = @from_environment AND id <= @lastId AND coalesce(entered_at, recorded_at) <= @recordedUntil`;
  const which = { ...group, recordedUntil };
  spool.transaction(() => {
    if (!isRecordingAllowed(spool)) return;
    // The other program may have linked that anon_id by now.
    follow(spool, ANY_CREDENTIALS, now);
    const identities = spool
      .statement(
        `SELECT id, anon_id FROM identity WHERE id IN (SELECT identity_id FROM record WHERE ${where})`,
      )
      .all(which) as { id: number; anon_id: string }[];
    for (const { id, anon_id } of identities) {
      const distinctId = isLinked(spool, anon_id) ? randomUUID() : anon_id;
      spool
        .statement(
          `UPDATE record SET distinct_id = @distinctId, personless = 1 WHERE ${where} AND identity_id = @id`,
        )
        .run({ ...which, id, distinctId });
    }
  });
}

function putOff(spool: Spool, at: number, random: () => number): void {
  spool.transaction(() => {
    if (isRecordingAllowed(spool))
      backOff(spool, COORDINATOR, { reason: 'offline', status: null }, { at, random });
  });
}
