/** Recovery: what can still be read of a damaged database goes on in the new one, what is gone is counted. */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { execa } from 'execa';
import { DamagedError } from '../../../src/infra/sqlite/errors.ts';
import { currentIdentity } from '../../../src/usage/identity/identities.ts';
import { recover } from '../../../src/usage/recovery/recover.ts';
import { inSoundSpool } from '../../../src/usage/recovery/set-aside.ts';
import { discard } from '../../../src/usage/spool/consent.ts';
import { openSpool, type Spool } from '../../../src/usage/spool/spool.ts';
import {
  asideIn,
  change,
  copyPage,
  leavesOfRecords,
  ledgerOf,
  openSound,
  overwrite,
  overwritePages,
  PAGE,
  type Store,
  storeOf,
} from '../../support/damage.ts';
import { command, MIGRATIONS } from '../../support/queue.ts';

const recovering = (spool: Spool) => ({
  spool,
  migrations: MIGRATIONS,
  leftMs: () => 60_000,
});
const recoverAll = (spool: Spool): Promise<void> => recover(recovering(spool));
/** With time for the first steps alone. */
function recoverSome(spool: Spool): Promise<void> {
  let looks = 0;
  const leftMs = (): number => {
    looks += 1;
    return looks < 3 ? 1_000 : 0;
  };
  return recover({ ...recovering(spool), leftMs });
}

/** Some of the counters; undefined: it was never touched. */
function assertCounted(spool: Spool, expected: Readonly<Record<string, number | undefined>>): void {
  const ledger = ledgerOf(spool);
  const found = Object.fromEntries(Object.keys(expected).map((name) => [name, ledger[name]]));
  assert.deepEqual(found, expected);
}

/** The database set aside, as by a command that found it damaged; the spool that takes its place is open. */
function aside(t: TestContext, { home, path }: Store, time = 1_600_000_000_000): Spool {
  renameSync(path, join(home.directory, `usage.db.damaged-${time}`));
  return openSound(t, home);
}

type Leaves = ReturnType<typeof leavesOfRecords>;

function spoil({ path }: Store, leaves: Leaves): Leaves {
  overwritePages(path, ...leaves.map(({ page }) => page));
  return leaves;
}

/** Each harms pages of records, and returns those. */
const PAGES: Readonly<Record<string, (store: Store, leaves: Leaves) => Leaves>> = {
  'the first page is garbage': (store, leaves) => spoil(store, leaves.slice(0, 1)),
  'the second page is garbage': (store, leaves) => spoil(store, leaves.slice(1, 2)),
  'the last page is garbage': (store, leaves) => spoil(store, leaves.slice(-1)),
  'the last page is garbage, and nothing says how far the ids go': (store, leaves) => {
    overwritePages(store.path, store.roots.get('sqlite_sequence'));
    return spoil(store, leaves.slice(-1));
  },
  'a page stands in the place of a much later one': ({ path }, leaves) => {
    copyPage(path, leaves[2]?.page, leaves.at(-3)?.page);
    return leaves.slice(-3, -2);
  },
  'a page is garbage, and the last id is an old one': (store, leaves) => {
    change(store.path, 'UPDATE sqlite_sequence SET seq = 100');
    return spoil(store, leaves.slice(1, 2));
  },
  'three pages are garbage, and the first ids are long gone': (store) => {
    const sql = `DELETE FROM record WHERE id <= 100; UPDATE record SET id = id + 3000000;
      UPDATE sqlite_sequence SET seq = 3000301`;
    change(store.path, sql);
    const leaves = leavesOfRecords(store.path);
    return spoil(
      store,
      leaves.filter((_, i) => [0, 2, leaves.length - 1].includes(i)),
    );
  },
  'the file was cut off': ({ path }, leaves) => {
    const pages = Math.floor((statSync(path).size / PAGE) * 0.7);
    truncateSync(path, pages * PAGE);
    return leaves.filter(({ page }) => page > pages);
  },
};

for (const [what, harm] of Object.entries(PAGES)) {
  test(`when ${what} all other records are recovered, each under the id that a person knows it by`, async (t) => {
    const store = storeOf(t, 300);
    const lost = harm(store, leavesOfRecords(store.path)).flatMap(({ ids }) => ids);
    const all = what.includes('long gone') ? { from: 3_000_101, to: 3_000_301 } : { from: 1, to: 301 };
    const kept = Array.from({ length: all.to - all.from + 1 }, (_, i) => all.from + i).filter(
      (id) => !lost.includes(id),
    );
    const spool = aside(t, store);
    assert.ok(currentIdentity(spool) !== null, 'the anon_id goes on');
    await recoverAll(spool);
    assert.ok(lost.length > 0 && kept.length > 100);
    assert.deepEqual(spool.statement('SELECT id FROM record ORDER BY id').pluck().all(), kept);
    assertCounted(spool, { pending: kept.length, 'dropped.damaged': lost.length });
  });
}

test('records keep their states, and the counters agree with them', async (t) => {
  const store = storeOf(t, 9);
  change(
    store.path,
    `UPDATE record SET state = 'quarantined', reason = 'invalid' WHERE id <= 3;
     UPDATE record SET state = 'delivered', settled_at = 1 WHERE id = 4;
     UPDATE ledger SET value = value + 7 WHERE name IN ('recorded', 'delivered')`,
  );
  const spool = aside(t, store);
  await recoverAll(spool);
  const bytes = spool.statement(`SELECT sum(bytes) FROM record WHERE state = 'pending'`).pluck().get();
  assertCounted(spool, {
    recorded: 17,
    pending: 6,
    quarantined: 3,
    delivered: 8,
    pending_bytes: bytes as number,
  });
});

test('a record that the new database knows already is not counted twice, and delivered wins', async (t) => {
  const store = storeOf(t, 3);
  const spool = aside(t, store);
  await recoverAll(spool);
  // The same database once more, in which one of them has been delivered since.
  const old = join(store.home.directory, asideIn(store.home)[0] ?? '');
  change(old, `UPDATE record SET state = 'delivered', settled_at = 1 WHERE id = 2`);
  renameSync(old, join(store.home.directory, 'usage.db.damaged-1600000000009'));
  await recoverAll(spool);
  assertCounted(spool, { recorded: 4, pending: 3, delivered: 1 });
});

test('recovery goes in steps, between which commands write, and a killed flusher goes on where it was', async (t) => {
  const store = storeOf(t, 4_999);
  aside(t, store).close();
  const script = `
    import { recover } from '${new URL('../../../src/usage/recovery/recover.ts', import.meta.url).href}';
    import { openSpool } from '${new URL('../../../src/usage/spool/spool.ts', import.meta.url).href}';
    const spool = openSpool(process.argv.at(-2), process.argv.at(-1));
    let looks = 0;
    const leftMs = () => {
      looks += 1;
      if (looks === 12) process.kill(process.pid, 'SIGKILL');
      return 60_000;
    };
    await recover({ spool, migrations: process.argv.at(-1), leftMs });`;
  const { signal } = await execa(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', script, store.home.directory, MIGRATIONS],
    { cwd: join(import.meta.dirname, '..', '..', '..'), reject: false },
  );
  assert.equal(signal, 'SIGKILL');
  const spool = openSound(t, store.home);
  const halfway = ledgerOf(spool).pending ?? 0;
  assert.ok(halfway > 0 && halfway < 5_000, `${halfway} of 5,000`);
  let transactions = 0;
  const counting: Spool = {
    ...spool,
    transaction: (work) => {
      transactions += 1;
      return spool.transaction(work);
    },
  };
  await recoverAll(counting);
  assert.ok(transactions > 5, 'in steps');
  assert.ok(transactions < 16, `${transactions}: what was done is not done again`);
  assertCounted(spool, { recorded: 5_000, pending: 5_000 });
  assert.equal(spool.statement('SELECT count(*) FROM recovery WHERE done = 0').pluck().get(), 0);
});

test('recovery ends with its time, and the next one goes on, in another database too', async (t) => {
  const store = storeOf(t, 1_999);
  const spool = aside(t, store);
  await recoverSome(spool);
  const { pending = 0 } = ledgerOf(spool);
  assert.ok(pending > 0 && pending < 2_000, `${pending}`);
  assert.deepEqual(asideIn(store.home), ['usage.db.damaged-1600000000000']);
  // Of a database that is damaged while it recovers another the next one learns how far that has come.
  spool.close();
  const second = aside(t, store, 1_600_000_000_001);
  await recoverAll(second);
  assertCounted(second, { recorded: 2_000, pending: 2_000 });
});

const HEADERS: Readonly<Record<string, (path: string, roots: Store['roots']) => void>> = {
  'the first bytes are gone': (path) => overwrite(path, 0, 16),
  'the header is gone': (path) => overwrite(path, 0, 100),
  'the page size is wrong': (path) => overwrite(path, 16, 2),
  'the version is gone': (path) => overwrite(path, 60, 4),
  'the version is none': (path) => change(path, 'PRAGMA user_version = 0'),
  'the version is an older one': (path) => change(path, 'PRAGMA user_version = 3'),
  'the installation is gone': (path) => change(path, 'DELETE FROM installation'),
  'the installation has what another page had': (path) => change(path, 'UPDATE installation SET consent = 7'),
  'a table is gone': (path) => change(path, 'DROP TABLE backoff'),
  'a table has what another page had': (path, roots) =>
    copyPage(path, roots.get('ledger'), roots.get('backoff')),
};

for (const [what, harm] of Object.entries(HEADERS)) {
  test(`when ${what} no record is lost`, async (t) => {
    const { home, path, roots } = storeOf(t, 29);
    harm(path, roots);
    const use = (spool: Spool): unknown => spool.statement('UPDATE backoff SET until = until').run();
    inSoundSpool(openSound(t, home), MIGRATIONS, use);
    const spool = openSound(t, home);
    await recoverAll(spool);
    assertCounted(spool, { recorded: 30, pending: 30, uncounted: undefined });
    assert.equal(asideIn(home).length, 1);
  });
}

for (const part of ['identity', 'account', 'record_pending', 'attempt', 'installation', 'flusher_run']) {
  test(`when the page of ${part} is gone no record is lost`, async (t) => {
    const store = storeOf(t, 29);
    overwritePages(store.path, store.roots.get(part));
    const spool = aside(t, store);
    await recoverAll(spool);
    assertCounted(spool, { recorded: 30, pending: 30, uncounted: undefined });
  });
}

test('what cannot be counted is told: without counters, without a schema, of a file that was never a database', async (t) => {
  const harms: readonly ((store: Store) => void)[] = [
    ({ path, roots }) => overwritePages(path, roots.get('ledger')),
    ({ path }) => overwritePages(path, 1),
    ({ path }) => writeFileSync(path, 'x'.repeat(9000)),
    ({ path }) => writeFileSync(path, 'x'.repeat(50)),
  ];
  for (const harm of harms) {
    const store = storeOf(t, 9);
    harm(store);
    const spool = aside(t, store);
    await recoverAll(spool);
    assertCounted(spool, { uncounted: 1 });
    assert.equal(asideIn(store.home)[0]?.includes('recovered'), true);
  }
});

test('rows that stand there twice do not make up for those whose place they have', async (t) => {
  const store = storeOf(t, 300);
  const [, second, third] = leavesOfRecords(store.path);
  copyPage(store.path, third?.page, second?.page);
  const spool = aside(t, store);
  await recoverAll(spool);
  const ledger = ledgerOf(spool);
  assert.equal(ledger.recorded, 301);
  assert.ok((ledger['dropped.damaged'] ?? 0) >= (second?.ids.length ?? 0), 'what the page held is lost');
});

test('a value that no record may have is lost alone', async (t) => {
  const store = storeOf(t, 4);
  change(store.path, 'UPDATE record SET personless = 9 WHERE id = 1');
  const spool = aside(t, store);
  await recoverAll(spool);
  assertCounted(spool, { recorded: 5, pending: 4, 'dropped.damaged': 1 });
});

for (const [what, make] of Object.entries({
  'a database': () => undefined,
  'a file that was never one': ({ path }: Store) => writeFileSync(path, 'x'.repeat(9000)),
})) {
  test(`recovery of ${what} is not repeated when the flusher was killed before it could rename it`, async (t) => {
    const store = storeOf(t, 4);
    make(store);
    const spool = aside(t, store);
    await recoverAll(spool);
    const once = ledgerOf(spool);
    const [kept = ''] = asideIn(store.home);
    const at = (name: string): string => join(store.home.directory, name);
    renameSync(at(kept), at(kept.replace('recovered', 'damaged')));
    await recoverAll(spool);
    assert.deepEqual([ledgerOf(spool), asideIn(store.home)], [once, [kept]]);
  });
}

test('a flusher whose database has been set aside under its hands recovers nothing into that', async (t) => {
  const store = storeOf(t, 4);
  const stale = openSpool(store.home.directory, MIGRATIONS);
  t.after(() => stale.close());
  aside(t, store);
  await assert.rejects(recoverAll(stale), DamagedError);
});

test('what was set aside waits while another process holds the new database', async (t) => {
  const store = storeOf(t, 4);
  const spool = aside(t, store);
  const other = new Database(store.path);
  t.after(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  await recover({ ...recovering(spool), leftMs: () => 0 });
  assert.deepEqual(asideIn(store.home), ['usage.db.damaged-1600000000000']);
  other.exec('ROLLBACK');
  await recoverAll(spool);
  assert.equal(ledgerOf(spool).pending, 5);
});

test('what was set aside waits while it cannot be opened', async (t) => {
  const store = storeOf(t, 4);
  const name = 'usage.db.damaged-1600000000000';
  const inTheWay = join(store.home.directory, `${name}-wal`);
  mkdirSync(inTheWay);
  const spool = aside(t, store);
  await recoverAll(spool);
  assert.deepEqual(asideIn(store.home), [name]);
  rmdirSync(inTheWay);
  await recoverAll(spool);
  assertCounted(spool, { pending: 5, uncounted: undefined });
});

for (const when of ['before', 'after'] as const) {
  test(`what \`usage disable\` purges ${when} a step of recovery does not come back, and no file is left`, async (t) => {
    const store = storeOf(t, 4);
    const spool = aside(t, store);
    const off = (): void => void store.home.write('usage.off', '');
    const transaction = <T>(work: () => T): T => {
      if (when === 'before') off();
      const result = spool.transaction(work);
      off();
      return result;
    };
    await recoverAll({ ...spool, transaction });
    if (when === 'before') assertCounted(spool, { pending: 0 });
    assert.deepEqual(asideIn(store.home), []);
  });
}

test('`usage discard --all` drops what is still to be recovered, too', async (t) => {
  const store = storeOf(t, 4);
  const spool = aside(t, store);
  discard(spool, null);
  await recoverAll(spool);
  assertCounted(spool, { pending: 0, uncounted: 1 });
  assert.deepEqual(asideIn(store.home), ['usage.db.recovered-1600000000000']);
});

for (const part of ['ledger', 'identity', 'identity_current', 'installation']) {
  test(`an event that waits for its account when the page of ${part} is damaged is never joined to another's`, async (t) => {
    const store = storeOf(t, 0);
    change(
      store.path,
      `UPDATE identity SET fingerprint = 'ben';
       UPDATE record SET distinct_id = NULL, fingerprint = 'ben', personless = 0`,
    );
    overwritePages(store.path, store.roots.get(part));
    const spool = aside(t, store);
    // The next command finds nobody logged in, and goes on with the anon_id.
    command(spool, Date.now(), {});
    await recoverAll(spool);
    const current = currentIdentity(spool);
    const waiting = spool
      .statement(
        'SELECT i.anon_id, i.retired_at, i.fingerprint FROM record AS r JOIN identity AS i ON i.id = r.identity_id WHERE r.distinct_id IS NULL',
      )
      .get() as { anon_id: string; retired_at: number | null };
    assert.ok(waiting.anon_id !== current?.anonId, 'the anon_id that the next login is joined to');
    assert.ok(waiting.retired_at !== null);
  });
}
