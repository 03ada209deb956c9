/** A database read as bytes, without locking or changing it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { execa } from 'execa';
import { isBusy } from '../../../src/infra/sqlite/errors.ts';
import { readDatabaseImage } from '../../../src/infra/sqlite/image.ts';
import { sandbox } from '../../support/sandbox.ts';

/** The bytes of a database and of its log, as a crash leaves them; with `checkpoint` the database has all of the log. */
function crashed(t: TestContext, checkpoint: boolean): { database: Buffer; log: Buffer } {
  const path = join(sandbox(t).home, 'live.db');
  const db = new Database(path);
  t.after(() => db.close());
  db.pragma('journal_mode = WAL');
  db.pragma('wal_autocheckpoint = 0');
  db.exec('CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)');
  const insert = db.prepare('INSERT INTO t (text) VALUES (?)');
  for (let i = 0; i < 180; i += 1) insert.run('x'.repeat(i * 7));
  // Of many frames, of which the last alone says that it is whole.
  db.transaction(() => {
    for (let i = 0; i < 20; i += 1) insert.run('x'.repeat(2_000));
  })();
  if (checkpoint) db.pragma('wal_checkpoint(PASSIVE)');
  return { database: readFileSync(path), log: readFileSync(`${path}-wal`) };
}

/** Null when there is no table. */
function rowsOf(source: Buffer | string): number | null {
  const db = new Database(source);
  try {
    assert.equal(db.pragma('integrity_check', { simple: true }), 'ok');
    const hasTable = db.prepare('SELECT 1 FROM sqlite_schema').get() !== undefined;
    return hasTable ? (db.prepare('SELECT count(*) FROM t').pluck().get() as number) : null;
  } finally {
    db.close();
  }
}

for (const checkpoint of [false, true]) {
  const title = checkpoint ? 'that is in the database as well' : 'that is not in the database yet';
  test(`of a log ${title} it reads what SQLite reads, however that was cut or changed`, (t) => {
    const { database, log } = crashed(t, checkpoint);
    const { home } = sandbox(t);
    const frame = 24 + 4096;
    const middle = 32 + frame * Math.floor((log.length - 32) / frame / 2);
    const lengths = [log.length, 0, 1, 31, 32, 33, 56];
    for (const cut of [1, 100, 4096, 4120, 50_000]) lengths.push(log.length - cut);
    const changed = [0, 5, 9, 17, 25, middle + 8, middle + 17, middle + 24 + 1000].map((at) => {
      const bytes = Buffer.from(log);
      bytes[at] = (bytes[at] ?? 0) ^ 0xff;
      return bytes;
    });
    const logs = [...lengths.map((length) => log.subarray(0, length)), ...changed];
    const read = logs.map((bytes, i) => {
      const path = join(home, `${i}.db`);
      writeFileSync(path, database);
      writeFileSync(`${path}-wal`, bytes);
      const ours = rowsOf(readDatabaseImage(path));
      // SQLite's own opinion comes last, for it changes what it opens.
      assert.equal(ours, rowsOf(path), `log ${i}`);
      return ours;
    });
    assert.ok(read.includes(180), 'a transaction without its end is not there');
    assert.equal(read[0], 200);
  });
}

const program = (code: string, ...words: readonly string[]) =>
  execa(process.execPath, ['--input-type=module', '-e', code, ...words], {
    cwd: import.meta.dirname,
    reject: false,
  });

/** Moves amounts between two tables, so that their sum is always 0, in every way that a log or a journal comes and goes. */
const WRITER = `
  import { existsSync } from 'node:fs';
  import Database from 'better-sqlite3';
  const [mode, path] = process.argv.slice(-2);
  const random = (n) => Math.floor(Math.random() * n);
  while (!existsSync(path + '.stop')) {
    const db = new Database(path, { timeout: 60_000 });
    db.pragma('journal_mode = ' + mode);
    db.pragma('synchronous = ' + (mode === 'WAL' || random(10) > 0 ? 'OFF' : 'NORMAL'));
    db.pragma('cache_size = ' + [1, 2000][random(2)]);
    db.pragma('wal_autocheckpoint = ' + [0, 5, 50][random(3)]);
    const move = db.transaction((n, by) => {
      db.prepare('UPDATE a SET v = v + ? WHERE n = ?').run(by, n);
      db.prepare('INSERT INTO log (text) VALUES (?)').run('x'.repeat(random(3000)));
      db.prepare('UPDATE b SET v = v - ? WHERE n = ?').run(by, n);
      if (random(4) === 0) db.prepare('DELETE FROM log WHERE n < ?').run(random(500));
    });
    for (let i = random(60); i >= 0; i -= 1) {
      move.immediate(random(300), random(1000));
      if (random(9) === 0) db.pragma('wal_checkpoint(' + ['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'][random(4)] + ')');
    }
    db.close();
  }
`;

/** Leaves a transaction half written, its journal beside it, and dies. */
const KILLED = `
  import Database from 'better-sqlite3';
  const [path] = process.argv.slice(-1);
  const db = new Database(path);
  db.pragma('journal_mode = DELETE');
  db.exec('CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)');
  const insert = db.prepare('INSERT INTO t (text) VALUES (?)');
  db.transaction(() => { for (let i = 0; i < 200; i += 1) insert.run('x'.repeat(i * 7)); })();
  db.pragma('cache_size = 1');
  db.exec('BEGIN');
  for (let i = 0; i < 200; i += 1) insert.run('y'.repeat(i * 11));
  db.exec("UPDATE t SET text = 'z' WHERE n % 3 = 0");
  process.kill(process.pid, 'SIGKILL');
`;

test('a transaction under way beside a rollback journal, or one that a crash has left, is busy and stays as it is', async (t) => {
  const { home } = sandbox(t);
  const path = join(home, 'killed.db');
  assert.equal((await program(KILLED, path)).signal, 'SIGKILL');
  const [database, journal] = [readFileSync(path), readFileSync(`${path}-journal`)];
  assert.ok(journal.length > 20_000);
  assert.throws(() => readDatabaseImage(path), { code: 'SQLITE_BUSY' });
  assert.ok(readFileSync(path).equals(database) && readFileSync(`${path}-journal`).equals(journal));
  // A first reading by SQLite plays the journal back.
  const next = new Database(path);
  next.pragma('user_version');
  next.close();
  assert.equal(rowsOf(readDatabaseImage(path)), 200);
});

for (const mode of ['WAL', 'TRUNCATE']) {
  test(`beside two writers in mode ${mode} that use it in every way, each reading is whole`, (t) =>
    readBesideWriters(t, mode));
}

async function readBesideWriters(t: TestContext, mode: string): Promise<void> {
  const { home } = sandbox(t);
  const path = join(home, 'busy.db');
  const db = new Database(path);
  db.pragma(`journal_mode = ${mode}`);
  db.exec(`CREATE TABLE a (n INTEGER PRIMARY KEY, v INTEGER); CREATE TABLE b (n INTEGER PRIMARY KEY, v INTEGER);
    CREATE TABLE log (n INTEGER PRIMARY KEY, text TEXT)`);
  for (let i = 0; i < 300; i += 1) db.exec(`INSERT INTO a VALUES (${i}, 0); INSERT INTO b VALUES (${i}, 0)`);
  db.close();
  const writers = [0, 1].map(() => program(WRITER, mode, path));
  t.after(() => writers.map((writer) => writer.kill('SIGKILL')));
  const seen = new Set<number>();
  let readings = 0;
  let restless = 0;
  const deadline = performance.now() + 60_000;
  while ((seen.size <= 10 || readings < 30) && performance.now() < deadline) {
    try {
      const image = new Database(readDatabaseImage(path));
      assert.equal(image.pragma('integrity_check', { simple: true }), 'ok');
      const { sum, moves } = image
        .prepare(
          'SELECT (SELECT sum(v) FROM a) + (SELECT sum(v) FROM b) AS sum, (SELECT max(n) FROM log) AS moves',
        )
        .get() as { sum: number; moves: number };
      image.close();
      assert.equal(sum, 0);
      seen.add(moves);
      readings += 1;
    } catch (error) {
      if (!isBusy(error)) throw error;
      restless += 1;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  writeFileSync(`${path}.stop`, '');
  for (const { exitCode, stderr } of await Promise.all(writers)) assert.equal(exitCode, 0, stderr);
  assert.ok(seen.size > 10, `${seen.size} states in ${readings} readings, ${restless} times restless`);
  assert.ok(restless < readings, `${restless} of ${readings} readings found no quiet moment`);
}
