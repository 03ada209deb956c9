/** What the oracle remembers of events, and of the stretches that they belong to. */
import type { Login, Who } from './steps.ts';

export interface Stretch {
  /** The credentials seen in it last. */
  credentials: string | null;
  account: Who | null;
  /** Whom the other program says it belongs to. */
  theirs: Who | null;
  /** What became of it cannot be told from here: a crash, a lost database or another program's alias. */
  vague: boolean;
  /** An event has been recorded under its anon_id. */
  anonymous: boolean;
  /** Its anon_id was drawn before the machine was copied. */
  copied: boolean;
  /** It was linked without an alias. */
  unjoined: boolean;
  /** Whose the anonymous part of it may turn out to be. */
  readonly mayBe: Set<Who>;
}

export interface Recorded {
  readonly label: number;
  readonly owner: Who | null;
  readonly kind: 'anonymous' | 'of an account' | 'unowned' | 'spilled';
  readonly credentials: string | null;
  readonly stretch: Stretch;
  /** Those that it may have come to when it was taken in. */
  readonly later: Stretch[];
  /** Of the usage.json that it was spilled beside, which may only be taken over later; else null. */
  readonly anonId: string | null;
  readonly at: number;
  /** Whether the coordinator may be asked about its credentials. */
  readonly resolvable: boolean;
  /** Whether its credentials stand in one shell's environment, where the others do not see them. */
  readonly fromEnvironment: boolean;
  /** It has to be with its owner in the end. */
  certain: boolean;
  waiting: boolean;
  /** The moment before which it cannot have been known that nobody will tell whose it is; else 0. */
  releasedAt: number;
  /** Only the lost database knew that the anon_id had seen somebody's credentials. */
  forgotten: boolean;
}

/** An event that has just happened. */
export const newEvent = (
  given: Pick<Recorded, 'label' | 'owner' | 'kind' | 'credentials' | 'stretch' | 'at' | 'certain'> &
    Partial<Recorded>,
): Recorded => ({
  later: [],
  anonId: null,
  resolvable: false,
  fromEnvironment: false,
  waiting: false,
  forgotten: false,
  releasedAt: 0,
  ...given,
});

/** What was done about who is signed in; a login only when its account is known. */
export type Change = 'login' | 'logout' | null;

export interface Circumstances {
  /** The anon_id that usage.json has after it; null when that cannot be told. */
  readonly anonId: string | null;
  /** What usage.json said right before. */
  readonly text: string;
  readonly now: number;
  readonly change: Change;
  readonly resolvable: boolean;
  readonly fromEnvironment: boolean;
}

/** Credentials whose account we have been told, or may have been before a crash. */
export type Whose = Map<string, 'known' | 'perhaps'>;

export const DAY = 24 * 3600_000;

/** Tells one login's credentials from another's. */
export const nameOf = (login: Login): string => `${login.who} ${login.via}`;

/** A stretch of which nothing is known yet. */
export const newStretch = (): Stretch => ({
  credentials: null,
  account: null,
  theirs: null,
  vague: false,
  anonymous: false,
  copied: false,
  unjoined: false,
  mayBe: new Set(),
});
