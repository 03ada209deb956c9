/** Transactions that wait for other processes, with a log and with a rollback journal. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { transact } from '../../../src/infra/sqlite/patience.ts';
import { sandbox } from '../../support/sandbox.ts';

const HOLDER = `
  import Database from 'better-sqlite3';
  const [path, begin, ms] = process.argv.slice(-3);
  const db = new Database(path);
  db.exec(begin);
  db.prepare('SELECT * FROM t').all();
  console.log('held');
  // Named here, for a database that is collected as garbage is closed.
  setTimeout(() => process.exit(db.open ? 0 : 1), Number(ms));
`;

/** Another process that has begun so, and lets go by its end after `ms`. */
async function hold(t: TestContext, path: string, begin: string, ms: number): Promise<ChildProcess> {
  const args = ['--input-type=module', '-e', HOLDER, path, begin, String(ms)];
  const child = spawn(process.execPath, args, {
    cwd: join(import.meta.dirname, '..', '..', '..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

function open(t: TestContext, mode: string): { path: string; db: Database.Database } {
  const path = join(sandbox(t).home, 'test.db');
  const db = new Database(path);
  t.after(() => db.close());
  db.pragma(`journal_mode = ${mode}`);
  db.exec('CREATE TABLE t (n)');
  return { path, db };
}

const insert = (db: Database.Database): number =>
  transact(db, { leftMs: 5_000 }, () => db.prepare('INSERT INTO t VALUES (1)').run().changes);

for (const mode of ['WAL', 'TRUNCATE']) {
  test(`in mode ${mode} it waits for a writer, and for a reader that would keep it from its commit`, async (t) => {
    const { path, db } = open(t, mode);
    for (const begin of ['BEGIN', 'BEGIN IMMEDIATE']) {
      await hold(t, path, begin, 150);
      assert.equal(insert(db), 1);
    }
    assert.equal(db.prepare('SELECT count(*) FROM t').pluck().get(), 2);
  });

  test(`in mode ${mode} its patience ends, and nothing is then changed`, async (t) => {
    const { path, db } = open(t, mode);
    await hold(t, path, 'BEGIN IMMEDIATE', 60_000);
    const patience = { leftMs: 60 };
    let ran = false;
    const work = (): void => {
      ran = true;
    };
    assert.throws(() => transact(db, patience, work), { code: 'SQLITE_BUSY' });
    assert.deepEqual([ran, patience.leftMs < 5], [false, true]);
  });
}

test('what its work throws undoes the work, and is not tried again', (t) => {
  const { db } = open(t, 'WAL');
  let runs = 0;
  const busy = new Database.SqliteError('not of this lock', 'SQLITE_BUSY');
  const work = (): void => {
    runs += 1;
    db.exec('INSERT INTO t VALUES (1)');
    throw busy;
  };
  assert.throws(() => transact(db, { leftMs: 500 }, work), busy);
  assert.deepEqual([runs, db.prepare('SELECT count(*) FROM t').pluck().get()], [1, 0]);
});
