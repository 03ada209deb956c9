/** A spool that an earlier version of this program has made: `test/fixtures/usage-schema-6.db.gz`, with its usage.json. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { append } from '../../../src/usage/append/append.ts';
import { currentIdentity, principalOf } from '../../../src/usage/identity/identities.ts';
import { backoffOf, postHogAt } from '../../../src/usage/spool/backoff.ts';
import { fingerprintBy } from '../../../src/usage/spool/key.ts';
import { readLedger } from '../../../src/usage/spool/ledger.ts';
import { credentialsOf, DESTINATION, makeSpool, sampleEntry, unaccounted } from '../../support/queue.ts';
import { sandbox } from '../../support/sandbox.ts';

const FIXTURES = join(import.meta.dirname, '..', '..', 'fixtures');

test('a spool of schema 6 opens with its records, identities, accounts and back-off, and goes on', (t) => {
  const home = sandbox(t);
  home.write('usage.db', gunzipSync(readFileSync(join(FIXTURES, 'usage-schema-6.db.gz'))));
  home.write('usage.json', readFileSync(join(FIXTURES, 'usage-schema-6.json')));
  const spool = makeSpool(home.directory);
  t.after(() => spool.close());
  const { recorded, delivered, pending, quarantined } = readLedger(spool);
  assert.deepEqual(
    { recorded, delivered, pending, quarantined },
    { recorded: 8, delivered: 3, pending: 4, quarantined: 1 },
  );
  assert.equal(unaccounted(spool), 0);
  const states = spool.statement('SELECT state FROM record ORDER BY record.id').pluck().all();
  assert.equal(states.join(' '), 'delivered delivered delivered quarantined pending pending pending pending');
  const unbound = spool.statement('SELECT count(*) FROM record WHERE distinct_id IS NULL').pluck().get();
  assert.equal(unbound, 1);
  assert.equal(principalOf(spool, fingerprintBy<null>(spool.key(), 'account of ana') ?? ''), 'principal-ana');
  const backoff = backoffOf(spool, postHogAt(spool, DESTINATION));
  assert.deepEqual([backoff?.reason, backoff?.streak], ['offline', 3]);
  const before = currentIdentity(spool);
  const now = Date.parse('2026-11-28T01:00:00Z');
  const showNotice = (): void => assert.fail('it has been shown');
  append(spool, sampleEntry(now, { credentials: credentialsOf('account of ana'), showNotice }));
  const last = spool
    .statement('SELECT distinct_id FROM record ORDER BY record.id DESC LIMIT 1')
    .pluck()
    .get();
  assert.equal(last, 'principal-ana', 'her credentials are still known, and her identity is resumed');
  assert.notEqual(currentIdentity(spool)?.id, before?.id);
  const shared = home.shared();
  assert.equal(shared.linked_principal_id, 'principal-ana');
});
