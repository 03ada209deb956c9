/** One event into the spool: what is kept, what gives way, who it belongs to. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { append, type Entry } from '../../../src/usage/append/append.ts';
import { currentIdentity } from '../../../src/usage/identity/identities.ts';
import { resetIdentity } from '../../../src/usage/identity/reset.ts';
import { disable, enable } from '../../../src/usage/spool/consent.ts';
import { readLedger } from '../../../src/usage/spool/ledger.ts';
import type { Spool } from '../../../src/usage/spool/spool.ts';
import { credentialsOf, DESTINATION, makeSpool, sampleEntry } from '../../support/queue.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';

const ANON = '3f0f2f53-4c5e-4a4e-9d3a-0d5a5d0b7a11';

function opened(t: TestContext): { home: Sandbox; spool: Spool } {
  const home = sandbox(t);
  const spool = makeSpool(home.directory);
  t.after(() => spool.close());
  return { home, spool };
}

const entry = (more: Partial<Entry> = {}): Entry => sampleEntry(1_800_000_000_000, more);
const of = (account: string | undefined): Partial<Entry> => ({ credentials: credentialsOf(account) });
const login = (account: string, principalId: string): Partial<Entry> => ({
  ...of(account),
  change: { kind: 'login', principalId },
});

const ids = (spool: Spool): (string | null)[] =>
  (
    spool.statement('SELECT distinct_id FROM record ORDER BY id').all() as { distinct_id: string | null }[]
  ).map((row) => row.distinct_id);

test('a first event makes an identity, and usage.json says the same', (t) => {
  const { home, spool } = opened(t);
  append(spool, entry());
  const anonId = currentIdentity(spool)?.anonId;
  assert.deepEqual(home.shared(), { anon_id: anonId, linked_principal_id: null });
  assert.deepEqual(ids(spool), [anonId]);
  assert.equal(statSync(join(home.directory, 'usage.json')).mode & 0o777, 0o600);
});

test('a usage.json that another program writes before the export is followed, not written over', (t) => {
  const { home, spool } = opened(t);
  const sync = (): void => {
    spool.sync();
    home.write('usage.json', JSON.stringify({ anon_id: ANON, linked_principal_id: null }));
  };
  append({ ...spool, sync }, entry());
  assert.equal(currentIdentity(spool)?.anonId, ANON);
  assert.equal(home.shared().anon_id, ANON);
});

test('a valid usage.json is imported, and its fields that nobody knows are no obstacle', (t) => {
  const { home, spool } = opened(t);
  home.write('usage.json', JSON.stringify({ anon_id: ANON, linked_principal_id: null, more: [1] }));
  append(spool, entry());
  assert.deepEqual(ids(spool), [ANON]);
});

const broken: Readonly<Record<string, string | ((path: string) => void)>> = {
  'that is empty': '',
  'cut off in its middle': `{"anon_id": "${ANON}`,
  'that is a list': `["${ANON}"]`,
  'that is null': 'null',
  'with a number for an id': '{"anon_id": 7}',
  'with a blank id': '{"anon_id": " "}',
  'with an id that PostHog never merges': '{"anon_id": "anonymous"}',
  'with an e-mail address for an id': '{"anon_id": "alice@example.com"}',
  'with an id of too many characters': JSON.stringify({ anon_id: 'x'.repeat(201) }),
  'with half a surrogate pair': '{"anon_id": "\\ud800"}',
  'of a megabyte': JSON.stringify({ anon_id: ANON, more: 'x'.repeat(1_000_000) }),
  'of other bytes': '\u0000\u0001\u0002',
  'that may not be read': (path) => writeFileSync(path, JSON.stringify({ anon_id: ANON }), { mode: 0 }),
  'that is a pipe, at which nothing waits': (path) => execFileSync('mkfifo', [path]),
};

for (const [what, made] of Object.entries(broken)) {
  const isOpen = what.includes('may not be read') && process.geteuid?.() === 0;
  const isWindows = typeof made !== 'string' && process.platform === 'win32';
  const skip = isOpen ? 'root reads everything' : isWindows && 'Windows has neither modes nor FIFOs';
  test(`a usage.json ${what} is not taken up, and is written again`, { skip }, (t) => {
    const { home, spool } = opened(t);
    const path = join(home.directory, 'usage.json');
    if (typeof made === 'string') writeFileSync(path, made);
    else made(path);
    append(spool, entry());
    const anonId = currentIdentity(spool)?.anonId;
    assert.match(String(anonId), /^[0-9a-f-]{36}$/);
    assert.notEqual(anonId, ANON);
    assert.deepEqual([home.shared().anon_id, ids(spool)], [anonId, [anonId]]);
  });
}

test('an imported link with a principal that PostHog never merges is no link', (t) => {
  const { home, spool } = opened(t);
  home.write('usage.json', JSON.stringify({ anon_id: ANON, linked_principal_id: 'null' }));
  append(spool, entry());
  assert.deepEqual(ids(spool), [ANON]);
});

test('where usage.json is a directory the event is recorded all the same', (t) => {
  const { home, spool } = opened(t);
  mkdirSync(join(home.directory, 'usage.json'));
  append(spool, entry());
  append(spool, entry());
  assert.equal(ids(spool).length, 2);
  rmSync(join(home.directory, 'usage.json'), { recursive: true });
  append(spool, entry());
  assert.equal(home.shared().anon_id, ids(spool)[0]);
  assert.deepEqual(
    readdirSync(home.directory).filter((name) => name.endsWith('.tmp')),
    [],
  );
});

test('a usage.json that is deleted or spoilt comes back at the next event', (t) => {
  const { home, spool } = opened(t);
  append(spool, entry());
  const before = home.shared();
  rmSync(join(home.directory, 'usage.json'));
  append(spool, entry());
  assert.deepEqual(home.shared(), before);
  writeFileSync(join(home.directory, 'usage.json'), '{');
  append(spool, entry());
  assert.deepEqual(home.shared(), before);
});

test('a login links and aliases in the transaction of its event, and is then exported', (t) => {
  const { home, spool } = opened(t);
  append(spool, entry());
  append(spool, entry(login('a', 'account-a')));
  const anonId = ids(spool)[0];
  assert.deepEqual(ids(spool), [anonId, 'account-a', 'account-a']);
  assert.deepEqual(home.shared(), { anon_id: anonId, linked_principal_id: 'account-a' });
  assert.equal(readLedger(spool).recorded, 3);
});

test('a login whose principal PostHog would never merge is one that is not known yet', (t) => {
  for (const principal of ['', ' ', 'None', '0', 'x'.repeat(300), '"undefined"']) {
    const { home, spool } = opened(t);
    append(spool, entry(login('a', principal)));
    assert.deepEqual(ids(spool), [null], principal);
    assert.equal(home.shared().linked_principal_id, null);
  }
});

test('two shells with two accounts take turns without a new alias each time', (t) => {
  const { spool } = opened(t);
  append(spool, entry(login('a', 'account-a')));
  append(spool, entry(login('b', 'account-b')));
  for (let i = 0; i < 5; i += 1) {
    append(spool, entry(of('a')));
    append(spool, entry(of('b')));
  }
  const aliases = spool.statement(`SELECT distinct_id FROM record WHERE kind = 'alias' ORDER BY id`).all();
  assert.deepEqual(aliases, [{ distinct_id: 'account-a' }, { distinct_id: 'account-b' }]);
});

test('an identity that was logged out is not resumed', (t) => {
  const { spool } = opened(t);
  append(spool, entry(login('a', 'account-a')));
  const first = currentIdentity(spool)?.anonId;
  append(spool, entry({ ...of('a'), change: { kind: 'logout' } }));
  append(spool, entry(login('b', 'account-b')));
  append(spool, entry(of('a')));
  assert.notEqual(currentIdentity(spool)?.anonId, first);
  assert.equal(currentIdentity(spool)?.principalId, 'account-a');
});

test("PostHog is told to make no person of what is not an account's", (t) => {
  const { spool } = opened(t);
  append(spool, entry());
  append(spool, entry(login('a', 'account-a')));
  append(spool, entry(of(undefined)));
  const rows = spool.statement(`SELECT personless FROM record WHERE kind = 'capture' ORDER BY id`).all();
  assert.deepEqual(rows, [{ personless: 1 }, { personless: 0 }, { personless: 1 }]);
});

test("the event of a logout is the account's, and the next one is nobody's", (t) => {
  const { home, spool } = opened(t);
  append(spool, entry(login('a', 'account-a')));
  append(spool, entry({ ...of('a'), change: { kind: 'logout' } }));
  append(spool, entry());
  const [, , logout, after] = ids(spool);
  assert.equal(logout, 'account-a');
  assert.equal(after, home.shared().anon_id);
});

test('a logout names no account in usage.json any more when it commits, and keeps an anonymous id', (t) => {
  const { home, spool } = opened(t);
  append(spool, entry());
  const { anon_id } = home.shared();
  append(spool, entry({ change: { kind: 'logout' } }));
  assert.equal(home.shared().anon_id, anon_id);
  append(spool, entry(login('a', 'account-a')));
  const killed: Spool = {
    ...spool,
    transaction: (work) =>
      spool.transaction(() => {
        work();
        throw new Error('killed');
      }),
  };
  assert.throws(() => append(killed, entry({ ...of('a'), change: { kind: 'logout' } })), /killed/);
  assert.equal(home.shared().linked_principal_id, null);
  assert.notEqual(home.shared().anon_id, anon_id);
  assert.equal(currentIdentity(spool)?.principalId, 'account-a');
  append(spool, entry());
  assert.equal(currentIdentity(spool)?.anonId, home.shared().anon_id, 'as after a logout of the Python CLI');
});

test('usage reset begins another identity, and usage.json says the same', (t) => {
  const { home, spool } = opened(t);
  append(spool, entry(login('a', 'account-a')));
  const { anon_id } = home.shared();
  const next = resetIdentity(spool, 1_800_000_000_000);
  assert.notEqual(next, anon_id);
  assert.deepEqual(home.shared(), { anon_id: next, linked_principal_id: null });
});

test('neither e-mail nor key nor address is in the database that tells credentials apart', (t) => {
  const { home, spool } = opened(t);
  const account = 'oauth ["https://coordinator.example","ana@example.test"]';
  append(spool, entry(of(account)));
  spool.pragma('wal_checkpoint(TRUNCATE)');
  const bytes = readFileSync(join(home.directory, 'usage.db'), 'latin1');
  assert.ok(!bytes.includes('ana@example') && !bytes.includes('coordinator.example'));
});

test('an event that cannot be recorded shows no notice', (t) => {
  const { spool } = opened(t);
  spool.statement('ALTER TABLE record RENAME COLUMN properties TO moved').run();
  let shown = 0;
  const showNotice = (): void => {
    shown += 1;
  };
  assert.throws(() => append(spool, entry({ showNotice })), /properties/);
  assert.equal(shown, 0);
});

test('an event is recorded, exported and sent also where the notice cannot be shown', (t) => {
  const { home, spool } = opened(t);
  const showNotice = (): never => {
    throw new Error('EPIPE');
  };
  assert.equal(append(spool, entry({ showNotice, destination: DESTINATION })), true);
  assert.deepEqual(home.shared(), { anon_id: currentIdentity(spool)?.anonId, linked_principal_id: null });
});

test('once it was refused nothing is recorded, and usage.json is left alone', (t) => {
  const { home, spool } = opened(t);
  append(spool, entry());
  spool.statement('UPDATE installation SET consent = 0').run();
  const path = home.write('usage.json', '{');
  assert.equal(append(spool, entry(login('a', 'account-a'))), false);
  assert.equal(readFileSync(path, 'utf8'), '{');
  assert.equal(readLedger(spool).recorded, 1);
});

test('a link that nobody has checked is not resumed', (t) => {
  const { home, spool } = opened(t);
  home.write('usage.json', JSON.stringify({ anon_id: ANON, linked_principal_id: 'account-p' }));
  append(spool, entry(of('a')));
  append(spool, entry(of('b')));
  append(spool, entry(login('c', 'account-p')));
  assert.equal(currentIdentity(spool)?.principalId, 'account-p');
  assert.notEqual(currentIdentity(spool)?.anonId, ANON);
});

test('an account whose id is an e-mail address is recorded under a hash, and so is one in usage.json', (t) => {
  const { home, spool } = opened(t);
  home.write('usage.json', JSON.stringify({ anon_id: ANON, linked_principal_id: 'old@example.com' }));
  append(spool, entry());
  append(spool, entry(login('a', 'alice@example.com')));
  append(spool, entry(of('a')));
  const sent = ids(spool).slice(-2);
  assert.equal(sent[0], sent[1], 'its events belong together');
  assert.match(sent[0] ?? '', /^[\w-]{43}$/);
  const database = readdirSync(home.directory).map((name) =>
    readFileSync(join(home.directory, name), 'latin1'),
  );
  assert.ok(!database.some((text) => text.includes('@example.com')));
});

test('a login in a copy of a spool that was emptied by `usage disable` before aliases nothing', (t) => {
  const { spool } = opened(t);
  append(spool, entry());
  disable(spool, 1);
  enable(spool, 1);
  const before = currentIdentity(spool);
  append({ ...spool, birth: '5' }, entry(login('a', 'account-a')));
  assert.notEqual(currentIdentity(spool)?.anonId, before?.anonId);
  assert.deepEqual(ids(spool), ['account-a']);
});

test('a log that has grown is cut when it starts over', (t) => {
  const { spool } = opened(t);
  assert.deepEqual(spool.pragma('journal_size_limit'), [{ journal_size_limit: 8 * 1024 * 1024 }]);
});
