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
  currentIdentity,
  follow,
  isLinked,
  principalOf,
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

/** Captures of the same credentials; those that are recorded from now on are not among them. */
interface Group {
  readonly fingerprint: string | null;
  readonly from_environment: number;
  /** 0: the coordinator must not be asked about any of these credentials. An answer also binds where it must not. */
  readonly resolvable: number;
  readonly lastId: number;
}

/** A time after that of every capture. */
const ALL = Number.MAX_SAFE_INTEGER;

/**
 * Binds what can be bound without asking. The function that it returns asks the coordinator about the rest, once, and
 * does the same by its answer; undefined where it is not to be asked, as during its back-off. Nothing is written after
 * `usage disable`, which may have erased everything while the answer was awaited.
 */
export async function bindUnbound(
  draining: Omit<Draining, 'destination' | 'deliver'>,
): Promise<(() => Promise<void>) | undefined> {
  const { spool, environment, now, random } = draining;
  const write = <T>(work: () => T): Promise<T | undefined> =>
    persist(draining, () => spool.transaction(() => (isRecordingAllowed(spool) ? work() : undefined)));
  const groups = await persist(draining, () => unboundGroups(spool));
  if (groups.length === 0) return undefined;
  // After the look at the records: the process that replaced the credentials since may have recorded under the new ones.
  const inForce = await draining.credentials();
  const present = fingerprintBy(spool.key(), inForce.account);
  const unknown = await write(() => {
    dateUndated(spool, now());
    const left = decide(spool, groups, now(), (group) =>
      givenUpTo(group, present, environment !== null, now()),
    );
    return backoffInForce(spool, COORDINATOR, now()) === null ? left : [];
  });
  if (unknown === undefined || unknown.length === 0) return undefined;
  return async () => {
    const whose = await inForce.ask();
    // An answer that our own time limit cut short says nothing about the coordinator.
    if (whose.kind === 'no answer' && isTimeUp(draining)) return;
    await write(() => {
      const principalId = whose.kind === 'principal' ? recordedId(whose.principalId, spool.key()) : null;
      if (principalId !== null && present != null) rememberAccount(spool, present, principalId, now());
      const isOver = principalId !== null || whose.kind === 'refused';
      if (isOver) endBackoff(spool, COORDINATOR);
      else backOff(spool, COORDINATOR, { reason: 'offline', status: null }, { at: now(), random });
      decide(spool, unknown, now(), () => (isOver ? ALL : now() - FLUSHER.unboundMs));
    });
  };
}

function unboundGroups(spool: Spool): Group[] {
  return spool
    .statement(
      `SELECT fingerprint, from_environment, max(max(resolvable)) OVER (PARTITION BY fingerprint) AS resolvable,
         max(id) AS lastId
       FROM unbound GROUP BY fingerprint, from_environment`,
    )
    .all() as Group[];
}

/** A capture that entered by a clock that was not set waits its day from now on, if this clock is. */
function dateUndated(spool: Spool, now: number): void {
  if (now < SPOOL.existsSince) return;
  const sql = `UPDATE record SET entered_at = @now
    WHERE id IN (SELECT id FROM unbound WHERE waits_since < @existsSince)`;
  spool.statement(sql).run({ now, existsSince: SPOOL.existsSince });
}

/**
 * Binds the captures of accounts that are known, and gives up those of the others that entered by the time that `untilOf`
 * says. Returns the groups for which it says null.
 */
function decide(
  spool: Spool,
  groups: readonly Group[],
  now: number,
  untilOf: (group: Group) => number | null,
): Group[] {
  return groups.filter((group) => {
    const principalId = group.fingerprint === null ? null : principalOf(spool, group.fingerprint);
    const until = untilOf(group);
    if (principalId === null && until === null) return true;
    // The Python CLI may have linked the anon_id by now, or begun another identity. Without the credentials, for they have
    // no claim to that one.
    follow(spool, ANY_CREDENTIALS, now);
    if (principalId !== null) bind(spool, group, principalId, now);
    else if (until !== null) giveUp(spool, { ...group, until });
    return false;
  });
}

/** Up to which time captures are given up; null: the coordinator can tell whose they are. */
function givenUpTo(
  { fingerprint, resolvable, from_environment }: Group,
  present: string | null | undefined,
  hasKeyInEnvironment: boolean,
  now: number,
): number | null {
  if (fingerprint === null || resolvable === 0) return ALL;
  if (fingerprint === present) return null;
  // Another shell may have these credentials: ones of the environment that this process has not, or ones of the file
  // that its own environment comes before.
  if (from_environment === 1 || hasKeyInEnvironment) return now - FLUSHER.unboundMs;
  // A file that is being written at this moment cannot be read either: then nothing is known to be gone.
  return present === undefined ? null : ALL;
}

/** The captures of these credentials are the principal's, and so is the identity, if it still has those credentials. */
function bind(spool: Spool, group: Group, principalId: string, now: number): void {
  const { fingerprint, from_environment } = group;
  if (currentIdentity(spool)?.fingerprint === fingerprint)
    follow(spool, { fingerprint, fromEnvironment: from_environment === 1 }, now);
  const sql = `UPDATE record SET distinct_id = ?, personless = 0
    WHERE id IN (SELECT id FROM unbound WHERE fingerprint = ?)`;
  spool.statement(sql).run(principalId, fingerprint);
}

/**
 * It can no longer be told whose these captures are: they stay with the anon_id under which they were recorded. One that
 * has been linked to an account would make them that account's, so they then get an id of their own, which is never
 * aliased. Those that must not be asked about go at once.
 */
function giveUp(spool: Spool, which: Group & { readonly until: number }): void {
  const given = `FROM unbound WHERE fingerprint IS @fingerprint AND from_environment = @from_environment
    AND id <= @lastId AND (resolvable = 0 OR waits_since <= @until)`;
  const sql = `SELECT id, anon_id FROM identity WHERE id IN (SELECT identity_id ${given})`;
  for (const { id, anon_id } of spool.statement(sql).all(which) as { id: number; anon_id: string }[]) {
    const distinctId = isLinked(spool, anon_id) ? randomUUID() : anon_id;
    const update = `UPDATE record SET distinct_id = @distinctId, personless = 1
      WHERE identity_id = @id AND id IN (SELECT id ${given})`;
    spool.statement(update).run({ ...which, id, distinctId });
  }
}
