/** The state machine of identity, rule by rule. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Identity, type Observation, reconcile } from '../../../src/usage/identity/rules.ts';

const blank: Identity = { anonId: 'X', principalId: null, verified: false, fingerprint: null };
const unresolved: Identity = { ...blank, fingerprint: 'F' };
const linked: Identity = { ...blank, principalId: 'P', verified: true, fingerprint: 'F' };
const theirs: Identity = { ...blank, principalId: 'P' };
const theirsUnresolved: Identity = { ...theirs, fingerprint: 'F' };

const nothing: Observation = {
  fingerprint: null,
  principalId: null,
  fromEnvironment: false,
  copied: false,
  unused: false,
  earlierAnonId: null,
  shared: null,
};
const unknown = (fingerprint: string): Observation => ({ ...nothing, fingerprint });
const known = (fingerprint: string, principalId: string): Observation => ({
  ...nothing,
  fingerprint,
  principalId,
});
const unreadable: Observation = { ...nothing, fingerprint: undefined };
const file = (anonId: string, principalId: string | null, spent = false): Partial<Observation> => ({
  shared: { anonId, principalId, spent },
});

/** What is seen, and the steps, the anon_id and the binding that come of it. */
type Row = readonly [what: string, current: Identity | null, seen: Observation, outcome: string];

const rows: readonly Row[] = [
  // First run
  ['a first run begins a new identity', null, nothing, 'begin | new1 | anonymous'],
  [
    'a first run imports a valid usage.json',
    null,
    { ...nothing, ...file('Z', null) },
    'adopt | Z | anonymous',
  ],
  [
    'a first run imports a link as unverified',
    null,
    { ...unknown('F'), ...file('Z', 'P') },
    'adopt, change | Z P? F | unbound',
  ],
  [
    'a linked usage.json imported without credentials is rotated',
    null,
    { ...nothing, ...file('Z', 'P') },
    'adopt, begin | new2 | anonymous',
  ],
  [
    'a login on a first run links what is imported',
    null,
    { ...known('F', 'P'), ...file('Z', null) },
    'adopt, change+alias | Z P F | principal',
  ],
  [
    'a login on a first run leaves what is linked to another account',
    null,
    { ...known('F', 'P'), ...file('Z', 'Q') },
    'adopt, begin+alias | new2 P F | principal',
  ],
  [
    'a login on a first run without usage.json',
    null,
    known('F', 'P'),
    'begin, change+alias | new1 P F | principal',
  ],
  // No credentials
  ['no credentials, nobody yet', blank, nothing, '- | X | anonymous'],
  ['credentials gone from a linked identity', linked, nothing, 'begin | new1 | anonymous'],
  ['credentials gone before anybody knew whose they were', unresolved, nothing, 'begin | new1 | anonymous'],
  ['credentials gone from an imported link', theirs, nothing, 'begin | new1 | anonymous'],
  // The same credentials
  ['linked and verified, the same credentials', linked, known('F', 'P'), '- | X P F | principal'],
  ['credentials that nobody knows are noted', blank, unknown('F'), 'change | X F | unbound'],
  ['credentials that nobody knows, again', unresolved, unknown('F'), '- | X F | unbound'],
  ['an unverified link notes the credentials', theirs, unknown('F'), 'change | X P? F | unbound'],
  ['an unverified link waits', theirsUnresolved, unknown('F'), '- | X P? F | unbound'],
  // A principal becomes known
  ['a login links', blank, known('F', 'P'), 'change+alias | X P F | principal'],
  ['an answer links', unresolved, known('F', 'P'), 'change+alias | X P F | principal'],
  ['an answer verifies, without an alias', theirsUnresolved, known('F', 'P'), 'change | X P F | principal'],
  ['a login verifies, without an alias', theirs, known('F', 'P'), 'change | X P F | principal'],
  [
    "an answer shows that the link is not these credentials'",
    theirsUnresolved,
    known('F', 'Q'),
    'begin+alias | new1 Q F | principal',
  ],
  // Other credentials
  ["other credentials of the same principal's", linked, known('G', 'P'), 'change | X P G | principal'],
  ["other credentials of another principal's", linked, known('G', 'Q'), 'begin+alias | new1 Q G | principal'],
  [
    "other credentials of a principal's who was here before",
    linked,
    { ...known('G', 'Q'), earlierAnonId: 'E' },
    'resume | E Q G | principal',
  ],
  ['other credentials that nobody knows', linked, unknown('G'), 'begin | new1 G | unbound'],
  ['other credentials that nobody knows, twice', unresolved, unknown('G'), 'begin | new1 G | unbound'],
  ['known credentials after unknown ones', unresolved, known('G', 'P'), 'begin+alias | new1 P G | principal'],
  [
    'the same key, now known to be of another account',
    linked,
    known('F', 'Q'),
    'begin+alias | new1 Q F | principal',
  ],
  // Credentials that cannot be read
  ['unreadable credentials, nobody yet', blank, unreadable, '- | X | anonymous'],
  ['unreadable credentials, somebody linked', linked, unreadable, '- | X P F | unowned'],
  ['unreadable credentials, somebody unresolved', unresolved, unreadable, '- | X F | unowned'],
  // The other program
  [
    'the other program links, and nobody is signed in',
    blank,
    { ...nothing, ...file('X', 'P') },
    'change, begin | new1 | anonymous',
  ],
  [
    'the other program links',
    unresolved,
    { ...unknown('F'), ...file('X', 'P') },
    'change | X P? F | unbound',
  ],
  [
    'the other program links the account that logs in here: no second alias',
    blank,
    { ...known('F', 'P'), ...file('X', 'P') },
    'change, change | X P F | principal',
  ],
  [
    'the other program links another account than the one that logs in here',
    blank,
    { ...known('F', 'P'), ...file('X', 'Q') },
    'change, begin+alias | new1 P F | principal',
  ],
  [
    'the fingerprint comes first: a link belongs to the identity that is retired',
    unresolved,
    { ...unknown('G'), ...file('X', 'Q') },
    'change, begin | new1 G | unbound',
  ],
  [
    'the fingerprint comes first, also when the link is to the right account',
    unresolved,
    { ...known('G', 'Q'), ...file('X', 'Q') },
    'change, begin+alias | new1 Q G | principal',
  ],
  // Copies of a machine, and machines that live for one job
  [
    'a login in a copy of the machine links a new identity, and aliases nothing',
    blank,
    { ...known('F', 'P'), copied: true },
    'begin | new1 P F | principal',
  ],
  [
    'a link that the other program has made in a copy stays',
    blank,
    { ...known('F', 'P'), copied: true, ...file('X', 'P') },
    'change, change | X P F | principal',
  ],
  [
    'an anon_id that the other program begins in a copy is aliased',
    blank,
    { ...known('F', 'P'), copied: true, ...file('Z', null) },
    'adopt, change+alias | Z P F | principal',
  ],
  [
    'credentials of the environment link an anon_id without events without an alias',
    unresolved,
    { ...known('F', 'P'), fromEnvironment: true, unused: true },
    'change | X P F | principal',
  ],
  [
    'credentials of the environment alias an anon_id that has events',
    blank,
    { ...known('F', 'P'), fromEnvironment: true },
    'change+alias | X P F | principal',
  ],
  [
    'credentials of the file alias an anon_id without events',
    blank,
    { ...known('F', 'P'), unused: true },
    'change+alias | X P F | principal',
  ],
  [
    'credentials of the environment alias what the other program begins',
    blank,
    { ...known('F', 'P'), fromEnvironment: true, unused: true, ...file('Z', null) },
    'adopt, change+alias | Z P F | principal',
  ],
  [
    'a switch to other credentials of the environment has no history to alias',
    linked,
    { ...known('G', 'Q'), fromEnvironment: true },
    'begin | new1 Q G | principal',
  ],
  [
    'the other program contradicts us',
    linked,
    { ...known('F', 'P'), ...file('X', 'Q') },
    '- | X P F | principal',
  ],
  [
    'the other program forgets a link',
    linked,
    { ...known('F', 'P'), ...file('X', null) },
    '- | X P F | principal',
  ],
  [
    'the other program rotates',
    linked,
    { ...known('F', 'P'), ...file('Z', null) },
    'adopt, change+alias | Z P F | principal',
  ],
  [
    'the other program rotates and links the same account',
    linked,
    { ...known('F', 'P'), ...file('Z', 'P') },
    'adopt, change | Z P F | principal',
  ],
  ['the other program logs out', linked, { ...nothing, ...file('Z', null) }, 'adopt | Z | anonymous'],
  [
    'the other program switches to an account that nobody knows here',
    linked,
    { ...unknown('G'), ...file('Z', 'Q') },
    'adopt, change | Z Q? G | unbound',
  ],
  [
    'the other program rotates, seen without readable credentials',
    linked,
    { ...unreadable, ...file('Z', null) },
    'adopt | Z | anonymous',
  ],
  [
    'an anon_id that has had its time',
    linked,
    { ...known('F', 'P'), ...file('S', 'Q', true) },
    '- | X P F | principal',
  ],
  [
    'an old usage.json, nobody signed in',
    blank,
    { ...nothing, ...file('S', 'Q', true) },
    '- | X | anonymous',
  ],
];

for (const [what, current, seen, outcome] of rows) {
  test(`${what}: ${outcome}`, () => {
    let drawn = 0;
    const { steps, identity, binding } = reconcile(current, seen, () => {
      drawn += 1;
      return `new${drawn}`;
    });
    const kinds = steps.map(({ kind, alias }) => `${kind}${alias ? '+alias' : ''}`).join(', ') || '-';
    assert.equal(`${kinds} | ${describe(identity)} | ${binding}`, outcome);
    assert.deepEqual(steps.at(-1)?.identity ?? current, identity);
  });
}

test('nothing that is seen twice changes anything the second time', () => {
  for (const [what, current, seen] of rows) {
    const first = reconcile(current, seen, () => 'new');
    // The file is followed once: from then on it is ours.
    const second = reconcile(first.identity, { ...seen, shared: null }, () => 'never');
    assert.deepEqual(second.steps, [], what);
  }
});

test('no row aliases an anon_id that is linked, and none links what it retires', () => {
  for (const [what, current, seen] of rows) {
    let before = current;
    for (const { kind, alias, identity } of reconcile(current, seen, () => 'new').steps) {
      if (alias && kind === 'change') assert.equal(before?.principalId ?? null, null, what);
      if (kind !== 'change') assert.notEqual(identity.anonId, before?.anonId, what);
      before = identity;
    }
  }
});

function describe({ anonId, principalId, verified, fingerprint }: Identity): string {
  const principal = principalId === null ? '' : ` ${principalId}${verified ? '' : '?'}`;
  return `${anonId}${principal}${fingerprint === null ? '' : ` ${fingerprint}`}`;
}
