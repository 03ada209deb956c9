import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { execa } from 'execa';
import { arcade } from '../support/cli.ts';
import { directoryState } from '../support/directory.ts';
import { type Sandbox, sandbox } from '../support/sandbox.ts';
import { seedSpool } from '../support/seed.ts';

const READERS: readonly (readonly string[])[] = [
  ['usage'],
  ['usage', 'status', '--json'],
  ['usage', 'list', '--json'],
  ['usage', 'show', '2', '--json'],
  ['usage', 'preview', '--json', '--', 'secret', 'list'],
  ['usage', 'stats', '--json'],
  ['usage', 'export'],
  ['usage', 'doctor', '--json'],
  ['usage', 'report', '--json', '--output', '../report.html'],
];

interface Broken {
  readonly name: string;
  /** As `status` tells it. */
  readonly state: string;
  readonly words: RegExp;
  /** Brings a sound store into this state. */
  readonly make: (store: Store) => void | Promise<void>;
  /** What `doctor` finds. */
  readonly finds?: string;
}

interface Store {
  readonly t: TestContext;
  readonly home: Sandbox;
  readonly path: string;
}

const readable = /no project key/;

const STORES: readonly Broken[] = [
  { name: 'sound', state: 'ok', words: readable, make: () => undefined },
  {
    name: 'absent',
    state: 'absent',
    words: /Nothing has been recorded yet/,
    make: ({ home }) => rmSync(home.directory, { recursive: true }),
  },
  {
    name: 'an empty folder',
    state: 'absent',
    words: /Nothing has been recorded/,
    make: ({ path }) => rmSync(path),
  },
  {
    name: 'just created',
    state: 'absent',
    words: /Nothing has been recorded/,
    make: ({ path }) => truncateSync(path, 0),
  },
  {
    name: 'no database at all',
    state: 'damaged',
    words: /The usage spool is damaged/,
    make: ({ path }) => writeFileSync(path, 'this is not a database, by any means'.repeat(300)),
    finds: 'spool-damaged',
  },
  {
    name: 'cut short',
    state: 'damaged',
    words: /The usage spool is damaged/,
    make: ({ path }) => truncateSync(path, 5000),
    finds: 'spool-damaged',
  },
  {
    name: 'overwritten in the middle',
    state: 'damaged',
    words: /The usage spool is damaged/,
    make: ({ path }) => {
      const bytes = readFileSync(path);
      writeFileSync(path, Buffer.concat([bytes.subarray(0, 4096), Buffer.alloc(bytes.length - 4096, 0x7a)]));
    },
    finds: 'spool-damaged',
  },
  {
    name: 'newer',
    state: 'newer',
    words: /of a newer version/,
    make: ({ path }) => change(path, 'PRAGMA user_version = 9999'),
    finds: 'spool-newer',
  },
  {
    name: 'a symbolic link',
    state: 'foreign',
    words: /is a symbolic link/,
    make: ({ home, path }) => {
      renameSync(path, join(home.home, 'elsewhere.db'));
      symlinkSync(join(home.home, 'elsewhere.db'), path);
    },
    finds: 'spool-foreign',
  },
  {
    name: 'a hard link',
    state: 'foreign',
    words: /another name/,
    make: ({ home, path }) => linkSync(path, join(home.home, 'elsewhere.db')),
    finds: 'spool-foreign',
  },
  {
    name: 'a folder',
    state: 'foreign',
    words: /is not a file/,
    make: ({ path }) => {
      rmSync(path);
      mkdirSync(path);
    },
    finds: 'spool-foreign',
  },
  {
    name: 'locked by a transaction that does not end',
    state: process.platform === 'linux' ? 'locked' : 'ok',
    words: process.platform === 'linux' ? /Process \d+ has the usage spool locked/ : readable,
    make: ({ t, path }) => hold(t, path, `BEGIN IMMEDIATE; UPDATE record SET reason = 'not committed'`),
  },
  {
    name: 'locked as a whole',
    state: process.platform === 'linux' ? 'locked' : 'ok',
    words: process.platform === 'linux' ? /Process \d+ has the usage spool locked/ : readable,
    make: ({ t, path }) =>
      hold(
        t,
        path,
        `PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE record SET attempts = 3; COMMIT`,
      ),
  },
  {
    name: 'with a log that nobody has brought in',
    state: 'ok',
    words: readable,
    make: ({ home, path }) => {
      const db = new Database(path);
      db.pragma('wal_autocheckpoint = 0');
      db.exec(`UPDATE record SET attempts = 7 WHERE id = 2`);
      // As a crash leaves it: copied away from under the connection.
      const [bytes, log] = [readFileSync(path), readFileSync(`${path}-wal`)];
      db.close();
      home.write('usage.db', bytes);
      home.write('usage.db-wal', log);
    },
  },
  {
    name: 'in a folder that may not be written to',
    state: 'ok',
    words: readable,
    make: ({ home }) => chmodSync(home.directory, 0o500),
  },
];

const HOLDER = `
  import Database from 'better-sqlite3';
  const [path, sql] = process.argv.slice(-2);
  const db = new Database(path);
  db.exec(sql);
  console.log('held');
  process.stdin.on('end', () => process.exit()).resume();
`;

/** In another process, for this one would lose its locks as soon as it looks at the file. */
async function hold(t: TestContext, path: string, sql: string): Promise<void> {
  const root = join(import.meta.dirname, '..', '..');
  const holder = execa(process.execPath, ['--input-type=module', '-e', HOLDER, path, sql], {
    cwd: root,
    stdin: 'pipe',
  });
  t.after(async () => {
    holder.stdin.end();
    await holder;
  });
  await once(holder.stdout, 'data');
}

function change(path: string, sql: string): void {
  const db = new Database(path);
  db.exec(sql);
  db.close();
}

for (const store of STORES) {
  test(`a store that is ${store.name}: every view says so and leaves it as it is`, async (t) => {
    await check(t, store);
  });
}

test('a store of another user: every view says so and leaves it as it is', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can give a file away');
  await check(t, {
    name: 'foreign',
    state: 'foreign',
    words: /belongs to another user \(12345\)/,
    make: ({ path }) => chownSync(path, 12345, 12345),
    finds: 'spool-foreign',
  });
});

test('a store that may not be read: every view says so and leaves it as it is', async (t) => {
  if (process.getuid?.() === 0) return t.skip('root may read everything');
  await check(t, {
    name: 'unreadable',
    state: 'unreadable',
    words: /cannot be read \(EACCES\)/,
    make: ({ path }) => chmodSync(path, 0),
    finds: 'spool-unreadable',
  });
});

async function check(t: TestContext, { state, words, make, finds }: Broken): Promise<void> {
  const home = sandbox(t);
  seedSpool(home, { records: 5, now: Date.now(), everyMs: 1000, delivered: 2, quarantined: 1 });
  await make({ t, home, path: join(home.directory, 'usage.db') });
  const before = directoryState(home.directory);
  const broken = state !== 'ok' && state !== 'absent' && state !== 'locked';
  const ran = await Promise.all(READERS.map((args) => arcade(home, args)));
  assert.deepEqual(directoryState(home.directory), before);
  for (const [i, { exitCode, stdout, stderr }] of ran.entries()) {
    const args = READERS[i] ?? [];
    const what = `${args.join(' ')}: ${exitCode}\n${stdout}\n${stderr}`;
    if (broken) assert.equal(exitCode, 1, what);
    if (args.includes('--json')) assert.doesNotThrow(() => JSON.parse(stdout), what);
    assert.doesNotMatch(stderr, /unexpected went wrong|\n\s+at /, what);
  }
  const [status, json] = ran;
  assert.match(status?.stdout ?? '', words);
  assert.equal(status?.stderr, '');
  const document = JSON.parse(json?.stdout ?? '') as {
    store: { state: string };
    ledger: unknown;
    why: string;
  };
  assert.equal(document.store.state, state);
  assert.equal(document.ledger === null, broken);
  assert.equal(json?.exitCode, broken ? 1 : 0);
  if (broken) for (const i of [2, 3, 4, 5, 8]) assert.match(ran[i]?.stdout ?? '', words);
  const doctor = JSON.parse(ran[7]?.stdout ?? '') as {
    ok: boolean;
    findings: { code: string; advice: string }[];
  };
  if (finds !== undefined) {
    assert.equal(doctor.ok, false);
    assert.ok(
      doctor.findings.some(({ code }) => code === finds),
      JSON.stringify(doctor.findings),
    );
  }
  for (const { advice } of doctor.findings) assert.ok(advice.length > 10);
}

test('what is not committed is not shown', async (t) => {
  const home = sandbox(t);
  seedSpool(home, { records: 3, now: Date.now(), everyMs: 1000 });
  await hold(t, join(home.directory, 'usage.db'), 'BEGIN IMMEDIATE; DELETE FROM attempt; DELETE FROM record');
  const { exitCode, stdout } = await arcade(home, ['usage', 'list', '--json']);
  assert.equal(exitCode, 0);
  assert.equal((JSON.parse(stdout) as { records: unknown[] }).records.length, 3);
});
