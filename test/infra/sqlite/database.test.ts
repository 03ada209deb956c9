/** Opening a database: its migrations in order, once, and all of one or nothing; how it waits, and what it syncs. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { openDatabase } from '../../../src/infra/sqlite/database.ts';
import { disable } from '../../../src/usage/spool/consent.ts';
import { makeSpool, MIGRATIONS as migrations } from '../../support/queue.ts';
import { sandbox } from '../../support/sandbox.ts';

const patience = () => ({ leftMs: 500 });

test('migrations are numbered from 0001 without a gap', () => {
  const numbers = readdirSync(migrations)
    .sort()
    .map((name) => Number(name.slice(0, 4)));
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => i + 1),
  );
});

const emptyFile = (t: TestContext): string => sandbox(t).write('usage.db', '');

test('opening an empty database applies them all, and opening it again none', (t) => {
  const path = emptyFile(t);
  for (let i = 0; i < 2; i += 1) {
    const db = openDatabase(path, migrations, patience());
    assert.equal(db.pragma('user_version', { simple: true }), readdirSync(migrations).length);
    assert.equal(db.pragma('journal_mode', { simple: true }), 'wal');
    // On macOS a plain sync is not enough; the effect shows there alone.
    assert.equal(db.pragma('checkpoint_fullfsync', { simple: true }), 1);
    db.close();
  }
});

test('a database of a newer version is left alone', (t) => {
  const path = join(sandbox(t).home, 'usage.db');
  const newer = new Database(path);
  newer.exec('CREATE TABLE kept (x); PRAGMA user_version = 9999');
  newer.close();
  assert.throws(() => openDatabase(path, migrations, patience()), /newer version/);
  const after = new Database(path, { readonly: true });
  t.after(() => after.close());
  assert.equal(after.pragma('user_version', { simple: true }), 9999);
  assert.deepEqual(after.prepare('SELECT name FROM sqlite_schema').all(), [{ name: 'kept' }]);
});

test('a migration that fails leaves the database as it was', (t) => {
  const home = sandbox(t);
  const folder = join(home.home, '.arcade');
  home.write('0001_good.sql', 'CREATE TABLE good (x)');
  home.write('0002_bad.sql', 'CREATE TABLE half (x); CREATE TABLE good (x)');
  const path = home.write('test.db', '');
  assert.throws(() => openDatabase(path, folder, patience()), /already exists/);
  const after = new Database(path, { readonly: true });
  t.after(() => after.close());
  assert.equal(after.pragma('user_version', { simple: true }), 0);
  assert.deepEqual(after.prepare('SELECT name FROM sqlite_schema').all(), []);
});

test('all that opening waits for another process comes out of one patience', (t) => {
  const path = emptyFile(t);
  openDatabase(path, migrations, patience()).close();
  const other = new Database(path);
  t.after(() => other.close());
  other.pragma('locking_mode = EXCLUSIVE');
  other.exec('BEGIN EXCLUSIVE');
  const left = { leftMs: 100 };
  assert.throws(() => openDatabase(path, migrations, left), { code: 'SQLITE_BUSY' });
  assert.ok(left.leftMs < 5);
});

test('what usage disable commits waits until the drive has it', (t) => {
  const spool = makeSpool(sandbox(t).directory);
  t.after(() => spool.close());
  disable(spool, Date.now());
  assert.deepEqual(spool.pragma('synchronous'), [{ synchronous: 2 }]);
  assert.deepEqual(spool.pragma('fullfsync'), [{ fullfsync: 1 }]);
});
