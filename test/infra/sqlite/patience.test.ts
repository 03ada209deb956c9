/** Transactions that wait for other processes, with a log and with a rollback journal. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { transact } from '../../../src/infra/sqlite/patience.ts';
import { hold } from '../../support/holder.ts';
import { sandbox } from '../../support/sandbox.ts';

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
    for (const begin of ['BEGIN; SELECT * FROM t', 'BEGIN IMMEDIATE']) {
      t.after(await hold(path, begin, 150));
      assert.equal(insert(db), 1);
    }
    assert.equal(db.prepare('SELECT count(*) FROM t').pluck().get(), 2);
  });

  test(`in mode ${mode} its patience ends, and nothing is then changed`, async (t) => {
    const { path, db } = open(t, mode);
    t.after(await hold(path, 'BEGIN IMMEDIATE'));
    const patience = { leftMs: 60 };
    let ran = false;
    const work = (): void => {
      ran = true;
    };
    assert.throws(() => transact(db, patience, work), { code: 'SQLITE_BUSY' });
    assert.deepEqual([ran, patience.leftMs < 5], [false, true]);
  });
}

test('what its work throws undoes the work', (t) => {
  const { db } = open(t, 'WAL');
  const work = (): void => {
    db.exec('INSERT INTO t VALUES (1)');
    throw new Error('after it');
  };
  assert.throws(() => transact(db, { leftMs: 500 }, work), /after it/);
  assert.equal(db.prepare('SELECT count(*) FROM t').pluck().get(), 0);
});
