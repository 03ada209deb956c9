/** `arcade usage requeue`, `discard`, `reset`, `enable` and `disable`. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { notRoot, arcade as run, TRACKED } from '../../support/cli.ts';
import { change } from '../../support/damage.ts';
import { inside, type Status, statusOf, usage, usageJson } from '../../support/inside.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';
import { ANON_ID, PRINCIPAL, seeded } from '../../support/seed.ts';

/** A command that is recorded. */
const list = (home: Sandbox) => inside(home, ['secret', 'list'], { env: TRACKED });

function conserved({ ledger }: Status): void {
  const dropped = Object.values(ledger.dropped).reduce((sum, number) => sum + number, 0);
  const { recorded, delivered, pending, quarantined, purged } = ledger;
  assert.equal(recorded, delivered + pending + quarantined + dropped + purged);
}

const PAST = { records: 12, delivered: 4, quarantined: 3 };

test('`usage requeue` lets one, then all of the quarantined records go on', async (t) => {
  const home = seeded(t, PAST);
  const one = await usage(home, ['requeue', '5']);
  assert.deepEqual(one, { exitCode: 0, stdout: 'Requeued 1 record.\n', stderr: '' });
  assert.deepEqual(await usageJson(home, 'requeue', '--all'), { requeued: 2 });
  const after = await statusOf(home);
  assert.deepEqual([after.ledger.pending, after.ledger.quarantined], [8, 0]);
  conserved(after);
  assert.equal((await usage(home, ['requeue', '--all'])).stdout, 'No quarantined records.\n');
});

test('`usage discard` drops one, then all that was not delivered, and counts them', async (t) => {
  const home = seeded(t, PAST);
  assert.equal((await usage(home, ['discard', '12'])).stdout, 'Discarded 1 record.\n');
  assert.equal((await usage(home, ['discard', '6'])).exitCode, 0);
  const unasked = await usage(home, ['discard', '--all']);
  assert.equal(unasked.exitCode, 2);
  assert.match(unasked.stderr, /no terminal to ask on/);
  assert.deepEqual(await usageJson(home, 'discard', '--all', '--yes'), { discarded: 6 });
  const after = await statusOf(home);
  assert.deepEqual(after.ledger.dropped, { discarded: 8 });
  assert.deepEqual([after.ledger.pending, after.ledger.quarantined, after.ledger.delivered], [0, 0, 4]);
  conserved(after);
  assert.equal((await usage(home, ['discard', '--all'])).stdout, 'Nothing to discard.\n');
});

const REFUSED: readonly [string, readonly string[], number, RegExp][] = [
  ['a record that is not there', ['requeue', '99'], 1, /There is no record 99\.\n.*usage list/],
  ['a pending one', ['requeue', '12'], 1, /Record 12 is pending: only quarantined records/],
  ['a delivered one', ['requeue', '1'], 1, /Record 1 is delivered/],
  [
    'one that is out',
    ['discard', '1'],
    1,
    /Record 1 is delivered: only pending and quarantined records can be discarded/,
  ],
  ['none that is there', ['discard', 'ffffffff-ffff-7fff-bfff-ffffffffffff'], 1, /There is no record f/],
  ['words', ['discard', `5' OR 1=1`], 2, /ID must be the number or uuid of a record/],
];

test('`usage requeue` and `discard` refuse in words what cannot be done, and change nothing', async (t) => {
  const home = seeded(t, PAST);
  const before = await statusOf(home);
  for (const [name, args, code, words] of REFUSED) {
    const { exitCode, stdout, stderr } = await usage(home, args);
    assert.deepEqual([exitCode, stdout], [code, ''], name);
    assert.match(stderr, words, name);
  }
  assert.deepEqual(await statusOf(home), before);
});

test('`usage requeue`, `discard` and the like create nothing in an empty home', async (t) => {
  const home = sandbox(t);
  for (const word of ['requeue', 'discard']) assert.equal((await usage(home, [word, '--all'])).exitCode, 0);
  assert.equal((await usage(home, ['requeue', '1'])).exitCode, 1);
  assert.equal(existsSync(home.directory), false);
});

test('`usage reset` begins a new anonymous identity, and usage.json follows', async (t) => {
  const home = seeded(t, PAST);
  const { anon_id: anonId } = await usageJson<{ anon_id: string }>(home, 'reset', '--yes');
  assert.notEqual(anonId, ANON_ID);
  const { anon_id, linked_principal_id } = (await statusOf(home)).identity;
  assert.deepEqual({ anon_id, linked_principal_id }, { anon_id: anonId, linked_principal_id: null });
  assert.deepEqual(home.shared(), { anon_id, linked_principal_id });
});

test('`usage disable` leaves no event value in any file; enable brings nothing back', async (t) => {
  const home = seeded(t, PAST);
  home.write('usage.json', JSON.stringify({ anon_id: ANON_ID, linked_principal_id: PRINCIPAL }));
  home.write('usage.db.damaged-1700000000000', `left by a crash: ${ANON_ID}`);
  const draft = home.write(`.usage-${process.pid}-0123456789abcdef.tmp`, `left by a kill: ${ANON_ID}`);
  const exported = (await usage(home, ['export'])).stdout.trim().split('\n');
  const values = valuesOf(exported);
  assert.ok(values.length > 15 && bytesOf(home).includes(values[0] ?? ''));
  const { exitCode, stdout, stderr } = await usage(home, ['disable']);
  assert.equal(exitCode, 0, stderr);
  assert.match(
    stdout,
    /^Events were sent under these ids.*\n {2}5d0c8a52[-0-9a-f]+\n {2}acct_7fK2\n\nRecording is off.*\n8 events will never be sent\.\n/,
  );
  for (const value of values) assert.equal(bytesOf(home).includes(value), false, value);
  assert.equal(existsSync(draft), false);
  const off = await statusOf(home);
  assert.deepEqual(off.consent, { enabled: false, decided_by: 'usage disable' });
  assert.deepEqual([off.ledger.recorded, off.ledger.purged, off.ledger.delivered], [12, 8, 4]);
  conserved(off);
  assert.equal((await list(home)).exitCode, 1);
  assert.equal((await statusOf(home)).ledger.recorded, 12);
  assert.equal((await usage(home, ['enable'])).stdout, 'Recording is on.\n');
  const on = await statusOf(home);
  assert.deepEqual([on.consent.enabled, on.ledger.pending], [true, 0]);
  await list(home);
  const again = await statusOf(home);
  assert.deepEqual([again.ledger.recorded, again.ledger.pending], [13, 1]);
  conserved(again);
});

test('`usage disable` works on an empty home, and again, and enable says what else is off', async (t) => {
  const home = sandbox(t);
  for (let i = 0; i < 2; i += 1) assert.equal((await usage(home, ['disable'])).exitCode, 0);
  assert.equal((await statusOf(home)).consent.enabled, false);
  const { exitCode, stdout, stderr } = await usage(home, ['enable'], { env: { DO_NOT_TRACK: '1' } });
  assert.deepEqual([exitCode, stdout], [0, 'Recording is on.\n']);
  assert.match(stderr, /DO_NOT_TRACK is still set/);
});

test('`usage disable` leaves an id alone that another program has put into usage.json since', async (t) => {
  const home = seeded(t, PAST);
  const anon_id = '11111111-2222-4333-8444-555555555555';
  const theirs = JSON.stringify({ anon_id, linked_principal_id: null });
  home.write('usage.json', theirs);
  const { sent_as } = await usageJson<{ sent_as: string[] }>(home, 'disable');
  assert.deepEqual(sent_as, [ANON_ID, PRINCIPAL]);
  assert.equal(readFileSync(join(home.directory, 'usage.json'), 'utf8'), theirs);
});

test('`usage disable` says what is left where another program has a file open, as on Windows', async (t) => {
  const home = seeded(t, PAST);
  const aside = home.write('usage.db.damaged-1700000000000', 'x');
  const env = { ARCADE_TEST_HELD_OPEN: 'damaged' };
  const held = await run(home, ['usage', 'disable'], { env, hook: 'held-open.mjs' });
  assert.equal(held.exitCode, 1);
  assert.match(held.stderr, /^Another process .* run this again once it exits/);
  assert.equal((await statusOf(home)).ledger.purged, 8);
  assert.equal((await usage(home, ['disable'])).exitCode, 0);
  assert.equal(existsSync(aside), false);
});

test('`usage disable` beside a damaged database that another program has open is told in words', async (t) => {
  const home = sandbox(t);
  home.write('usage.db', 'damaged');
  const env = { ARCADE_TEST_HELD_OPEN: 'usage.db$' };
  const { exitCode, stderr } = await run(home, ['usage', 'disable'], { env, hook: 'held-open.mjs' });
  assert.equal(exitCode, 1);
  assert.match(stderr, /^Error: Recording is off, but stored events could not be erased\. Another process/);
});

const why = async (home: Sandbox): Promise<string> => (await usage(home, ['status'])).stdout;

/** What keeps the spool from being opened; `make` returns what makes it go away. */
const OBSTACLES: Readonly<
  Record<string, { make: (path: string) => () => void; words: RegExp; rootOnly?: true }>
> = {
  'of a newer version': {
    make: (path) => {
      const version = exchangeVersion(path, 9999);
      return () => exchangeVersion(path, version);
    },
    words: /created by a newer version/,
  },
  'a symbolic link': {
    make: (path) => {
      renameSync(path, `${path}.elsewhere`);
      symlinkSync(`${path}.elsewhere`, path);
      return () => renameSync(`${path}.elsewhere`, path);
    },
    words: /usage\.db is a symbolic link/,
  },
  "somebody else's": {
    make: (path) => {
      chownSync(path, 12345, 12345);
      return () => chownSync(path, 0, 0);
    },
    words: /usage\.db belongs to another user \(12345\)/,
    rootOnly: true,
  },
};

/** Returns the version that it was. */
function exchangeVersion(path: string, version: number): number {
  const db = new Database(path);
  const before = db.pragma('user_version', { simple: true }) as number;
  db.pragma(`user_version = ${version}`);
  db.close();
  return before;
}

for (const [name, { make, words, rootOnly }] of Object.entries(OBSTACLES)) {
  const skip = rootOnly === true && notRoot;
  test(`\`usage disable\` of a store that is ${name} is remembered, and erases what is there once it can`, {
    skip,
  }, async (t) => {
    const home = seeded(t, PAST);
    const path = join(home.directory, 'usage.db');
    const mend = make(path);
    for (const json of [[], ['--json']]) {
      const { exitCode, stdout, stderr } = await usage(home, ['disable', ...json]);
      assert.equal(exitCode, 1);
      assert.match(stderr, /^Error: Recording is off, but stored events could not be erased\. /);
      assert.match(stderr, words);
      assert.equal(stdout === '', json.length === 0);
    }
    assert.equal(lstatSync(join(home.directory, 'usage.off')).mode & 0o777, 0o600);
    const closed = await usage(home, ['doctor']);
    assert.match(
      closed.stdout,
      /What was recorded before may still be here\..*\n.*usage disable` again to erase it, once/,
    );
    assert.match(
      await why(home),
      /What was recorded before may still be here\. .*`arcade usage disable` again to erase it, once/,
    );
    mend();
    const before = await statusOf(home);
    assert.deepEqual(before.consent, { enabled: false, decided_by: 'usage disable' });
    await list(home);
    assert.deepEqual((await statusOf(home)).ledger, before.ledger);
    assert.equal(before.ledger.pending, 5);
    const { exitCode, stdout } = await usage(home, ['disable']);
    assert.equal(exitCode, 0);
    assert.match(stdout, /8 events will never be sent/);
  });

  test(`\`usage enable\` of a store that is ${name} is refused, and brings nothing back once it can be opened`, {
    skip,
  }, async (t) => {
    const home = seeded(t, PAST);
    const path = join(home.directory, 'usage.db');
    const mend = make(path);
    await usage(home, ['disable']);
    const { exitCode, stdout, stderr } = await usage(home, ['enable']);
    assert.deepEqual([exitCode, stdout], [1, '']);
    assert.match(stderr, words);
    assert.ok(existsSync(join(home.directory, 'usage.off')));
    mend();
    assert.equal((await usage(home, ['enable'])).stdout, 'Recording is on.\n');
    await list(home);
    const { ledger } = await statusOf(home);
    assert.deepEqual([ledger.pending, ledger.purged, ledger.recorded], [1, 8, 13]);
  });
}

test('`usage disable` in a folder that is not ours is not written there', { skip: notRoot }, async (t) => {
  for (const owned of ['the folder', 'the home', 'the home, without a folder']) {
    const home = sandbox(t);
    if (owned !== 'the home, without a folder') {
      mkdirSync(home.directory);
      chmodSync(home.directory, 0o700);
      chownSync(home.directory, 12345, 12345);
    }
    if (owned !== 'the folder') chownSync(home.home, 12345, 12345);
    const { exitCode, stderr } = await usage(home, ['disable']);
    assert.equal(exitCode, 1);
    assert.doesNotMatch(stderr, /Recording is off/);
    if (existsSync(home.directory)) assert.deepEqual(readdirSync(home.directory), [], owned);
    else assert.deepEqual(readdirSync(home.home), [], owned);
  }
});

test('`usage disable` killed halfway: what is still there is told, and the next one erases it', async (t) => {
  const home = seeded(t, PAST);
  const env = { ARCADE_TEST_KILL_AT: 'DELETE FROM record' };
  const killed = await run(home, ['usage', 'disable'], { env, hook: 'kill-at.mjs' });
  assert.equal(killed.signal, 'SIGKILL');
  assert.match(
    await why(home),
    /\nRecording is off \(`arcade usage disable`\)\. What was recorded before is still here\. Run `arcade usage disable` again to erase it\.\n$/,
  );
  assert.match((await usage(home, [], { env: { DO_NOT_TRACK: '1' } })).stdout, /is still here/);
  const wrong = await usage(home, ['doctor']);
  assert.equal(wrong.exitCode, 1);
  assert.match(
    wrong.stdout,
    /What was recorded before is still here\.\n.*`arcade usage disable` again to erase it\.\n/,
  );
  assert.equal((await usage(home, ['disable'])).exitCode, 0);
  assert.doesNotMatch(await why(home), /recorded before/);
  const right = await usage(home, ['doctor']);
  assert.equal(right.exitCode, 0, right.stdout);
  assert.match(right.stdout, /No event is kept here/);
});

test('`usage enable` leaves usage.json as another program has changed it since `usage disable`', async (t) => {
  const home = seeded(t, PAST);
  home.write('usage.json', JSON.stringify({ anon_id: ANON_ID, linked_principal_id: PRINCIPAL }));
  await usage(home, ['disable']);
  const linked = { ...home.shared(), linked_principal_id: 'acct-elsewhere' };
  home.write('usage.json', JSON.stringify(linked));
  await usage(home, ['enable']);
  assert.deepEqual(home.shared(), linked);
});

test('`usage enable` after a `usage disable` that was killed halfway brings nothing back', async (t) => {
  for (const when of ['before it erased anything', 'before it erased what damage had set aside']) {
    const home = seeded(t, PAST);
    change(join(home.directory, 'usage.db'), 'UPDATE installation SET notice_shown_at = 1');
    const bytes = readFileSync(join(home.directory, 'usage.db'));
    if (when === 'before it erased anything') home.write('usage.off', '');
    else await usage(home, ['disable']);
    const aside = home.write('usage.db.damaged-1700000000000', bytes);
    assert.equal((await usage(home, ['enable'])).stdout, 'Recording is on.\n');
    assert.equal((await usage(home, ['enable'])).stdout, 'Recording was not disabled.\n');
    const { consent, ledger, identity } = await statusOf(home);
    assert.equal(consent.enabled, true);
    assert.deepEqual([ledger.pending, ledger.quarantined, ledger.purged], [0, 0, 8], when);
    assert.notEqual(identity.anon_id, ANON_ID);
    assert.equal(existsSync(aside), false, when);
  }
});

/** What an event says of this machine and its person; words such as "node" are in any database's pages. */
function valuesOf(lines: readonly string[]): string[] {
  const values = new Set<string>([ANON_ID, PRINCIPAL, 'CLI execution failed', 'secret.unset', 'TIMED_OUT']);
  for (const line of lines) values.add((JSON.parse(line) as { uuid: string }).uuid);
  return [...values];
}

function bytesOf(home: Sandbox): string {
  return readdirSync(home.directory)
    .map((name) => readFileSync(join(home.directory, name), 'latin1'))
    .join('\n');
}
