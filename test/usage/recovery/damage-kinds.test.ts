/** Damage of every kind and place: what can be read is carried over, what cannot is counted, and doctor says so. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { execa } from 'execa';
import { DamagedError } from '../../../src/infra/sqlite/errors.ts';
import { salvage } from '../../../src/usage/recovery/recover.ts';
import { refuseDamage, setAsideFiles, unsalvagedFiles } from '../../../src/usage/recovery/set-aside.ts';
import { readLedger } from '../../../src/usage/spool/ledger.ts';
import { openSpool } from '../../../src/usage/spool/spool.ts';
import { arcade, baseEnvironment, PROGRAM } from '../../support/cli.ts';
import { FAULTS, withoutFault } from '../../support/faults.ts';
import { accountOf, startFlusher } from '../../support/flusher.ts';
import { startPostHog } from '../../support/posthog.ts';
import { fillSpool, MIGRATIONS } from '../../support/queue.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';

const PAGE = 4096;
const RECORDS = 300;
const NOWHERE = {
  ARCADE_URL: 'http://127.0.0.1:9',
  ARCADE_POSTHOG_HOST: 'http://127.0.0.1:9',
  ARCADE_POSTHOG_API_KEY: 'phc_test',
};

/** A home in which 300 records wait, and the pages at which its tables begin. */
async function filled(t: TestContext): Promise<{ home: Sandbox; path: string; roots: Map<string, number> }> {
  const home = sandbox(t);
  await arcade(home, ['secret', 'list'], { env: { ARCADE_URL: NOWHERE.ARCADE_URL } });
  const spool = openSpool(home.directory, MIGRATIONS);
  spool.close();
  fillSpool(home.directory, RECORDS - 1);
  const path = join(home.directory, 'usage.db');
  const db = new Database(path);
  db.pragma('wal_checkpoint(TRUNCATE)');
  const rows = db.prepare('SELECT name, rootpage FROM sqlite_schema').all() as {
    name: string;
    rootpage: number;
  }[];
  db.close();
  return { home, path, roots: new Map(rows.map(({ name, rootpage }) => [name, rootpage])) };
}

/** Writes over a part of a file. */
function damage(path: string, from: number, bytes: number): void {
  const content = readFileSync(path);
  content.fill(0xff, from, from + bytes);
  writeFileSync(path, content);
}

interface Seen {
  readonly ledger: { recorded: number; pending: number; dropped: Record<string, number> };
  readonly findings: readonly string[];
}

/** A command, and flushers that have nowhere to send to; then what a person sees. */
async function afterwards(home: Sandbox): Promise<Seen> {
  const env = { ARCADE_URL: NOWHERE.ARCADE_URL };
  const { stderr } = await arcade(home, ['secret', 'list'], { env });
  assert.doesNotMatch(stderr, /Arcade collects/, 'the notice is not shown again');
  await arcade(home, ['usage', 'flush'], { env: NOWHERE });
  const status = JSON.parse((await arcade(home, ['usage', 'status', '--json'])).stdout) as Seen;
  const { findings } = JSON.parse((await arcade(home, ['usage', 'doctor', '--json'])).stdout) as {
    findings: { code: string }[];
  };
  return { ledger: status.ledger, findings: findings.map(({ code }) => code) };
}

const PARTS = ['identity', 'account', 'record_pending', 'attempt', 'installation', 'backoff', 'flusher_run'];
const WHOLE: Readonly<Record<string, (path: string, roots: ReadonlyMap<string, number>) => void>> = {
  'the first bytes are gone': (path) => damage(path, 0, 16),
  'the header is gone': (path) => damage(path, 0, 100),
  'the first page is gone': (path) => damage(path, 0, PAGE),
  'the page size is wrong': (path) => damage(path, 16, 2),
  'the version is gone': (path) => damage(path, 60, 4),
  'the version is an older one': (path) => writeFileSync(path, withVersion(readFileSync(path), 3)),
  'the version is none': (path) => writeFileSync(path, withVersion(readFileSync(path), 0)),
  'a word of its schema makes no sense': (path) => reword(path, 'personless INTEGER', 'personless INTEGE('),
  'a column has another name': (path) => reword(path, 'state TEXT NOT', 'stale TEXT NOT'),
  'the installation is gone': (path) => change(path, 'DELETE FROM installation'),
  'a table is gone': (path) => change(path, 'DROP TABLE backoff'),
  ...Object.fromEntries(
    PARTS.map((part) => [
      `the page of ${part} is gone`,
      (path: string, roots: ReadonlyMap<string, number>) =>
        damage(path, ((roots.get(part) ?? 0) - 1) * PAGE, PAGE),
    ]),
  ),
};

function withVersion(image: Buffer, version: number): Buffer {
  image.writeUInt32BE(version, 60);
  return image;
}

/** In the text that the database keeps of its own tables. */
function reword(path: string, from: string, to: string): void {
  const content = readFileSync(path, 'latin1');
  assert.ok(content.includes(from), from);
  writeFileSync(path, content.replaceAll(from, to), 'latin1');
}

function change(path: string, sql: string): void {
  const db = new Database(path);
  db.exec(sql);
  db.close();
}

for (const [what, harm] of Object.entries(WHOLE)) {
  test(`when ${what} no record is lost`, async (t) => {
    const { home, path, roots } = await filled(t);
    harm(path, roots);
    const { ledger, findings } = await afterwards(home);
    assert.deepEqual(ledger.dropped, {});
    assert.deepEqual([ledger.recorded, ledger.pending], [RECORDS + 1, RECORDS + 1]);
    assert.ok(findings.includes('set-aside'), findings.join());
    assert.ok(!findings.includes('uncounted'), findings.join());
  });
}

test('between two damaged pages all that can be read is carried over, and the rest is counted', async (t) => {
  const { home, path } = await filled(t);
  const leaves = leavesOfRecords(path);
  assert.ok(leaves.length > 10, `${leaves.length} pages`);
  for (const page of [leaves[1], leaves.at(-2), leaves.at(-1)]) damage(path, ((page ?? 0) - 1) * PAGE, PAGE);
  const { ledger, findings } = await afterwards(home);
  const lost = ledger.dropped.damaged ?? 0;
  assert.equal(ledger.recorded, RECORDS + 1);
  assert.equal(ledger.pending + lost, RECORDS + 1);
  assert.ok(lost > 0 && lost <= 3 * 12, `${lost} lost`);
  assert.ok(!findings.includes('uncounted'), findings.join());
});

/** The pages that hold rows of `record`, by the ids that are unreadable without them. */
function leavesOfRecords(path: string): number[] {
  const image = readFileSync(path);
  const uuids = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}capture/;
  const pages = Array.from({ length: image.length / PAGE }, (_, i) => i + 1);
  return pages.filter((page) => {
    const bytes = image.subarray((page - 1) * PAGE, page * PAGE);
    return bytes[0] === 13 && uuids.test(bytes.toString('latin1'));
  });
}

test('what cannot be counted is told', async (t) => {
  for (const harm of [
    (path: string, roots: ReadonlyMap<string, number>) =>
      damage(path, ((roots.get('ledger') ?? 0) - 1) * PAGE, PAGE),
    (path: string) => truncateSync(path, 50),
    (path: string) => writeFileSync(path, 'x'.repeat(9000)),
  ]) {
    const { home, path, roots } = await filled(t);
    harm(path, roots);
    assert.ok((await afterwards(home)).findings.includes('uncounted'), String(harm));
  }
});

/** The log of a database that nobody has closed, and with how many records it began. */
async function withLog(t: TestContext): Promise<{ home: Sandbox; log: string }> {
  const home = sandbox(t);
  const env = { ARCADE_URL: NOWHERE.ARCADE_URL };
  await arcade(home, ['secret', 'list'], { env });
  const path = join(home.directory, 'usage.db');
  const held = new Database(path);
  held.prepare('SELECT count(*) FROM record').get();
  for (let i = 0; i < 4; i += 1) await arcade(home, ['secret', 'list'], { env });
  // As a power cut leaves them.
  for (const end of ['', '-wal']) copyFileSync(path + end, join(home.home, `copy${end}`));
  held.close();
  for (const end of ['', '-wal']) copyFileSync(join(home.home, `copy${end}`), path + end);
  return { home, log: `${path}-wal` };
}

const FRAME = 24 + PAGE;

for (const [where, harm] of Object.entries({
  'its header': (log: string) => damage(log, 0, 32),
  'its first frame': (log: string) => damage(log, 32 + 200, 10),
  'a frame in its middle': (log: string) =>
    damage(log, 32 + Math.floor((readFileSync(log).length - 32) / FRAME / 2) * FRAME + 200, 10),
})) {
  test(`a log that is damaged in ${where} is not passed over in silence`, async (t) => {
    const { home, log } = await withLog(t);
    harm(log);
    const before = JSON.parse((await arcade(home, ['usage', 'doctor', '--json'])).stdout) as {
      findings: { code: string }[];
    };
    assert.ok(before.findings.some(({ code }) => code === 'spool-damaged'));
    const { ledger, findings } = await afterwards(home);
    assert.ok(ledger.pending >= 2, `${ledger.pending} pending`);
    assert.ok(findings.includes('uncounted') && findings.includes('set-aside'), findings.join());
  });
}

test('a database that is not yet one, beside a usage.json of the other program, is none that was lost', async (t) => {
  const home = sandbox(t);
  home.write('usage.db', '');
  home.write('usage.json', JSON.stringify({ anon_id: randomUUID(), linked_principal_id: null }));
  const { stderr } = await arcade(home, ['secret', 'list'], { env: { ARCADE_URL: NOWHERE.ARCADE_URL } });
  assert.match(stderr, /Arcade collects/, 'nobody has been told yet');
  const doctor = await arcade(home, ['usage', 'doctor', '--json']);
  assert.doesNotMatch(doctor.stdout, /uncounted|set-aside/);
});

test('rows that stand there twice do not make up for those whose place they have', async (t) => {
  const { home, path } = await filled(t);
  const [, second = 0, third = 0] = leavesOfRecords(path);
  const image = readFileSync(path);
  image.copyWithin((second - 1) * PAGE, (third - 1) * PAGE, third * PAGE);
  writeFileSync(path, image);
  const { ledger } = await afterwards(home);
  const lost = ledger.dropped.damaged ?? 0;
  assert.ok(lost > 0, 'what the overwritten page held is lost');
  assert.deepEqual([ledger.recorded, ledger.pending + lost], [RECORDS + 1, RECORDS + 1]);
});

test('counters that are gone are damage, and told', async (t) => {
  const { home, path } = await filled(t);
  change(path, 'DELETE FROM ledger');
  const { ledger, findings } = await afterwards(home);
  assert.equal(ledger.pending, RECORDS + 1);
  assert.ok(findings.includes('uncounted'), findings.join());
});

test('a flusher whose database has been set aside under its hands carries nothing over into that', async (t) => {
  const { home, path } = await filled(t);
  const stale = openSpool(home.directory, MIGRATIONS);
  t.after(() => stale.close());
  for (const end of ['', '-wal'])
    renameSync(path + end, join(home.directory, `usage.db.damaged-1600000000000${end}`));
  const env = { ARCADE_URL: NOWHERE.ARCADE_URL };
  await arcade(home, ['secret', 'list'], { env });
  assert.throws(() => salvage(stale, MIGRATIONS), DamagedError);
  assert.throws(() => refuseDamage(stale), DamagedError);
  assert.equal((await afterwards(home)).ledger.pending, RECORDS + 2);
});

test('a flusher that finds damage carries over what can be read, and sends it', async (t) => {
  const { home, path, roots } = await filled(t);
  const posthog = await startPostHog();
  t.after(() => posthog.close());
  // No command meets this page.
  damage(path, ((roots.get('flusher_run') ?? 0) - 1) * PAGE, PAGE);
  const env = { ARCADE_POSTHOG_HOST: posthog.url, ARCADE_POSTHOG_API_KEY: 'phc_test' };
  await startFlusher(home, env).ended;
  assert.deepEqual(unsalvagedFiles(home.directory), []);
  assert.equal(setAsideFiles(home.directory).length, 1);
  const { recorded, delivered, pending } = accountOf(home);
  assert.deepEqual([recorded, delivered, pending], [RECORDS, RECORDS, 0]);
});

const UNREADABLE = FAULTS['reading usage.db fails'];

test('a disk that cannot be read just now is no damage', {
  skip: UNREADABLE === undefined ? 'there is no such fault' : withoutFault(UNREADABLE),
}, async (t) => {
  const { home, path } = await filled(t);
  const flusher = join(PROGRAM, '..', 'flusher.js');
  // The first few are of the schema: where those fail SQLite itself says that the file is malformed.
  for (let reads = 14; reads < 44; reads += 4) {
    const env = {
      ...baseEnvironment(home),
      ...NOWHERE,
      ...UNREADABLE?.env?.(home),
      IO_ERROR_AFTER: `${reads}`,
    };
    await execa(process.execPath, ['--', flusher], { env, extendEnv: false, reject: false });
    const damaged = readdirSync(home.directory).filter((name) => name.includes('damaged'));
    assert.deepEqual(damaged, [], `after ${reads} reads`);
  }
  const db = new Database(path, { readonly: true });
  t.after(() => db.close());
  assert.equal(db.prepare('SELECT count(*) FROM record').pluck().get(), RECORDS);
});

test('disable erases all of a database with any page of it damaged, and the id that its events went out as', async (t) => {
  const home = sandbox(t);
  const env = { ARCADE_URL: NOWHERE.ARCADE_URL };
  for (let i = 0; i < 3; i += 1) await arcade(home, ['secret', 'list'], { env });
  const path = join(home.directory, 'usage.db');
  const [database, shared] = [path, join(home.directory, 'usage.json')].map((file) => readFileSync(file));
  assert.ok(database !== undefined && shared !== undefined);
  const { anon_id: id } = JSON.parse(shared.toString()) as { anon_id: string };
  const pages = database.length / PAGE;
  assert.ok(pages > 20);
  // One of them zeroed, all of them in turn; and the first bytes alone.
  const harms = Array.from({ length: pages }, (_, page) => ({ from: page * PAGE, bytes: PAGE }));
  for (const { from, bytes } of [{ from: 0, bytes: 16 }, ...harms]) {
    rmSync(home.directory, { recursive: true });
    home.write('usage.db', Buffer.from(database).fill(0, from, from + bytes));
    home.write('usage.json', shared);
    const { exitCode, stderr } = await arcade(home, ['usage', 'disable']);
    assert.equal(exitCode, 0, `${from}: ${stderr}`);
    for (const name of readdirSync(home.directory)) {
      const left = readFileSync(join(home.directory, name)).toString('latin1');
      assert.ok(!left.includes('secret.list'), `${from}: an event in ${name}`);
      assert.ok(!left.includes(id), `${from}: the id in ${name}`);
    }
  }
});

test('a log that ends in the middle of a transaction is no damage', async (t) => {
  const { home, log } = await withLog(t);
  truncateSync(log, readFileSync(log).length - 100);
  const { ledger, findings } = await afterwards(home);
  assert.equal(ledger.pending, 5);
  assert.ok(!findings.includes('set-aside'), findings.join());
});

test('what was carried over is not counted again when its new database is damaged as well', async (t) => {
  const home = sandbox(t);
  fillSpool(home.directory, 4);
  const path = join(home.directory, 'usage.db');
  change(path, "UPDATE ledger SET value = value + 3 WHERE name IN ('recorded', 'delivered')");
  const aside = (time: number): string => join(home.directory, `usage.db.damaged-${time}`);
  copyFileSync(path, aside(1_600_000_000_000));
  // The flusher that carried it over was killed before it had renamed it; then the new database was damaged.
  change(path, "UPDATE installation SET salvaged = 'usage.db.damaged-1600000000000'");
  damage(path, 0, 16);
  await arcade(home, ['secret', 'list'], { env: { ARCADE_URL: NOWHERE.ARCADE_URL } });
  const spool = openSpool(home.directory, MIGRATIONS);
  t.after(() => spool.close());
  salvage(spool, MIGRATIONS);
  const { recorded, delivered, pending, dropped } = readLedger(spool);
  assert.deepEqual(
    { recorded, delivered, pending, dropped },
    { recorded: 8, delivered: 3, pending: 5, dropped: {} },
  );
});
