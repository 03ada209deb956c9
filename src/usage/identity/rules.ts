/**
 * Who the events of this machine are sent as: the rules alone, without SQL, files or network. An identity and
 * what was seen go in; the steps to the identity that holds from now on come out.
 *
 * Two promises: an anon_id is aliased to one principal at most, ever; a retired identity is never linked.
 */

export interface Identity {
  readonly anonId: string;
  readonly principalId: string | null;
  /** False: the Python CLI said so in usage.json, and it has not been checked yet. */
  readonly verified: boolean;
  /** The credentials that were last in force, as a keyed hash; null when there have been none. */
  readonly fingerprint: string | null;
  /** The anon_id was drawn here, and no capture was ever bound to it. */
  readonly unused: boolean;
  /** The anon_id was drawn or imported in another copy of this database: an image, a copied folder. */
  readonly copied: boolean;
}

/** usage.json, when it is not as we last wrote it. */
interface SharedIdentity extends Pick<Identity, 'anonId' | 'principalId'> {
  /** The anon_id belongs to a retired identity of ours, or to an account: it must not be taken up again. */
  readonly spent: boolean;
}

export interface Observation {
  /** Credentials in force; null when there are none, undefined when that cannot be told. */
  readonly fingerprint: string | null | undefined;
  /** Whose they are, where that is known. */
  readonly principalId: string | null;
  /** They stand in the environment, and no `login` is what is being recorded. */
  readonly fromEnvironment: boolean;
  /** The anon_id of an earlier identity of that principal's which has not been logged out, or null. */
  readonly earlierAnonId: string | null;
  readonly shared: SharedIdentity | null;
}

/**
 * What happens to the rows: the current one changes; or it is retired for one that begins, for an earlier one
 * that is resumed, for one that the Python CLI began after a logout of its own, or after our own logout.
 */
export interface Step {
  readonly kind: 'change' | 'begin' | 'resume' | 'adopt' | 'log out';
  readonly identity: Identity;
  /** `identity.anonId` is now to be aliased to `identity.principalId`. */
  readonly alias: boolean;
}

/**
 * How an event recorded now is bound: to the principal, to the anon_id, once its account is known, or to
 * no one, ever.
 */
export type Binding = 'principal' | 'anonymous' | 'unbound' | 'unowned';

export interface Transition {
  /** In the order in which they are taken; none when all stays as it is. */
  readonly steps: readonly Step[];
  readonly identity: Identity;
  readonly binding: Binding;
}

type NewAnonId = () => string;

/** Applies what was seen to the current identity (null: there is none yet). */
export function reconcile(current: Identity | null, seen: Observation, newAnonId: NewAnonId): Transition {
  const news = followShared(current, seen.shared);
  const first = news ?? (current === null ? begin(blank(newAnonId())) : null);
  const identity = first?.identity ?? (current as Identity);
  const second = followCredentials(identity, seen, news?.kind === 'change', newAnonId);
  const last = second?.identity ?? identity;
  return {
    steps: [first, second].filter((step) => step !== null),
    identity: last,
    binding: bindingOf(last, seen),
  };
}

/** Whether it has seen neither an account nor credentials: a logout does not end it. */
export function isBlank(identity: Identity): boolean {
  return identity.principalId === null && identity.fingerprint === null;
}

function followShared(current: Identity | null, shared: SharedIdentity | null): Step | null {
  if (shared === null) return null;
  const { anonId, principalId, spent } = shared;
  if (anonId === current?.anonId) {
    if (current.principalId !== null || principalId === null) return null;
    // The Python CLI has linked and aliased; ours would be a second alias.
    return { kind: 'change', identity: { ...current, principalId, verified: false }, alias: false };
  }
  if (spent) return null;
  return { kind: 'adopt', identity: { ...blank(anonId), principalId, unused: false }, alias: false };
}

/** `isJustLinked`: the Python CLI has linked the identity since our last look. */
function followCredentials(
  identity: Identity,
  seen: Observation,
  isJustLinked: boolean,
  newAnonId: NewAnonId,
): Step | null {
  const { fingerprint, principalId, earlierAnonId } = seen;
  if (fingerprint === undefined) return null;
  if (fingerprint === null) return isBlank(identity) ? null : begin(blank(newAnonId()));
  const sameCredentials = identity.fingerprint === null || identity.fingerprint === fingerprint;
  if (principalId === null) {
    return sameCredentials
      ? change(identity, { fingerprint }, false)
      : begin({ ...blank(newAnonId()), fingerprint });
  }
  const linked = { principalId, verified: true, fingerprint };
  // The fingerprint comes first: a link made meanwhile, even to the right account, says nothing about events that
  // other credentials recorded.
  if (identity.principalId === principalId && (sameCredentials || !isJustLinked))
    return change(identity, linked, false);
  if (identity.principalId === null && sameCredentials) {
    // Other clones have the same anon_id: each would join its own account to the one person.
    if (identity.copied) return begin({ ...blank(newAnonId()), ...linked });
    // A CI job in a fresh container has no history to join, and 20,000 of them a day would be one person's ids.
    return change(identity, linked, !(seen.fromEnvironment && identity.unused));
  }
  return earlierAnonId === null
    ? begin({ ...blank(newAnonId()), ...linked }, !seen.fromEnvironment)
    : { kind: 'resume', identity: { ...identity, anonId: earlierAnonId, ...linked }, alias: false };
}

function begin(identity: Identity, alias = false): Step {
  return { kind: 'begin', identity, alias };
}

function change(identity: Identity, changes: Partial<Identity>, alias: boolean): Step | null {
  const changed = { ...identity, ...changes };
  const same =
    changed.principalId === identity.principalId &&
    changed.verified === identity.verified &&
    changed.fingerprint === identity.fingerprint;
  return same ? null : { kind: 'change', identity: changed, alias };
}

/** An event of credentials that cannot be read belongs to no known account, unless no one has ever signed in here. */
function bindingOf(identity: Identity, seen: Observation): Binding {
  if (isBlank(identity)) return 'anonymous';
  if (seen.fingerprint === undefined) return 'unowned';
  return identity.principalId !== null && identity.verified ? 'principal' : 'unbound';
}

/** A new identity, which has seen neither an account nor credentials. */
export function blank(anonId: string): Identity {
  return { anonId, principalId: null, verified: false, fingerprint: null, unused: true, copied: false };
}
