/** The edges of the state machine: from which state, on what news and credentials, by which steps. */
import { randomUUID } from 'node:crypto';
import { currentIdentity, observe, takeNews } from '../../src/usage/identity/identities.ts';
import { type Identity, type Observation, reconcile } from '../../src/usage/identity/rules.ts';
import { fingerprintBy } from '../../src/usage/spool/key.ts';
import type { Spool } from '../../src/usage/spool/spool.ts';

interface Seen {
  readonly account: string | null | undefined;
  readonly fromEnvironment: boolean;
  readonly known: string | null;
}

/** The edge that a command is about to take; inside a transaction, nothing is changed. `known`: whose login this is. */
export function seenBy(spool: Spool, { account, fromEnvironment, known }: Seen): string {
  const fingerprint = fingerprintBy(spool.key(), account);
  const current = currentIdentity(spool);
  spool.statement('SAVEPOINT look').run();
  const seen = observe(spool, { fingerprint, fromEnvironment }, takeNews(spool, 0));
  spool.statement('ROLLBACK TO look').run();
  return edgeOf(current, known === null ? seen : { ...seen, principalId: known });
}

/** All edges: each state with each observation that can be made of it. */
export function allEdges(): Set<string> {
  const edges = new Set<string>();
  for (const current of STATES) {
    for (const fingerprint of [undefined, null, 'F', 'G']) {
      for (const principalId of typeof fingerprint === 'string' ? [null, 'P', 'Q'] : [null]) {
        if (!isPossible(current, fingerprint, principalId)) continue;
        for (const earlierAnonId of earlierOnes(current, principalId)) {
          for (const shared of SHARED)
            for (const { fromEnvironment, ...facts } of factsOf(current, fingerprint, principalId)) {
              const seen = { fingerprint, principalId, fromEnvironment, earlierAnonId, shared };
              edges.add(edgeOf(current && { ...current, ...facts }, seen));
            }
        }
      }
    }
  }
  return edges;
}

const X = {
  anonId: 'X',
  principalId: null,
  verified: false,
  fingerprint: null,
  unused: false,
  copied: false,
};

const STATES: readonly (Identity | null)[] = [
  null,
  X,
  { ...X, fingerprint: 'F' },
  { ...X, principalId: 'P' },
  { ...X, principalId: 'P', fingerprint: 'F' },
  { ...X, principalId: 'P', fingerprint: 'F', verified: true },
];

const SHARED: readonly Observation['shared'][] = [
  null,
  { anonId: 'X', principalId: 'P', spent: false },
  { anonId: 'X', principalId: 'Q', spent: false },
  { anonId: 'Z', principalId: null, spent: false },
  { anonId: 'Z', principalId: 'P', spent: false },
  { anonId: 'Z', principalId: 'Q', spent: false },
  { anonId: 'S', principalId: 'Q', spent: true },
];

/** Where the credentials stand, and what is known of the current anon_id. */
const FACTS: readonly Pick<Observation & Identity, 'fromEnvironment' | 'copied' | 'unused'>[] = [
  { fromEnvironment: false, copied: false, unused: false },
  { fromEnvironment: true, copied: false, unused: false },
  { fromEnvironment: true, copied: false, unused: true },
  { fromEnvironment: false, copied: true, unused: false },
];

/** What is drawn at this moment is used by no event yet, and in no copy; and only a login knows whose its credentials are. */
const AT_FIRST: typeof FACTS = [{ fromEnvironment: false, copied: false, unused: true }];

/** Credentials whose account is known by now although it was not when they were seen are those of a login. */
function factsOf(
  current: Identity | null,
  fingerprint: string | null | undefined,
  principalId: string | null,
): typeof FACTS {
  if (current === null) return AT_FIRST;
  const isLogin = principalId !== null && current.principalId === null && current.fingerprint === fingerprint;
  return isLogin ? FACTS.filter(({ fromEnvironment }) => !fromEnvironment) : FACTS;
}

/** Nobody has an earlier identity before the first one, nor beside the one that is in force. */
function earlierOnes(current: Identity | null, principalId: string | null): (string | null)[] {
  const has = current !== null && principalId !== null && principalId !== current.principalId;
  return has ? [null, 'E'] : [null];
}

/** Whose the credentials of a verified identity are is known. */
function isPossible(
  current: Identity | null,
  fingerprint: string | null | undefined,
  principalId: string | null,
): boolean {
  if (current === null || fingerprint !== current.fingerprint || fingerprint === null) return true;
  return !current.verified || principalId === current.principalId;
}

function edgeOf(current: Identity | null, seen: Observation): string {
  const { steps, binding } = reconcile(current, seen, randomUUID);
  const taken = steps.map(
    ({ kind, alias, identity }) => `${kind}${alias ? ' with alias' : ''} to ${stateOf(identity)}`,
  );
  return [stateOf(current), ...taken, `event ${binding}`].join(' > ');
}

function stateOf(identity: Identity | null): string {
  if (identity === null) return 'nothing';
  const { principalId, verified, fingerprint } = identity;
  if (principalId === null) return fingerprint === null ? 'blank' : 'unresolved';
  if (verified) return 'linked';
  return fingerprint === null ? 'linked by them' : 'linked by them, unresolved';
}
