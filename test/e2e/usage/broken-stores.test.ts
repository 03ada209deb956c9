/** `arcade usage` beside every kind of store that is not sound: it says so, and leaves the store as it is. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { notRoot, startArcadeCli, TRACKED } from '../../support/cli.ts';
import { change, leavesOfRecords, overwrite, overwritePages } from '../../support/damage.ts';
import { directoryState } from '../../support/directory.ts';
import { hold } from '../../support/holder.ts';
import { type Came, inside, statusOf, usage } from '../../support/inside.ts';
import type { Sandbox } from '../../support/sandbox.ts';
import { seeded } from '../../support/seed.ts';

/** Stands for a file outside of `.arcade`. */
const REPORT = 'report.html';
const READERS: readonly (readonly string[])[] = [
  ['usage'],
  ['usage', 'status', '--json'],
  ['usage', 'list', '--json'],
  ['usage', 'show', '2', '--json'],
  ['usage', 'preview', '--json', '--', 'secret', 'list'],
  ['usage', 'stats', '--json'],
  ['usage', 'export'],
  ['usage', 'doctor', '--json'],
  ['usage', 'report', '--json', '--output', REPORT],
  ['usage', 'identity', '--json'],
  ['usage', 'export', '--json'],
  ['usage', 'export', '--format', 'csv'],
  ['usage', 'list'],
  ['usage', 'show', '2'],
  ['usage', 'stats'],
  ['usage', 'identity'],
  ['usage', 'doctor'],
  ['usage', 'report', '--output', REPORT],
  ['usage', 'preview', '--', 'secret', 'list'],
];

/** They tell it in the result itself, as do the documents of failures. */
const IN_RESULT: ReadonlySet<string> = new Set(['', 'status', 'doctor', 'watch']);

interface Broken {
  /** A store that is so. */
  readonly name: string;
  /** As `status` tells it. */
  readonly state: string;
  readonly words: RegExp;
  /** Brings a sound store into this state. */
  readonly make: (store: Store) => void | Promise<void>;
  /** What `doctor` finds. */
  readonly finds?: string;
  /** It can be read, and nothing can be recorded in it. */
  readonly closed?: boolean;
  /** Why it cannot be tried here. */
  readonly skip?: string | false;
}

interface Store {
  readonly t: TestContext;
  readonly home: Sandbox;
  readonly path: string;
}

const readable = /no project key/;
const isRoot = notRoot === false;

type Make = Broken['make'];
const absent = (name: string, make: Make): Broken => {
  return { name, state: 'absent', words: /Nothing has been recorded yet/, make };
};
const damaged = (name: string, make: Make): Broken => {
  return { name, state: 'damaged', words: /The usage spool is damaged/, make, finds: 'spool-damaged' };
};

const STORES: readonly Broken[] = [
  { name: 'sound', state: 'ok', words: readable, make: () => undefined },
  absent('absent', ({ home }) => rmSync(home.directory, { recursive: true })),
  absent('an empty folder', ({ path }) => rmSync(path)),
  absent('just created', ({ path }) => truncateSync(path, 0)),
  damaged('no database at all', ({ path }) =>
    writeFileSync(path, 'this is not a database, by any means'.repeat(300)),
  ),
  damaged('cut short', ({ path }) => truncateSync(path, 5000)),
  damaged('overwritten in the middle', ({ path }) => overwrite(path, 4096, Number.POSITIVE_INFINITY)),
  {
    name: 'a symbolic link',
    state: 'foreign',
    words: /is a symbolic link/,
    make: ({ home, path }) => {
      renameSync(path, join(home.home, 'elsewhere.db'));
      symlinkSync(join(home.home, 'elsewhere.db'), path);
    },
    finds: 'link',
  },
  {
    name: 'newer',
    state: 'newer',
    words: /created by a newer version/,
    make: ({ path }) => change(path, 'PRAGMA user_version = 9999'),
    finds: 'spool-newer',
  },
  {
    name: 'of another user',
    state: 'foreign',
    words: /belongs to another user \(12345\)/,
    make: ({ path }) => chownSync(path, 12345, 12345),
    finds: 'owner',
    skip: notRoot,
  },
  {
    name: 'not to be read',
    state: 'unreadable',
    words: /cannot be used \(EACCES\)/,
    make: ({ path }) => chmodSync(path, 0),
    finds: 'spool-unreadable',
    skip: isRoot && 'root may read everything',
  },
  {
    name: 'locked by a transaction that does not end',
    state: 'ok',
    words: readable,
    make: async ({ t, path }) =>
      t.after(await hold(path, `BEGIN IMMEDIATE; UPDATE record SET reason = 'not committed'`)),
  },
  {
    name: 'locked as a whole',
    state: 'ok',
    words: readable,
    make: async ({ t, path }) => {
      const sql = 'BEGIN EXCLUSIVE; UPDATE record SET attempts = 3; COMMIT';
      t.after(await hold(path, `PRAGMA locking_mode = EXCLUSIVE; ${sql}`));
    },
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
    // Root may write everywhere.
    words: isRoot ? readable : /cannot be written to \(EACCES\): nothing is recorded/,
    closed: !isRoot,
    make: ({ home }) => chmodSync(home.directory, 0o500),
  },
];

for (const store of STORES) {
  const { name, skip = false } = store;
  test(`\`usage\` of a store that is ${name}: every view says so and leaves it as it is`, { skip }, (t) =>
    check(t, store),
  );
}

async function check(t: TestContext, { state, words, make, finds, closed }: Broken): Promise<void> {
  const home = seeded(t, { records: 5, delivered: 2, quarantined: 1 });
  await make({ t, home, path: join(home.directory, 'usage.db') });
  const before = directoryState(home.directory);
  const closing = existsSync(home.directory) ? statSync(home.directory).mode : 0o700;
  const broken = state !== 'ok' && state !== 'absent';
  const ran: Came[] = [];
  for (const args of READERS) {
    const words = args.map((word) => (word === REPORT ? join(home.home, REPORT) : word));
    ran.push(await inside(home, words, { env: TRACKED }));
  }
  assert.deepEqual(directoryState(home.directory), before);
  // The sandbox could not be removed otherwise.
  if ((closing & 0o200) === 0) chmodSync(home.directory, 0o700);
  for (const [i, { exitCode, stdout, stderr }] of ran.entries()) {
    const args = READERS[i] ?? [];
    const what = `${args.join(' ')}: ${exitCode}\n${stdout}\n${stderr}`;
    const isDoctor = args[1] === 'doctor';
    if (broken) assert.equal(exitCode, 1, what);
    if (state === 'absent') assert.equal(exitCode, args[1] === 'show' || args[1] === 'report' ? 1 : 0, what);
    if (args.includes('--json')) assert.doesNotThrow(() => JSON.parse(stdout), what);
    const told = IN_RESULT.has(args[1] ?? '') ? stdout : stderr;
    // A preview is of a command that would make the store.
    if (broken || (state === 'absent' && args[1] !== 'preview' && !isDoctor)) assert.match(told, words, what);
    if (broken && !args.includes('--json') && !IN_RESULT.has(args[1] ?? '')) assert.equal(stdout, '', what);
    assert.doesNotMatch(stderr, /this is a bug|\n\s+at /, what);
  }
  const [status, json] = ran;
  assert.match(status?.stdout ?? '', words);
  assert.equal(status?.stderr, '');
  const document = JSON.parse(json?.stdout ?? '') as {
    store: { state: string };
    ledger: unknown;
    recording: { on: boolean; obstacle: string | null };
    why: string;
  };
  assert.equal(document.store.state, state);
  const possible = closed !== true && !['newer', 'foreign', 'unreadable'].includes(state);
  assert.equal(document.recording.on, possible);
  assert.match(status?.stdout ?? '', possible ? /^Recording +on \(default\)/ : /^Recording +failing: /);
  assert.equal(document.ledger === null, broken);
  assert.equal(json?.exitCode, broken ? 1 : 0);
  if (broken) for (const i of [2, 3, 4, 5, 8, 9, 10]) assert.match(ran[i]?.stdout ?? '', words);
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

for (const store of STORES.filter(({ name }) => ['absent', 'cut short', 'newer'].includes(name))) {
  test(`\`usage watch\` tells in its first line of a store that is ${store.name}`, async (t) => {
    const home = seeded(t, { records: 5 });
    await store.make({ t, home, path: join(home.directory, 'usage.db') });
    const watching = startArcadeCli(home, ['usage', 'watch']);
    const [line] = (await once(watching.stdout, 'data')) as [Buffer];
    watching.kill('SIGINT');
    const { exitCode, stderr } = await watching;
    assert.deepEqual([exitCode, stderr], [130, '']);
    assert.equal((JSON.parse(String(line)) as { store: string }).store, store.state);
  });
}

test('`usage list` and `export` report damage that shows only halfway, with --json as one document', async (t) => {
  const home = seeded(t, { records: 3000 });
  const path = join(home.directory, 'usage.db');
  overwritePages(path, leavesOfRecords(path).at(-20)?.page);
  for (const view of ['list', 'export']) {
    for (const json of [[], ['--json']]) {
      const { exitCode, stdout, stderr } = await inside(home, ['usage', view, ...json]);
      assert.equal(exitCode, 1, stderr);
      assert.match(stderr, /The usage spool is damaged/);
      if (json.length > 0) assert.match(stdout, /^\{\s+"error": [\s\S]*The usage spool is damaged/);
      else if (view === 'list') assert.equal(stdout, '');
      else assert.equal((JSON.parse(stdout.slice(0, stdout.indexOf('\n'))) as { id: number }).id, 1);
    }
  }
});

const NOWHERE = { ARCADE_POSTHOG_HOST: 'http://127.0.0.1:9', ARCADE_POSTHOG_API_KEY: 'phc_test' };
const CONTROLS: readonly (readonly string[])[] = [
  ['flush'],
  ['requeue', '--all'],
  ['discard', '--all', '--yes'],
  ['reset', '--yes'],
  ['enable'],
];

for (const [name, make, words] of [
  ['newer', ({ path }: Store) => change(path, 'PRAGMA user_version = 9999'), /created by a newer version/],
  [
    'a hard link',
    ({ home, path }: Store) => linkSync(path, join(home.home, 'elsewhere.db')),
    /usage\.db has another name as well/,
  ],
] as const) {
  test(`\`usage\` of a store that is ${name}: what would change it says so and does not`, async (t) => {
    const home = seeded(t, { records: 5 });
    make({ t, home, path: join(home.directory, 'usage.db') });
    // SQLite makes and removes the files beside a database that it only looks at.
    const files = () => ({ ...directoryState(home.directory), '.': '' });
    const before = files();
    for (const args of CONTROLS) {
      for (const json of [[], ['--json']]) {
        const { exitCode, stdout, stderr } = await usage(home, [...args, ...json], { env: NOWHERE });
        assert.equal(exitCode, 1, `${args}: ${stdout}${stderr}`);
        assert.match(stderr, words, args.join(' '));
        if (json.length === 0) assert.equal(stdout, '');
        else assert.match((JSON.parse(stdout) as { error: { message: string } }).error.message, words);
      }
    }
    assert.deepEqual(files(), before);
  });
}

test('`usage`: a damaged store is replaced by what has to change it, which says so', async (t) => {
  for (const args of [['flush'], ['reset', '--yes'], ['enable'], ['disable']]) {
    const home = seeded(t, { records: 5, delivered: 5 });
    writeFileSync(join(home.directory, 'usage.db'), 'this is not a database, by any means'.repeat(300));
    const { exitCode, stderr } = await usage(home, args, { env: NOWHERE });
    assert.equal(exitCode, 0, stderr);
    assert.match(stderr, /^The usage spool was damaged and has been replaced/);
    assert.equal((await statusOf(home)).store.state, 'ok');
  }
});

test('`usage list` does not show what is not committed', async (t) => {
  const home = seeded(t, { records: 3 });
  const sql = 'BEGIN IMMEDIATE; DELETE FROM attempt; DELETE FROM record';
  t.after(await hold(join(home.directory, 'usage.db'), sql));
  const { exitCode, stdout } = await inside(home, ['usage', 'list', '--json']);
  assert.equal(exitCode, 0);
  assert.equal((JSON.parse(stdout) as { records: unknown[] }).records.length, 3);
});
