/**
 * Binds the captures whose account was not known when they were recorded: by the fingerprint of their own
 * credentials, never by whoever is signed in now.
 */
import { randomUUID } from 'node:crypto';
import { FLUSHER } from '../settings.ts';
import { backoffMs } from './backoff.ts';
import { isDistinctId } from './event.ts';
import { applyTransition, currentIdentity, isLinked, observe, rememberAccount } from './identities.ts';
import { reconcile } from './identity.ts';
import { fingerprintOf, installationOf, type Spool } from './spool.ts';
import { mayResolve } from './wake.ts';

/** What the coordinator says of the credentials in force. */
export type Whose =
  | { readonly kind: 'principal'; readonly principalId: string }
  | { readonly kind: 'refused' }
  | { readonly kind: 'no answer' };

export interface Resolving {
  /** The credentials in force now, told apart as at append; null when there are none. */
  readonly account: string | null | undefined;
  /** Asks the coordinator whose those credentials are. Never rejects. */
  readonly ask: () => Promise<Whose>;
  readonly now: () => number;
  readonly random: () => number;
}

interface Unbound {
  readonly fingerprint: string | null;
  readonly resolvable: number;
}

/** Binds what can be bound. The coordinator is asked once at most. */
export async function bindUnbound(spool: Spool, resolving: Resolving): Promise<void> {
  const installation = installationOf(spool);
  const inForce = fingerprintOf(installation, resolving.account);
  const groups = spool
    .statement(
      `SELECT DISTINCT fingerprint, resolvable FROM record WHERE state = 'pending' AND distinct_id IS NULL`,
    )
    .all() as Unbound[];
  for (const { fingerprint, resolvable } of groups) {
    const known = fingerprint === null ? undefined : knownAccount(spool, fingerprint);
    if (fingerprint !== null && known !== undefined) {
      bindTo(spool, fingerprint, known, resolving.now());
    } else if (fingerprint === null || resolvable === 0 || fingerprint !== inForce) {
      release(spool, { fingerprint, resolvable }, Number.MAX_SAFE_INTEGER);
    } else if (mayResolve(installationOf(spool), resolving.now())) {
      settle(spool, fingerprint, await resolving.ask(), resolving);
    }
  }
}

function settle(spool: Spool, fingerprint: string, whose: Whose, { now, random }: Resolving): void {
  if (whose.kind === 'principal' && isDistinctId(whose.principalId)) {
    bindTo(spool, fingerprint, whose.principalId, now());
  } else if (whose.kind === 'refused') {
    release(spool, { fingerprint, resolvable: 1 }, Number.MAX_SAFE_INTEGER);
  } else {
    release(spool, { fingerprint, resolvable: 1 }, now() - FLUSHER.unboundMs);
    waitForAnswer(spool, now(), random);
  }
}

/** The captures of these credentials are the principal's, and so is the identity, if it is still theirs. */
function bindTo(spool: Spool, fingerprint: string, principalId: string, now: number): void {
  spool.transaction(() => {
    rememberAccount(spool, fingerprint, principalId, now);
    const current = currentIdentity(spool);
    if (current?.fingerprint === fingerprint) {
      const observation = observe(spool, installationOf(spool), fingerprint);
      applyTransition(spool, current, reconcile(current, observation, randomUUID), now);
    }
    spool
      .statement(
        `UPDATE record SET distinct_id = ?, personless = 0 WHERE state = 'pending' AND distinct_id IS NULL AND fingerprint = ?`,
      )
      .run(principalId, fingerprint);
    spool.statement('UPDATE installation SET resolve_since = 0, resolve_until = 0, resolve_streak = 0').run();
  });
}

/**
 * Nobody can tell any more whose these captures are: they stay with the anon_id under which they were
 * recorded. One that has been linked to anybody would make them that account's, so they then get an id of
 * their own, which is never aliased.
 */
function release(spool: Spool, { fingerprint, resolvable }: Unbound, recordedUntil: number): void {
  spool.transaction(() => {
    const where = `state = 'pending' AND distinct_id IS NULL AND fingerprint IS @fingerprint
      AND resolvable = @resolvable AND recorded_at <= @recordedUntil`;
    const which = { fingerprint, resolvable, recordedUntil };
    const identities = spool
      .statement(
        `SELECT DISTINCT i.id, i.anon_id FROM record AS r JOIN identity AS i ON i.id = r.identity_id WHERE ${where}`,
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

function waitForAnswer(spool: Spool, now: number, random: () => number): void {
  spool.transaction(() => {
    const streak = installationOf(spool).resolve_streak + 1;
    const until = now + backoffMs({ reason: 'offline', streak, retryAfterMs: undefined }, random);
    spool
      .statement('UPDATE installation SET resolve_since = ?, resolve_until = ?, resolve_streak = ?')
      .run(now, until, streak);
  });
}

function knownAccount(spool: Spool, fingerprint: string): string | undefined {
  const sql = 'SELECT principal_id FROM account WHERE fingerprint = ?';
  return (spool.statement(sql).get(fingerprint) as { principal_id: string } | undefined)?.principal_id;
}
