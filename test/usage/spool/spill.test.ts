/** Events that the database cannot take in time: kept in files, and taken in later, each with its owner. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { append, type Entry, spillCapture } from '../../../src/usage/append/append.ts';
import { uuidv7 } from '../../../src/usage/event/uuid.ts';
import { currentIdentity } from '../../../src/usage/identity/identities.ts';
import { takeInStep } from '../../../src/usage/identity/take-in.ts';
import { disable, enable, optOut } from '../../../src/usage/spool/consent.ts';
import { ensureKey, readKey, replaceKey } from '../../../src/usage/spool/key.ts';
import { readLedger } from '../../../src/usage/spool/ledger.ts';
import { countSpilled, emptySpill, MAX_SPILLED } from '../../../src/usage/spool/spill.ts';
import type { Spool } from '../../../src/usage/spool/spool.ts';
import { credentialsOf, makeSpool, sampleEntry } from '../../support/queue.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';

const NOW = 1_800_000_000_000;
const of = (account: string | undefined): Partial<Entry> => ({ credentials: credentialsOf(account) });
const login = (account: string, principalId: string): Partial<Entry> => ({
  ...of(account),
  change: { kind: 'login', principalId },
});
const logout = (account: string): Partial<Entry> => ({ ...of(account), change: { kind: 'logout' } });

interface Stage {
  readonly home: Sandbox;
  readonly spool: Spool;
  readonly folder: string;
  /** Spills one event. */
  spill(more?: Partial<Entry>): boolean;
  /** Appends one event, which takes in what was spilled. */
  append(more?: Partial<Entry>): void;
  /** Under which id each event of the database is to be sent, in the order in which it came there. */
  ids(): (string | null)[];
  files(): string[];
}

function staged(t: TestContext): Stage {
  const home = sandbox(t);
  mkdirSync(home.directory, { mode: 0o700 });
  const spool = makeSpool(home.directory);
  t.after(() => spool.close());
  const folder = join(home.directory, 'spill');
  let at = NOW;
  return {
    home,
    spool,
    folder,
    spill: (more) => {
      at += 1;
      return spillCapture(home.directory, sampleEntry(at, more));
    },
    append: (more) => {
      at += 1;
      append(spool, sampleEntry(at, more));
    },
    ids: () =>
      spool.statement(`SELECT distinct_id FROM record WHERE kind = 'capture' ORDER BY id`).pluck().all() as (
        | string
        | null
      )[],
    files: () => (existsSync(folder) ? readdirSync(folder).sort() : []),
  };
}

test('a spilled event is a file of its owner’s alone, with no word of the credentials', (t) => {
  const { spill, files, folder } = staged(t);
  assert.equal(spill(of('oauth ["https://coordinator.example","ana@example.test"]')), true);
  const [name = ''] = files();
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
  assert.doesNotMatch(readFileSync(join(folder, name), 'utf8'), /example/);
});

test('an append takes in what was spilled before its own event, twenty at most, oldest first', (t) => {
  const { spill, append, ids, files, spool } = staged(t);
  append();
  for (let i = 0; i < 45; i += 1) spill();
  append();
  assert.deepEqual([ids().length, files().length], [22, 25]);
  const times = spool.statement('SELECT recorded_at FROM record ORDER BY id').pluck().all();
  assert.deepEqual(times, [...times].sort());
  append();
  append();
  assert.deepEqual([ids().length, files().length], [49, 0]);
  assert.equal(new Set(ids()).size, 1);
  assert.equal(readLedger(spool).recorded, 49);
});

test('the flusher takes in the rest in such steps, but nothing before a command has shown the notice', (t) => {
  const { spill, append, spool, files, ids } = staged(t);
  for (let i = 0; i < 65; i += 1) spill();
  assert.equal(takeInStep(spool, NOW), 0);
  append();
  let steps = 0;
  while (takeInStep(spool, NOW) > 0) steps += 1;
  assert.deepEqual([files().length, steps, ids().length], [0, 3, 66]);
});

test('events that all were spilled on an empty home belong to the one identity that begins with the first append', (t) => {
  const { spill, append, ids, spool } = staged(t);
  for (let i = 0; i < 3; i += 1) spill();
  append();
  assert.deepEqual(new Set(ids()), new Set([currentIdentity(spool)?.anonId]));
});

test('an event with known credentials goes to their account, one with unknown credentials waits, and changes no identity', (t) => {
  const { spill, append, ids, spool } = staged(t);
  append(login('a', 'account-a'));
  append(logout('a'));
  const before = currentIdentity(spool);
  spill(of('a'));
  spill(of('b'));
  append();
  assert.deepEqual(ids().slice(2, 4), ['account-a', null]);
  const unbound = `SELECT count(*) FROM record AS r JOIN identity AS i ON i.id = r.identity_id
    WHERE r.distinct_id IS NULL AND i.linked_at IS NOT NULL AND i.retired_at IS NOT NULL`;
  assert.equal(spool.statement(unbound).pluck().get(), 1, 'given up, it gets an id of its own');
  assert.deepEqual(currentIdentity(spool), before === null ? null : { ...before, unused: false });
});

test('an event without credentials goes to the anon_id of a usage.json that names no principal', (t) => {
  const { spill, append, ids, home } = staged(t);
  append();
  const [anonId] = ids();
  spill();
  append(login('a', 'account-a'));
  assert.deepEqual(ids(), [anonId, anonId, 'account-a']);
  // While an account is linked there is none, and nobody can tell whose it is.
  spill();
  append(of('a'));
  const id = ids()[3];
  assert.ok(id !== anonId && id !== 'account-a' && id !== null, String(id));
  home.write('usage.json', JSON.stringify({ anon_id: 'account-a', linked_principal_id: null }));
  spill();
  append(of('a'));
  assert.ok(ids().at(-2) !== 'account-a', 'an account is no anon_id');
});

test('an event whose credentials cannot be read goes to no account', (t) => {
  const { spill, append, ids, spool } = staged(t);
  append(login('a', 'account-a'));
  spill(of(undefined));
  append(of('a'));
  assert.match(String(ids()[1]), /^[0-9a-f-]{36}$/);
  assert.notEqual(ids()[1], currentIdentity(spool)?.anonId);
});

test('a logout that is spilled leaves no account in usage.json, and the next append begins anew', (t) => {
  const { spill, append, ids, spool, home } = staged(t);
  append(login('a', 'account-a'));
  const linked = currentIdentity(spool)?.anonId;
  spill(logout('a'));
  const shared = home.shared();
  assert.equal(shared.linked_principal_id, null);
  assert.notEqual(shared.anon_id, linked);
  append();
  assert.deepEqual([ids()[1], ids()[2]], ['account-a', currentIdentity(spool)?.anonId]);
  assert.notEqual(ids()[2], linked);
});

test('an event that is in the database already, its file left by a crash, counts once', (t) => {
  const { spill, append, spool, folder, files, ids } = staged(t);
  append();
  spill();
  const [name = ''] = files();
  const text = readFileSync(join(folder, name));
  append();
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  append();
  assert.deepEqual([ids().length, readLedger(spool).recorded, files()], [4, 4, []]);
});

const strangers: Readonly<Record<string, string>> = {
  'an empty file': '',
  'half a file': '{"format":1,"uuid"',
  'a list': '[]',
  'an event without properties': JSON.stringify({ format: 1, event: '{}' }),
};
for (const [what, content] of Object.entries(strangers)) {
  test(`${what} among the spilled is renamed to .bad, and fails no append`, (t) => {
    const { spill, append, folder, files, ids, home } = staged(t);
    append();
    spill();
    const name = `${uuidv7(NOW - 1)}.json`;
    writeFileSync(join(folder, name), content);
    append();
    assert.deepEqual(files(), [`${name}.bad`]);
    assert.equal(ids().length, 3);
    assert.deepEqual(countSpilled(home.directory), { waiting: 0, bad: 1 });
  });
}

test('an event that an older version has spilled is taken in, also when events have more in them by now', (t) => {
  const { append, ids, files, folder } = staged(t);
  append();
  mkdirSync(folder, { mode: 0o700 });
  const uuid = '019d0000-0000-7000-8000-000000000000';
  const event =
    '{"command_name":"secret.list","cli_version":"0.1.0","runtime_language":"node","runtime_version":"24.21.0",' +
    '"os_type":"Linux","os_release":"6.1.0","duration_ms":412,"device_start_timestamp":1,"device_end_timestamp":1.412}';
  const credentials = { fingerprint: null, resolvable: false, fromEnvironment: false, anonId: null };
  const text = JSON.stringify({ format: 1, uuid, recordedAt: NOW, event, ...credentials });
  writeFileSync(join(folder, `${uuid}.json`), text);
  append();
  assert.deepEqual([ids().length, files()], [3, []]);
});

test('a file of a newer format waits, and keeps none behind it from being taken in', (t) => {
  const { spill, append, folder, files, spool } = staged(t);
  append();
  spill();
  const newer = `${uuidv7(NOW - 1)}.json`;
  writeFileSync(join(folder, newer), JSON.stringify({ format: 2 }));
  append();
  assert.deepEqual(files(), [newer]);
  assert.equal(takeInStep(spool, NOW), 0);
});

test('drafts of killed processes go after an hour, younger ones stay', (t) => {
  const { spill, append, folder, files } = staged(t);
  append();
  spill();
  for (const name of ['.a-1.tmp', '.b-2.tmp']) writeFileSync(join(folder, name), '');
  mkdirSync(join(folder, 'not-ours.tmp'));
  for (const name of ['.a-1.tmp', 'not-ours.tmp']) utimesSync(join(folder, name), NOW / 1e6, NOW / 1e6);
  append();
  assert.deepEqual(files(), ['.b-2.tmp']);
});

test('a file that cannot be removed once it is taken in fails neither an append nor a drain, and counts once', (t) => {
  const { append: appendMore, spill, spool, folder, files, ids } = staged(t);
  appendMore();
  const takers = [
    (taker: Spool): unknown => append(taker, sampleEntry(NOW + 10)),
    (taker: Spool): unknown => takeInStep(taker, NOW),
  ];
  for (const take of takers) {
    spill();
    const before = ids().length;
    const path = join(folder, files()[0] ?? '');
    const text = readFileSync(path);
    const transaction = <T>(work: () => T): T => {
      const done = spool.transaction(work);
      rmSync(path, { recursive: true });
      mkdirSync(path);
      return done;
    };
    take({ ...spool, transaction });
    rmSync(path, { recursive: true });
    writeFileSync(path, text);
    const taken = ids().length;
    assert.ok(taken > before);
    appendMore();
    assert.deepEqual([ids().length, files()], [taken + 1, []]);
  }
});

test('the folder is emptied also while other processes put files into it', async (t) => {
  const { home, folder } = staged(t);
  const code = `const fs = require('node:fs');
    for (let i = 0; ; i += 1)
      try {
        fs.mkdirSync(process.argv[1], { recursive: true });
        fs.writeFileSync(process.argv[1] + '/' + i + '.tmp', '');
      } catch {}`;
  const others = [1, 2].map(() => spawn(process.execPath, ['-e', code, folder]));
  try {
    while (!existsSync(folder)) await setTimeout(5);
    for (let i = 0; i < 10_000; i += 1) emptySpill(home.directory);
  } finally {
    // Before the home is removed, into which they would write.
    for (const other of others) other.kill('SIGKILL');
    await Promise.all(others.map((other) => once(other, 'close')));
  }
});

test(`over ${MAX_SPILLED} files nothing more is recorded`, (t) => {
  const { spill, folder, files } = staged(t);
  mkdirSync(folder, { mode: 0o700 });
  for (let i = 0; i < MAX_SPILLED; i += 1) writeFileSync(join(folder, `${uuidv7(NOW + i)}.json`), '');
  assert.equal(spill(), false);
  assert.equal(files().length, MAX_SPILLED);
});

test('nothing is taken from a folder in which we may not delete', {
  skip: process.geteuid?.() === 0 ? 'root may delete everywhere' : false,
}, (t) => {
  const { spill, append, folder, files, ids } = staged(t);
  append();
  spill();
  chmodSync(folder, 0o500);
  append();
  assert.deepEqual([ids().length, files().length], [2, 1]);
  chmodSync(folder, 0o700);
});

test('a link in the place of the folder is not followed', (t) => {
  const { spill, append, folder, home } = staged(t);
  const elsewhere = join(home.home, 'elsewhere');
  mkdirSync(elsewhere);
  symlinkSync(elsewhere, folder);
  assert.equal(spill(), false);
  append();
  assert.deepEqual(readdirSync(elsewhere), []);
});

for (const [what, sayNo] of [
  ['disable', ({ spool }: Stage): void => void disable(spool, NOW)],
  ['disable without a database that can be opened', ({ home }: Stage): void => void optOut(home.directory)],
] as const) {
  test(`${what} empties the folder, and what is spilled afterwards is removed at once`, (t) => {
    const stage = staged(t);
    stage.append();
    stage.spill();
    writeFileSync(join(stage.folder, '.draft-1.tmp'), 'CANARY');
    sayNo(stage);
    assert.deepEqual(stage.files(), []);
    assert.equal(stage.spill(), false);
    assert.deepEqual(stage.files(), []);
  });
}

test('disable does not say that all is erased where it cannot empty the folder', (t) => {
  const { append, spill, spool, folder, files } = staged(t);
  append();
  spill();
  if (process.geteuid?.() === 0) {
    // Root may delete everywhere.
    chownSync(folder, 65_534, 65_534);
    disable(spool, NOW);
    assert.deepEqual(files(), []);
  } else {
    chmodSync(folder, 0o500);
    assert.throws(() => disable(spool, NOW), { code: 'EACCES' });
    chmodSync(folder, 0o700);
  }
});

test('what a killed disable or a racing command has left in the folder comes back neither by an append nor by enable', (t) => {
  const { spill, append, spool, home, files, folder, ids } = staged(t);
  append();
  spill();
  home.write('usage.off', '');
  append();
  assert.deepEqual([files(), ids().length], [[], 1]);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, `${uuidv7(NOW)}.json`), 'CANARY');
  enable(spool, NOW);
  assert.deepEqual(files(), []);
});

test('disable erases an id also where only a spilled logout and what was spilled after it know it', (t) => {
  const { append, spill, spool, home, ids } = staged(t);
  append(login('a', 'account-a'));
  spill(logout('a'));
  spill();
  const { anon_id: anonId } = home.shared();
  takeInStep(spool, NOW);
  assert.equal(ids().at(-1), anonId);
  disable(spool, NOW);
  assert.notEqual(home.shared().anon_id, anonId);
});

test('the key of the fingerprints is made once, and disable replaces it', (t) => {
  const { home, spill, append, spool, ids } = staged(t);
  rmSync(join(home.directory, 'usage.key'), { force: true });
  spill(of('a'));
  const key = readFileSync(join(home.directory, 'usage.key'), 'utf8');
  assert.equal(statSync(join(home.directory, 'usage.key')).mode & 0o777, 0o600);
  append(login('a', 'account-a'));
  append(of('a'));
  assert.equal(readFileSync(join(home.directory, 'usage.key'), 'utf8'), key);
  assert.deepEqual(ids().slice(1), ['account-a', 'account-a']);
  disable(spool, NOW);
  assert.notEqual(readFileSync(join(home.directory, 'usage.key'), 'utf8'), key);
});

test('a key file that its maker never came to write is made good', (t) => {
  const { home, spill } = staged(t);
  home.write('usage.key', '');
  assert.equal(spill(of('a')), true);
  assert.match(readFileSync(join(home.directory, 'usage.key'), 'utf8'), /^[0-9a-f]{64}$/);
});

test('a maker of the key that was held up for so long that another process has made it good takes that one', (t) => {
  const { home } = staged(t);
  rmSync(join(home.directory, 'usage.key'), { force: true });
  const [late, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const { writeFileSync: write } = fs;
  t.after(() => {
    fs.writeFileSync = write;
    syncBuiltinESMExports();
  });
  fs.writeFileSync = (file, text, how) => {
    fs.writeFileSync = write;
    syncBuiltinESMExports();
    replaceKey(home.directory, other);
    write(file, text, how);
  };
  syncBuiltinESMExports();
  assert.deepEqual(ensureKey(home.directory, late), other);
  assert.deepEqual(readKey(home.directory), other);
});
