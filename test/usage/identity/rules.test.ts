/** The state machine of identity, rule by rule. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Identity, type Observation, reconcile } from '../../../src/usage/identity/rules.ts';

/**
 * An identity is its anon_id, its principal (`P?`: not verified) and its fingerprint (F or G). What is seen are the
 * credentials in force, a changed usage.json, and facts about the present anon_id.
 */
const TABLE = `
before  | credentials | usage.json   | facts              | steps               | after   | event     | what
nothing | none        |              |                    | begin               | new     | anonymous | a first run begins a new identity
nothing | none        | Z            |                    | adopt               | Z       | anonymous | a first run imports a valid usage.json
nothing | F           | Z of P       |                    | adopt, change       | Z P? F  | unbound   | a first run imports a link as unverified
nothing | none        | Z of P       |                    | adopt, begin        | new     | anonymous | a linked usage.json imported without credentials is rotated
nothing | F of P      | Z            |                    | adopt, change+alias | Z P F   | principal | a login on a first run links what is imported
nothing | F of P      | Z of Q       |                    | adopt, begin+alias  | new P F | principal | a login on a first run leaves what is linked to another account
nothing | F of P      |              |                    | begin, change+alias | new P F | principal | a login on a first run without usage.json
X       | none        |              |                    | -                   | X       | anonymous | no credentials, and none before
X P F   | none        |              |                    | begin               | new     | anonymous | credentials gone from a linked identity
X F     | none        |              |                    | begin               | new     | anonymous | credentials gone before their account was known
X P?    | none        |              |                    | begin               | new     | anonymous | credentials gone from an imported link
X P F   | F of P      |              |                    | -                   | X P F   | principal | linked and verified, the same credentials
X       | F           |              |                    | change              | X F     | unbound   | unknown credentials are noted
X F     | F           |              |                    | -                   | X F     | unbound   | unknown credentials, again
X P?    | F           |              |                    | change              | X P? F  | unbound   | an unverified link notes the credentials
X P? F  | F           |              |                    | -                   | X P? F  | unbound   | an unverified link waits
X       | F of P      |              |                    | change+alias        | X P F   | principal | a login links
X F     | F of P      |              |                    | change+alias        | X P F   | principal | an answer links
X P? F  | F of P      |              |                    | change              | X P F   | principal | an answer verifies, without an alias
X P?    | F of P      |              |                    | change              | X P F   | principal | a login verifies, without an alias
X P? F  | F of Q      |              |                    | begin+alias         | new Q F | principal | an answer shows that the link is not these credentials'
X P F   | G of P      |              |                    | change              | X P G   | principal | other credentials of the same principal
X P F   | G of Q      |              |                    | begin+alias         | new Q G | principal | other credentials, of another principal
X P F   | G of Q      |              | earlier            | resume              | E Q G   | principal | other credentials, of a principal who was here before
X P F   | G           |              |                    | begin               | new G   | unbound   | other unknown credentials
X F     | G           |              |                    | begin               | new G   | unbound   | other unknown credentials, twice
X F     | G of P      |              |                    | begin+alias         | new P G | principal | known credentials after unknown ones
X P F   | F of Q      |              |                    | begin+alias         | new Q F | principal | the same key, now known to be of another account
X       | unreadable  |              |                    | -                   | X       | anonymous | unreadable credentials, and none before
X P F   | unreadable  |              |                    | -                   | X P F   | unowned   | unreadable credentials, linked before
X F     | unreadable  |              |                    | -                   | X F     | unowned   | unreadable credentials, unresolved before
X       | none        | X of P       |                    | change, begin       | new     | anonymous | the other program links, and no account is signed in
X F     | F           | X of P       |                    | change              | X P? F  | unbound   | the other program links
X       | F of P      | X of P       |                    | change, change      | X P F   | principal | the other program links the account that logs in here: no second alias
X       | F of P      | X of Q       |                    | change, begin+alias | new P F | principal | the other program links another account than the one that logs in here
X F     | G           | X of Q       |                    | change, begin       | new G   | unbound   | the fingerprint comes first: a link belongs to the identity that is retired
X F     | G of Q      | X of Q       |                    | change, begin+alias | new Q G | principal | the fingerprint comes first, also when the link is to the right account
X       | F of P      |              | copied             | begin               | new P F | principal | a login in a copy of the machine links a new identity, and aliases nothing
X       | F of P      | X of P       | copied             | change, change      | X P F   | principal | a link that the other program has made in a copy stays
X       | F of P      | Z            | copied             | adopt, change+alias | Z P F   | principal | an anon_id that the other program begins in a copy is aliased
X F     | F of P      |              | environment unused | change              | X P F   | principal | credentials of the environment link an anon_id without events without an alias
X       | F of P      |              | environment        | change+alias        | X P F   | principal | credentials of the environment alias an anon_id that has events
X       | F of P      |              | unused             | change+alias        | X P F   | principal | credentials of the file alias an anon_id without events
X       | F of P      | Z            | environment unused | adopt, change+alias | Z P F   | principal | credentials of the environment alias what the other program begins
X P F   | G of Q      |              | environment        | begin               | new Q G | principal | a switch to other credentials of the environment has no history to alias
X P F   | F of P      | X of Q       |                    | -                   | X P F   | principal | the other program contradicts us
X P F   | F of P      | X            |                    | -                   | X P F   | principal | the other program forgets a link
X P F   | F of P      | Z            |                    | adopt, change+alias | Z P F   | principal | the other program rotates
X P F   | F of P      | Z of P       |                    | adopt, change       | Z P F   | principal | the other program rotates and links the same account
X P F   | none        | Z            |                    | adopt               | Z       | anonymous | the other program logs out
X P F   | G           | Z of Q       |                    | adopt, change       | Z Q? G  | unbound   | the other program switches to an account that is unknown here
X P F   | unreadable  | Z            |                    | adopt               | Z       | anonymous | the other program rotates, seen without readable credentials
X P F   | F of P      | S of Q, spent|                    | -                   | X P F   | principal | an anon_id that has had its time
X       | none        | S of Q, spent|                    | -                   | X       | anonymous | an old usage.json, no account signed in
`;

interface Row {
  readonly what: string;
  readonly current: Identity | null;
  readonly seen: Observation;
  readonly outcome: string;
}

const ROWS = TABLE.trim()
  .split('\n')
  .slice(1)
  .map((line): Row => {
    const [before = '', credentials = '', shared = '', facts = '', steps, after, event, what = ''] = line
      .split('|')
      .map((cell) => cell.trim());
    return {
      what,
      current: before === 'nothing' ? null : identityOf(before, facts),
      seen: {
        ...credentialsOf(credentials),
        fromEnvironment: facts.includes('environment'),
        earlierAnonId: facts === 'earlier' ? 'E' : null,
        shared: shared === '' ? null : sharedOf(shared),
      },
      outcome: `${steps} | ${after} | ${event}`,
    };
  });

function identityOf(text: string, facts: string): Identity {
  const [anonId = '', ...words] = text.split(' ');
  const principal = words.find((word) => /^[PQ]/.test(word));
  return {
    anonId,
    principalId: principal?.[0] ?? null,
    verified: principal?.length === 1,
    fingerprint: words.find((word) => /^[FG]$/.test(word)) ?? null,
    copied: facts.includes('copied'),
    unused: facts.includes('unused'),
  };
}

function credentialsOf(text: string): Pick<Observation, 'fingerprint' | 'principalId'> {
  if (text === 'unreadable') return { fingerprint: undefined, principalId: null };
  const [fingerprint = '', principalId = null] = text.split(' of ');
  return { fingerprint: text === 'none' ? null : fingerprint, principalId };
}

function sharedOf(text: string): Observation['shared'] {
  const [ids = '', spent] = text.split(', ');
  const [anonId = '', principalId = null] = ids.split(' of ');
  return { anonId, principalId, spent: spent !== undefined };
}

for (const { what, current, seen, outcome } of ROWS) {
  test(`${what}: ${outcome}`, () => {
    const { steps, identity, binding } = reconcile(current, seen, () => 'new');
    const kinds = steps.map(({ kind, alias }) => `${kind}${alias ? '+alias' : ''}`).join(', ') || '-';
    assert.equal(`${kinds} | ${describe(identity)} | ${binding}`, outcome);
    assert.deepEqual(steps.at(-1)?.identity ?? current, identity);
    // The file is followed once: from then on it is ours.
    const again = reconcile(identity, { ...seen, shared: null }, () => 'never');
    assert.deepEqual(again.steps, [], 'what is seen twice changes nothing the second time');
    let before = current;
    for (const { kind, alias, identity: next } of steps) {
      if (alias && kind === 'change') assert.equal(before?.principalId ?? null, null, 'linked already');
      if (kind !== 'change') assert.notEqual(next.anonId, before?.anonId, 'what is retired stays so');
      before = next;
    }
  });
}

function describe({ anonId, principalId, verified, fingerprint }: Identity): string {
  const principal = principalId === null ? [] : [`${principalId}${verified ? '' : '?'}`];
  return [anonId, ...principal, ...(fingerprint === null ? [] : [fingerprint])].join(' ');
}
