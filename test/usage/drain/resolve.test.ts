/** Events whose account is not known yet: who is asked, and what becomes of the answers. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { append } from '../../../src/usage/append/append.ts';
import { bindUnbound, type Whose } from '../../../src/usage/drain/resolve.ts';
import { exportIdentity } from '../../../src/usage/identity/export.ts';
import { currentIdentity } from '../../../src/usage/identity/identities.ts';
import { listIdentities } from '../../../src/usage/inspect/identities.ts';
import { disable } from '../../../src/usage/spool/consent.ts';
import { isAnythingDue } from '../../../src/usage/spool/due.ts';
import type { Spool } from '../../../src/usage/spool/spool.ts';
import { makeSpool, sampleEntry } from '../../support/queue.ts';
import { sandbox } from '../../support/sandbox.ts';

const START = 1_800_000_000_000;
const DAY = 24 * 3600_000;

interface More {
  /** While the coordinator is asked, and right after the credentials have been read. */
  readonly meanwhile?: () => void;
  readonly before?: () => void;
  readonly patient?: boolean;
  readonly environment?: string;
  readonly leftMs?: number;
}

interface Machine {
  readonly spool: Spool;
  readonly path: string;
  now: number;
  asked: number;
  /** Records an event under these credentials. */
  record(account: string | null | undefined, resolvable?: boolean, fromEnvironment?: boolean): void;
  /** Lets a flusher bind, with these credentials in force and this answer. */
  bind(account: string | null | undefined, whose: Whose, more?: More): Promise<void>;
  /** Who each event is sent as: an account, 'anon' under the first identity's anon_id, or 'nobody'; null while unbound. */
  ids(): (string | null)[];
  /** What another program writes into usage.json. */
  write(anonId: string, principalId: string | null): void;
  anonId(): string;
}

function machine(t: TestContext): Machine {
  const { directory } = sandbox(t);
  const spool = makeSpool(directory);
  t.after(() => spool.close());
  let first: string | undefined;
  const made: Machine = {
    spool,
    path: join(directory, 'usage.json'),
    now: START,
    asked: 0,
    record(account, resolvable = true, fromEnvironment = false) {
      append(spool, sampleEntry(made.now, { credentials: { account, resolvable, fromEnvironment } }));
      first ??= made.anonId();
    },
    async bind(
      account,
      whose,
      { meanwhile = () => undefined, before, patient = false, environment, leftMs = 5_000 } = {},
    ) {
      const ask = async (): Promise<Whose> => {
        made.asked += 1;
        meanwhile();
        return whose;
      };
      if (!patient) spool.statement('UPDATE backoff SET until = 0').run();
      const askAboutTheRest = await bindUnbound({
        spool,
        credentials: async () => {
          before?.();
          return { account, ask };
        },
        environment: environment ?? null,
        leftMs: () => leftMs,
        now: () => made.now,
        random: () => 0.5,
      });
      await askAboutTheRest?.();
      exportIdentity(spool, made.now);
    },
    ids() {
      const sql = `SELECT distinct_id FROM record WHERE kind = 'capture' ORDER BY id`;
      const ids = spool.statement(sql).pluck().all() as (string | null)[];
      return ids.map((id) =>
        id === null || id.startsWith('account-') ? id : id === first ? 'anon' : 'nobody',
      );
    },
    write(anon_id, linked_principal_id) {
      writeFileSync(made.path, JSON.stringify({ anon_id, linked_principal_id }));
    },
    anonId: () => currentIdentity(spool)?.anonId ?? '',
  };
  return made;
}

const principal = (principalId: string): Whose => ({ kind: 'principal', principalId });
const REFUSED: Whose = { kind: 'refused' };
const NO_ANSWER: Whose = { kind: 'no answer' };
const backoffs = ({ spool }: Machine): number => spool.statement('SELECT * FROM backoff').all().length;
const aliases = ({ spool }: Machine): number =>
  spool.statement(`SELECT 1 FROM record WHERE kind = 'alias'`).all().length;

test('an answer binds the events, links the identity and aliases it once', async (t) => {
  const m = machine(t);
  m.record(null);
  m.record('a');
  m.record('a');
  await m.bind('a', principal('account-a'));
  await m.bind('a', principal('account-a'));
  assert.deepEqual([m.ids(), aliases(m), m.asked], [['anon', 'account-a', 'account-a'], 1, 1]);
});

type Ids = (string | null)[];

/** What may be asked about each event of `a`, the credentials in force and what is said of them; who each is sent as. */
const ENDS: Readonly<Record<string, [boolean[], string | null | undefined, Whose, Ids, asked: number]>> = {
  'credentials that are gone: with the anon_id, and nobody is asked': [
    [true],
    null,
    principal('account-b'),
    ['anon'],
    0,
  ],
  'credentials that are refused: with the anon_id': [[true], 'a', REFUSED, ['anon'], 1],
  'credentials that cannot be read: nothing counts as gone': [[true], undefined, NO_ANSWER, [null], 1],
  'a principal that PostHog would never merge: no answer': [[true], 'a', principal('undefined'), [null], 1],
  'events that may not be asked about: nobody is': [[false], 'a', principal('account-a'), ['anon'], 0],
  'such events beside others: bound by the answer to these': [
    [false, true],
    'a',
    principal('account-a'),
    ['account-a', 'account-a'],
    1,
  ],
  'such events beside others, without an answer: given up alone': [
    [true, false],
    'a',
    NO_ANSWER,
    [null, 'anon'],
    1,
  ],
};

for (const [what, [resolvable, inForce, whose, ids, asked]] of Object.entries(ENDS))
  test(`events of ${what}`, async (t) => {
    const m = machine(t);
    for (const each of resolvable) m.record('a', each);
    await m.bind(inForce, whose);
    assert.deepEqual([m.ids(), m.asked, aliases(m)], [ids, asked, ids.includes('account-a') ? 1 : 0]);
  });

test('an answer that is an e-mail address is recorded as a hash, in the event and in its alias', async (t) => {
  const m = machine(t);
  m.record('a');
  await m.bind('a', principal('alice@example.com'));
  const records = m.spool.statement('SELECT * FROM record').all() as { distinct_id: string }[];
  for (const { distinct_id } of records) assert.match(distinct_id, /^[\w-]{43}$/);
  assert.equal(records.length, 2);
  assert.ok(!JSON.stringify(records).includes('@'));
});

test('`usage disable` while the coordinator is asked: its answer leaves nothing behind', async (t) => {
  for (const whose of [principal('account-a'), REFUSED, NO_ANSWER]) {
    const m = machine(t);
    m.record('a');
    await m.bind('a', whose, { meanwhile: () => void disable(m.spool, m.now) });
    for (const table of ['account', 'record', 'backoff'])
      assert.equal(m.spool.statement(`SELECT * FROM ${table}`).all().length, 0, `${whose.kind}: ${table}`);
    assert.doesNotMatch(JSON.stringify(m.spool.statement('SELECT * FROM identity').all()), /account-a/);
  }
});

/** What is said of `a`, of which there is an event, what happens at that moment, and who the events are sent as. */
const MEANWHILE: Readonly<Record<string, [Whose, (m: Machine) => More, Ids, aliases?: number]>> = {
  'our own time is up: that is no failure of the coordinator': [NO_ANSWER, () => ({ leftMs: 0.5 }), [null]],
  'a login replaces the credentials that have just been read: its events are not gone': [
    principal('account-a'),
    (m) => ({ before: () => m.record('b') }),
    ['account-a', null],
  ],
  'the identity is retired: it is not linked, but its events are bound': [
    principal('account-a'),
    (m) => ({ meanwhile: () => m.record('b') }),
    ['account-a', null],
  ],
  'the other program begins an identity: that one is not linked': [
    principal('account-a'),
    (m) => ({ meanwhile: () => m.write('z-another', null) }),
    ['account-a'],
  ],
  'an event is recorded: it is not given up with those before': [
    REFUSED,
    (m) => ({ meanwhile: () => m.record('a') }),
    ['anon', null],
  ],
};

for (const [what, [whose, more, ids]] of Object.entries(MEANWHILE))
  test(`while Arcade is asked ${what}`, async (t) => {
    const m = machine(t);
    m.record('a');
    await m.bind('a', whose, more(m));
    assert.deepEqual([m.ids(), aliases(m), backoffs(m)], [ids, 0, 0]);
    assert.equal(currentIdentity(m.spool)?.principalId, null);
  });

/** What the other program writes while events of `a` wait, by the first anon_id; whether that has been retired. */
const FOREIGN: Readonly<Record<string, [isRetired: boolean, (m: Machine, anonId: string) => void]>> = {
  'linked their anon_id': [false, (m, anonId) => m.write(anonId, 'account-q')],
  'linked their retired anon_id': [true, (m, anonId) => m.write(anonId, 'account-q')],
  'rotated, for it may have linked': [false, (m) => m.write('z-another', null)],
};

for (const [what, [isRetired, write]] of Object.entries(FOREIGN))
  test(`events that are given up are nobody's once the other program has ${what}`, async (t) => {
    const m = machine(t);
    m.record('a');
    const anonId = m.anonId();
    if (isRetired) m.record('b');
    write(m, anonId);
    await m.bind(isRetired ? 'b' : 'a', REFUSED);
    assert.equal(m.ids()[0], 'nobody');
  });

test('while Arcade does not answer it is left alone for longer and longer, unless a person asks', async (t) => {
  const m = machine(t);
  m.record('a');
  await m.bind('a', NO_ANSWER, { patient: true });
  await m.bind('a', NO_ANSWER, { patient: true });
  assert.deepEqual([m.asked, backoffs(m)], [1, 1]);
  m.now += 60_000;
  await m.bind('a', NO_ANSWER, { patient: true });
  assert.equal(m.asked, 2);
  await m.bind('a', principal('account-a'));
  assert.deepEqual([m.asked, ...m.ids(), backoffs(m)], [3, 'account-a', 0]);
});

test('an unverified link to another account is left, and one to the same is verified without an alias', async (t) => {
  for (const [answer, kept] of [
    ['account-q', true],
    ['account-p', false],
  ] as const) {
    const m = machine(t);
    m.write('x-imported', 'account-q');
    m.record('a');
    await m.bind('a', principal(answer));
    assert.deepEqual([m.ids(), aliases(m)], [[answer], kept ? 0 : 1]);
    assert.equal(m.anonId() === 'x-imported', kept);
    const shared = JSON.parse(readFileSync(m.path, 'utf8')) as Record<string, unknown>;
    assert.deepEqual(shared, { anon_id: m.anonId(), linked_principal_id: answer });
  }
});

test("an anon_id that is an account's is not taken up, also when that account was never in force again", async (t) => {
  const m = machine(t);
  m.record('a');
  await m.bind('a', principal('account-a'), { meanwhile: () => m.record('b') });
  m.write('account-a', null);
  m.record('b');
  assert.notEqual(m.anonId(), 'account-a');
});

/** Of which credentials an event is, whether those are the environment's, and what a flusher sees that must wait for them. */
const ELSEWHERE: Readonly<Record<string, [isTheirs: boolean, inForce: string | null, environment?: string]>> =
  {
    'what another shell has in its environment': [true, null],
    'what another shell has, behind a key of its own': [true, 'b', 'b'],
    'the credentials of the file, behind a key of its own': [false, 'b', 'b'],
  };

/** How much time goes by, and the distinct_id of the event then. */
const GIVEN_UP_AFTER_A_DAY = [
  [0, null],
  [DAY - 1, null],
  [1, 'anon'],
] as const;

for (const [what, [isTheirs, inForce, environment]] of Object.entries(ELSEWHERE))
  test(`a flusher waits a day for ${what}, and asks no one`, async (t) => {
    const m = machine(t);
    m.record('a', true, isTheirs);
    const more = environment === undefined ? {} : { environment };
    for (const [later, id] of GIVEN_UP_AFTER_A_DAY) {
      m.now += later;
      await m.bind(inForce, REFUSED, more);
      assert.deepEqual([m.ids(), m.asked, backoffs(m)], [[id], 0, 0]);
    }
    m.record('a', true, isTheirs);
    await m.bind('a', principal('account-a'), isTheirs ? { environment: 'a' } : {});
    assert.deepEqual(m.ids(), ['anon', 'account-a']);
  });

for (const [what, recordedAt] of [
  ['its time', START],
  ['the first look, where its clock was not set', Date.parse('1970-01-01T00:05:00Z')],
] as const)
  test(`without an answer an event waits a day from ${what}, and not longer`, async (t) => {
    const m = machine(t);
    m.now = recordedAt;
    m.record('a');
    m.now = START;
    for (const [later, id] of GIVEN_UP_AFTER_A_DAY) {
      m.now += later;
      await m.bind('a', NO_ANSWER);
      assert.deepEqual(m.ids(), [id]);
    }
  });

test('a flusher is at work for those events alone whose credentials it can see', (t) => {
  const m = machine(t);
  m.record('a', true, true);
  const destination = { host: 'http://127.0.0.1:9', apiKey: 'phc_test' };
  const isDue = (environment: string | null): boolean =>
    isAnythingDue(m.spool, { destination, environment, online: false, now: m.now });
  assert.deepEqual([null, 'b', 'a'].map(isDue), [false, false, true]);
  m.now += DAY;
  assert.deepEqual([null, 'b', 'a'].map(isDue), [true, true, true]);
});

test('an identity that was left before its account was known is shown with it once it is', async (t) => {
  const m = machine(t);
  m.record('a');
  m.record('b');
  const shown = (): unknown[] =>
    listIdentities(m.spool).map(({ principal_id, state, linked_at }) => [principal_id, state, linked_at]);
  const unresolved = [null, 'unresolved', null];
  assert.deepEqual(shown(), [unresolved, unresolved]);
  await m.bind('a', principal('account-a'));
  assert.deepEqual(shown(), [['account-a', 'linked', null], unresolved]);
});
