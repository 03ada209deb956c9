/** On macOS a plain sync is not enough; the effect shows there alone, so this holds what SQLite is asked for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDatabase } from '../../../src/infra/sqlite/database.ts';
import { disable } from '../../../src/usage/spool/consent.ts';
import { MIGRATIONS, makeSpool } from '../../support/queue.ts';
import { sandbox } from '../../support/sandbox.ts';

test('a checkpoint waits until the drive has what it writes', (t) => {
  const path = sandbox(t).write('usage.db', '');
  const db = openDatabase(path, { patience: { leftMs: 500 }, migrations: MIGRATIONS });
  t.after(() => db.close());
  assert.equal(db.pragma('checkpoint_fullfsync', { simple: true }), 1);
});

test('so does what usage disable commits', (t) => {
  const spool = makeSpool(sandbox(t).directory);
  t.after(() => spool.close());
  disable(spool, Date.now());
  assert.deepEqual(spool.pragma('synchronous'), [{ synchronous: 2 }]);
  assert.deepEqual(spool.pragma('fullfsync'), [{ fullfsync: 1 }]);
});
