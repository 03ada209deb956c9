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

interface Machine {
  readonly spool: Spool;
  readonly path: string;
  now: number;
  asked: number;
  /** Records an event under these credentials. */
  record(account: string | null | undefined, resolvable?: boolean, fromEnvironment?: boolean): void;
  /** Lets a flusher bind, with these credentials in force and this answer. */
  bind(
    account: string | null | undefined,
    whose: Whose,
    more?: {
      meanwhile?: () => void;
      before?: () => void;
      patient?: boolean;
      environment?: string;
      leftMs?: number;
    },
  ): Promise<void>;
  ids(): (string | null)[];
  anonId(): string;
}

function machine(t: TestContext): Machine {
  const { directory } = sandbox(t);
  const spool = makeSpool(directory);
  t.after(() => spool.close());
  const made: Machine = {
    spool,
    path: join(directory, 'usage.json'),
    now: START,
    asked: 0,
    record(account, resolvable = true, fromEnvironment = false) {
      append(spool, sampleEntry(made.now, { credentials: { account, resolvable, fromEnvironment } }));
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
      const askAboutTheRest = await bindUnbound({
        spool,
        credentials: async () => {
          before?.();
          return { account, ask };
        },
        environment: environment ?? null,
        ignoreBackoff: !patient,
        leftMs: () => leftMs,
        now: () => made.now,
        random: () => 0.5,
      });
      await askAboutTheRest();
      exportIdentity(spool, made.now);
    },
    ids: () =>
      (
        spool.statement(`SELECT distinct_id FROM record WHERE kind = 'capture' ORDER BY id`).all() as {
          distinct_id: string | null;
        }[]
      ).map((row) => row.distinct_id),
    anonId: () => currentIdentity(spool)?.anonId ?? '',
  };
  return made;
}

const principal = (principalId: string): Whose => ({ kind: 'principal', principalId });
const backoffs = ({ spool }: Machine): number => spool.statement('SELECT * FROM backoff').all().length;
const aliases = ({ spool }: Machine): number =>
  spool.statement(`SELECT 1 FROM record WHERE kind = 'alias'`).all().length;

test('an answer binds the events, links the identity and aliases it once', async (t) => {
  const m = machine(t);
  m.record(null);
  m.record('a');
  m.record('a');
  const anonId = m.anonId();
  await m.bind('a', principal('account-a'));
  await m.bind('a', principal('account-a'));
  assert.deepEqual(m.ids(), [anonId, 'account-a', 'account-a']);
  assert.equal(aliases(m), 1);
  assert.equal(m.asked, 1);
});

/** What may be asked about each event of `a`, the credentials in force and what is said of them, and who each event is sent as. */
const ENDS: Readonly<
  Record<string, [boolean[], string | null | undefined, Whose, (string | null)[], number]>
> = {
  'credentials that are gone: with the anon_id, and nobody is asked': [
    [true],
    null,
    principal('account-b'),
    ['anon'],
    0,
  ],
  'credentials that are refused: with the anon_id': [[true], 'a', { kind: 'refused' }, ['anon'], 1],
  'credentials that cannot be read: nothing counts as gone': [
    [true],
    undefined,
    { kind: 'no answer' },
    [null],
    1,
  ],
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
    { kind: 'no answer' },
    [null, 'anon'],
    1,
  ],
};

for (const [what, [resolvable, inForce, whose, ids, asked]] of Object.entries(ENDS))
  test(`events of ${what}`, async (t) => {
    const m = machine(t);
    for (const each of resolvable) m.record('a', each);
    const anonId = m.anonId();
    await m.bind(inForce, whose);
    assert.deepEqual(
      m.ids().map((id) => (id === anonId ? 'anon' : id)),
      ids,
    );
    assert.deepEqual([m.asked, aliases(m)], [asked, ids.includes('account-a') ? 1 : 0]);
  });

test('an answer that is an e-mail address is recorded as a hash, in the event and in its alias', async (t) => {
  const m = machine(t);
  m.record('a');
  await m.bind('a', principal('alice@example.com'));
  assert.match(m.ids()[0] ?? '', /^[\w-]{43}$/);
  assert.equal(aliases(m), 1);
  assert.ok(!JSON.stringify(m.spool.statement('SELECT * FROM record').all()).includes('@'));
});

test('`usage disable` while the coordinator is asked: its answer leaves nothing behind', async (t) => {
  for (const whose of [principal('account-a'), { kind: 'refused' }, { kind: 'no answer' }] as const) {
    const m = machine(t);
    m.record('a');
    await m.bind('a', whose, { meanwhile: () => void disable(m.spool, m.now) });
    for (const table of ['account', 'record', 'backoff'])
      assert.equal(m.spool.statement(`SELECT * FROM ${table}`).all().length, 0, `${whose.kind}: ${table}`);
    assert.doesNotMatch(JSON.stringify(m.spool.statement('SELECT * FROM identity').all()), /account-a/);
  }
});

test('an answer that our own time limit cut short is no failure of the coordinator', async (t) => {
  const m = machine(t);
  m.record('a');
  await m.bind('a', { kind: 'no answer' }, { leftMs: 0.5 });
  assert.equal(backoffs(m), 0);
  await m.bind('a', { kind: 'no answer' });
  assert.equal(backoffs(m), 1);
});

test('events recorded under new credentials while the old ones are read are not gone', async (t) => {
  const m = machine(t);
  m.record('a');
  // Right after the flusher has read the file, a login writes another one, and records its event.
  await m.bind('a', principal('account-a'), { before: () => m.record('b') });
  assert.deepEqual(m.ids(), ['account-a', null]);
});

test("events that are given up are nobody's once the other program has linked their anon_id", async (t) => {
  const m = machine(t);
  m.record('a');
  const anonId = m.anonId();
  writeFileSync(m.path, JSON.stringify({ anon_id: anonId, linked_principal_id: 'account-q' }));
  await m.bind('a', { kind: 'refused' });
  const [id] = m.ids();
  assert.ok(id !== null && id !== anonId && id !== 'account-q');
});

test("events that are given up are nobody's once the other program has rotated, for it may have linked", async (t) => {
  const m = machine(t);
  m.record('a');
  const anonId = m.anonId();
  writeFileSync(m.path, JSON.stringify({ anon_id: 'z-another', linked_principal_id: null }));
  await m.bind(null, { kind: 'refused' });
  assert.notEqual(m.ids()[0], anonId);
  assert.equal(m.anonId(), 'z-another');
});

test('an identity that the other program has begun meanwhile is not linked by an answer', async (t) => {
  const m = machine(t);
  m.record('a');
  await m.bind('a', principal('account-a'), {
    meanwhile: () =>
      writeFileSync(m.path, JSON.stringify({ anon_id: 'z-another', linked_principal_id: null })),
  });
  assert.deepEqual(m.ids(), ['account-a']);
  assert.equal(currentIdentity(m.spool)?.principalId, null);
  assert.equal(aliases(m), 0);
});

test('without an answer events wait for a day, and not longer', async (t) => {
  const m = machine(t);
  m.record('a');
  await m.bind('a', { kind: 'no answer' });
  assert.deepEqual(m.ids(), [null]);
  m.now += DAY + 1;
  await m.bind('a', { kind: 'no answer' });
  assert.deepEqual(m.ids(), [m.anonId()]);
});

test('an identity that was retired while Arcade was asked is not linked, but its events are bound', async (t) => {
  const m = machine(t);
  m.record('a');
  await m.bind('a', principal('account-a'), { meanwhile: () => m.record('b') });
  assert.deepEqual(m.ids(), ['account-a', null]);
  assert.equal(aliases(m), 0);
});

test('events recorded while Arcade was asked are not given up with those before', async (t) => {
  const m = machine(t);
  m.record('a');
  await m.bind('a', { kind: 'refused' }, { meanwhile: () => m.record('a') });
  assert.equal(m.ids()[1], null);
});

test('while Arcade does not answer it is left alone for longer and longer, unless a person asks', async (t) => {
  const m = machine(t);
  m.record('a');
  await m.bind('a', { kind: 'no answer' }, { patient: true });
  await m.bind('a', { kind: 'no answer' }, { patient: true });
  assert.equal(m.asked, 1);
  m.now += 60_000;
  await m.bind('a', { kind: 'no answer' }, { patient: true });
  assert.equal(m.asked, 2);
  await m.bind('a', principal('account-a'));
  assert.deepEqual([m.asked, ...m.ids()], [3, 'account-a']);
});

test('an unverified link to another account is left, and one to the same is verified without an alias', async (t) => {
  for (const [answer, kept] of [
    ['account-q', true],
    ['account-p', false],
  ] as const) {
    const m = machine(t);
    writeFileSync(m.path, JSON.stringify({ anon_id: 'x-imported', linked_principal_id: 'account-q' }));
    m.record('a');
    await m.bind('a', principal(answer));
    assert.deepEqual(m.ids(), [answer]);
    assert.equal(m.anonId() === 'x-imported', kept);
    assert.equal(aliases(m), kept ? 0 : 1);
    const shared = JSON.parse(readFileSync(m.path, 'utf8')) as Record<string, unknown>;
    assert.deepEqual(shared, { anon_id: m.anonId(), linked_principal_id: answer });
  }
});

test("events that are given up are nobody's once the other program has linked their retired anon_id", async (t) => {
  const m = machine(t);
  m.record('a');
  const retired = m.anonId();
  m.record('b');
  writeFileSync(m.path, JSON.stringify({ anon_id: retired, linked_principal_id: 'account-q' }));
  m.record('b');
  await m.bind('b', { kind: 'no answer' });
  const [id] = m.ids();
  assert.ok(id !== null && id !== retired && id !== 'account-q');
});

test("an anon_id that is an account's is not taken up, also when that account was never in force again", async (t) => {
  const m = machine(t);
  m.record('a');
  await m.bind('a', principal('account-a'), { meanwhile: () => m.record('b') });
  writeFileSync(m.path, JSON.stringify({ anon_id: 'account-a', linked_principal_id: null }));
  m.record('b');
  assert.notEqual(m.anonId(), 'account-a');
});

test('what another shell has in its environment is waited for, and asked about where it stands', async (t) => {
  const m = machine(t);
  m.record('a', true, true);
  await m.bind(null, { kind: 'refused' });
  await m.bind('b', { kind: 'refused' }, { environment: 'b' });
  assert.deepEqual(m.ids(), [null]);
  assert.equal(m.asked, 0);
  assert.equal(backoffs(m), 0, 'and there is no back-off for it');
  await m.bind('a', principal('account-a'), { environment: 'a' });
  assert.deepEqual(m.ids(), ['account-a']);
});

test('behind a key of its own environment nobody says that the credentials of the file are gone', async (t) => {
  const m = machine(t);
  m.record('a');
  await m.bind('b', { kind: 'refused' }, { environment: 'b' });
  assert.deepEqual(m.ids(), [null]);
  await m.bind('a', principal('account-a'));
  assert.deepEqual(m.ids(), ['account-a']);
});

test("another shell's environment is waited for a day, then its events are anonymous", async (t) => {
  const m = machine(t);
  m.record('a', true, true);
  const anonId = m.anonId();
  m.now += DAY - 1;
  await m.bind(null, { kind: 'refused' });
  assert.deepEqual(m.ids(), [null]);
  m.now += 1;
  await m.bind(null, { kind: 'refused' });
  assert.deepEqual(m.ids(), [anonId]);
});

test('a flusher is at work for those events alone whose credentials it can see', (t) => {
  const m = machine(t);
  m.record('a', true, true);
  const destination = { host: 'http://127.0.0.1:9', apiKey: 'phc_test' };
  const isDue = (environment: string | null): boolean =>
    isAnythingDue(m.spool, { destination, environment, online: false, now: m.now });
  assert.deepEqual([isDue(null), isDue('b'), isDue('a')], [false, false, true]);
  m.now += DAY;
  assert.deepEqual([isDue(null), isDue('b'), isDue('a')], [true, true, true]);
});

test('an identity that was left before its account was known is shown with it once it is', async (t) => {
  const m = machine(t);
  m.record('a');
  m.record('b');
  const shown = (): unknown[] =>
    listIdentities(m.spool).map(({ principal_id, state, linked_at }) => [principal_id, state, linked_at]);
  assert.deepEqual(shown(), [
    [null, 'unresolved', null],
    [null, 'unresolved', null],
  ]);
  await m.bind('a', principal('account-a'));
  assert.deepEqual(shown(), [
    ['account-a', 'linked', null],
    [null, 'unresolved', null],
  ]);
});

test('an event of a clock that was not set has its day from the first look by one that is', async (t) => {
  const m = machine(t);
  m.now = Date.parse('1970-01-01T00:05:00Z');
  m.record('a');
  m.now = START;
  await m.bind('a', { kind: 'no answer' });
  assert.deepEqual(m.ids(), [null], 'it is not 56 years old');
  m.now += DAY - 1;
  await m.bind('a', { kind: 'no answer' });
  assert.deepEqual(m.ids(), [null]);
  m.now += 1;
  await m.bind('a', { kind: 'no answer' });
  assert.deepEqual(m.ids(), [m.anonId()]);
});
