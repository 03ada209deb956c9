/** On macOS a plain sync is not enough; the effect shows there alone, so this holds what SQLite is asked for. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDatabase } from '../../../src/infra/sqlite/database.ts';
import { openSpool } from '../../../src/usage/spool/spool.ts';
import { MIGRATIONS } from '../../support/queue.ts';
import { sandbox } from '../../support/sandbox.ts';

test('a checkpoint waits until the drive has what it writes', (t) => {
  const path = join(sandbox(t).home, 'usage.db');
  const db = openDatabase(path, { patience: { leftMs: 500 }, migrations: MIGRATIONS });
  t.after(() => db.close());
  assert.equal(db.pragma('checkpoint_fullfsync', { simple: true }), 1);
});

test('so does a commit that a power cut must not undo', (t) => {
  const spool = openSpool(sandbox(t).directory, MIGRATIONS);
  t.after(() => spool.close());
  spool.makeDurable();
  assert.deepEqual(spool.pragma('synchronous'), [{ synchronous: 2 }]);
  assert.deepEqual(spool.pragma('fullfsync'), [{ fullfsync: 1 }]);
});
