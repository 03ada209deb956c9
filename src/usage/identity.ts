/**
 * Who the events of this machine are sent as: the rules alone, without SQL, files or network. An identity and
 * what was seen go in; the identity that holds from now on comes out, with what has to be recorded.
 *
 * Two promises: an anon_id is aliased to one principal at most, ever; a retired identity is never linked.
 */

export interface Identity {
  readonly anonId: string;
  readonly principalId: string | null;
  /** False: another program's usage.json said so, and nobody has checked yet. */
  readonly verified: boolean;
  /** The credentials that were last in force, as a keyed hash; null when there have been none. */
  readonly fingerprint: string | null;
}

/** usage.json, when it is not as we last wrote it. */
export interface SharedIdentity {
  readonly anonId: string;
  readonly principalId: string | null;
  /** The anon_id belongs to a retired identity of ours, or to an account: it must not be taken up again. */
  readonly spent: boolean;
}

export interface Observation {
  /** Credentials in force; null when there are none, undefined when that cannot be told. */
  readonly fingerprint: string | null | undefined;
  /** Whose they are, where that is known. */
  readonly principalId: string | null;
  readonly shared: SharedIdentity | null;
}

/** How an event recorded now is bound: to the principal, to the anon_id, or once its account is known. */
type Binding = 'principal' | 'anonymous' | 'unbound';

interface Step {
  readonly identity: Identity;
  /** It is another identity than before; that one is retired. */
  readonly replaces: boolean;
  /** `identity.anonId` is now to be aliased to `identity.principalId`. */
  readonly alias: boolean;
}

export interface Transition extends Step {
  /** The account to which another program had linked the identity that is retired here. */
  readonly retiredLink: string | null;
  readonly binding: Binding;
}

type NewAnonId = () => string;

/** Applies what was seen to the current identity (null: there is none yet). */
export function reconcile(current: Identity | null, seen: Observation, newAnonId: NewAnonId): Transition {
  const before = current ?? fresh(newAnonId);
  let step = followCredentials(before, seen, newAnonId);
  let retiredLink: string | null = null;
  // The fingerprint comes first: what usage.json says of an identity that has just been retired says nothing
  // about its successor.
  if (step.replaces && seen.shared?.anonId === before.anonId) {
    if (before.principalId === null) retiredLink = seen.shared.principalId;
  } else if (seen.shared !== null) {
    const shared = followShared(step.identity, seen.shared);
    if (shared !== step.identity) {
      const then = followCredentials(shared, seen, newAnonId);
      step = { ...then, replaces: then.replaces || shared.anonId !== before.anonId };
    }
  }
  return { ...step, retiredLink, binding: bindingOf(step.identity, seen) };
}

/** The identity after `logout`, or null when the present one was nobody's and may go on. */
export function rotate(identity: Identity, newAnonId: NewAnonId): Identity | null {
  return isBlank(identity) ? null : fresh(newAnonId);
}

function followCredentials(identity: Identity, seen: Observation, newAnonId: NewAnonId): Step {
  const { fingerprint, principalId } = seen;
  if (fingerprint === undefined) return { identity, replaces: false, alias: false };
  if (fingerprint === null) {
    if (isBlank(identity)) return { identity, replaces: false, alias: false };
    return { identity: fresh(newAnonId), replaces: true, alias: false };
  }
  const sameCredentials = identity.fingerprint === null || identity.fingerprint === fingerprint;
  if (principalId === null) {
    if (sameCredentials) return { identity: { ...identity, fingerprint }, replaces: false, alias: false };
    return { identity: { ...fresh(newAnonId), fingerprint }, replaces: true, alias: false };
  }
  const linked = { principalId, verified: true, fingerprint };
  if (identity.principalId === principalId) {
    return { identity: { ...identity, ...linked }, replaces: false, alias: false };
  }
  if (identity.principalId === null && sameCredentials) {
    return { identity: { ...identity, ...linked }, replaces: false, alias: true };
  }
  return { identity: { ...fresh(newAnonId), ...linked }, replaces: true, alias: true };
}

function followShared(identity: Identity, shared: SharedIdentity): Identity {
  if (shared.anonId === identity.anonId) {
    if (identity.principalId !== null || shared.principalId === null) return identity;
    // The other program has linked and aliased; ours would be a second alias.
    return { ...identity, principalId: shared.principalId, verified: false };
  }
  if (shared.spent) return identity;
  return { anonId: shared.anonId, principalId: shared.principalId, verified: false, fingerprint: null };
}

/** An event of unknown credentials is nobody's for certain, unless nobody has ever signed in here. */
function bindingOf(identity: Identity, seen: Observation): Binding {
  if (isBlank(identity)) return 'anonymous';
  return seen.fingerprint !== undefined && identity.principalId !== null && identity.verified
    ? 'principal'
    : 'unbound';
}

function isBlank(identity: Identity): boolean {
  return identity.principalId === null && identity.fingerprint === null;
}

function fresh(newAnonId: NewAnonId): Identity {
  return { anonId: newAnonId(), principalId: null, verified: false, fingerprint: null };
}
