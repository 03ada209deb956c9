/** A damaged database is set aside, and recording goes on; our own mistakes, and what a newer program did, are no damage. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { NewerSchemaError } from '../../../src/infra/sqlite/database.ts';
import { DamagedError } from '../../../src/infra/sqlite/errors.ts';
import { currentIdentity } from '../../../src/usage/identity/identities.ts';
import { recover } from '../../../src/usage/recovery/recover.ts';
import { inSoundSpool, openSoundSpool, reopenIfDamaged } from '../../../src/usage/recovery/set-aside.ts';
import { assertNotReplaced, installationOf, type Spool } from '../../../src/usage/spool/spool.ts';
import { arcade } from '../../support/cli.ts';
import {
  asideIn,
  change,
  ledgerOf,
  openSound,
  overwrite,
  overwritePages,
  PAGE,
  storeOf,
} from '../../support/damage.ts';
import { command, MIGRATIONS, makeSpool } from '../../support/queue.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';
import { world } from '../../support/world.ts';

interface Status {
  readonly consent: unknown;
  readonly identity: { readonly anon_id: string | null };
  readonly ledger: { readonly recorded: number; readonly delivered: number; readonly pending: number };
}

/** Runs a command that fails by itself, and records that. */
async function record(home: Sandbox): Promise<string> {
  const { exitCode, stderr } = await arcade(home, ['secret', 'list']);
  assert.equal(exitCode, 1);
  return stderr;
}

async function status(home: Sandbox): Promise<Status> {
  return JSON.parse((await arcade(home, ['usage', 'status', '--json'])).stdout) as Status;
}

test('a command that meets damage sets it aside and goes on; the next flusher recovers and sends', async (t) => {
  const { home, path } = storeOf(t, 30);
  const before = await status(home);
  overwrite(path, 0, 100);
  assert.doesNotMatch(await record(home), /Arcade collects/, 'the notice is not shown again');
  const after = await status(home);
  assert.equal(after.identity.anon_id, before.identity.anon_id);
  assert.equal(after.ledger.recorded, 1);
  const { posthog } = await world(t);
  assert.equal((await arcade(home, ['usage', 'flush'], { env: posthog.env })).exitCode, 0);
  assert.equal(posthog.stored().length, 32);
  const { ledger } = await status(home);
  assert.deepEqual([ledger.recorded, ledger.delivered, ledger.pending], [32, 32, 0]);
  assert.match((await arcade(home, ['usage', 'doctor'])).stdout, /usage\.db\.recovered-\d+/);
});

test('twenty commands that meet the same damage set it aside once', async (t) => {
  const { home, path } = storeOf(t, 0);
  overwrite(path, 0, 100);
  await Promise.all(Array.from({ length: 20 }, () => record(home)));
  assert.equal(asideIn(home).length, 1);
});

test('of many damaged databases the last three are kept at any time, and what is lost with another is told', async (t) => {
  const { home, path } = storeOf(t, 0);
  for (let i = 0; i < 5; i += 1) {
    overwrite(path, 0, 100);
    const spool = openSoundSpool(home.directory, MIGRATIONS);
    command(spool, Date.now(), {});
    spool.pragma('wal_checkpoint(TRUNCATE)');
    spool.close();
  }
  assert.equal(asideIn(home).length, 3);
  // Each new one begins without the counters of the one before; the last one says what was removed for it.
  assert.equal(ledgerOf(openSound(t, home)).uncounted, 1);
});

for (const name of ['.arcade', '.arcade/usage.db']) {
  test(`${name} that has been deleted is not damaged: who had it open, or opens it now, makes nothing`, (t) => {
    const { home } = storeOf(t, 3);
    const spool = openSound(t, home);
    rmSync(join(home.home, name), { recursive: true });
    const files = (): unknown[] =>
      readdirSync(home.home, { recursive: true }).filter((file) => !/-(wal|shm)$/.test(String(file)));
    const left = files();
    assert.throws(() => assertNotReplaced(spool), DamagedError);
    assert.throws(() => reopenIfDamaged(spool, MIGRATIONS, new DamagedError()));
    assert.throws(() => openSoundSpool(home.directory, MIGRATIONS));
    assert.deepEqual(files(), left);
  });
}

test('one that is recovered goes before one that still waits for it', (t) => {
  const { home, path } = storeOf(t, 3);
  renameSync(path, join(home.directory, 'usage.db.damaged-1600000000000'));
  for (const time of [1_700_000_000_000, 1_700_000_000_001])
    home.write(`usage.db.recovered-${time}`, 'kept for a person');
  makeSpool(home.directory).close();
  overwrite(path, 0, 100);
  openSoundSpool(home.directory, MIGRATIONS).close();
  const left = asideIn(home);
  assert.equal(left.length, 3);
  assert.ok(left.includes('usage.db.damaged-1600000000000'), left.join());
});

test('what is only called like a database that was set aside is in nobody’s way', async (t) => {
  const { home, path } = storeOf(t, 0);
  const at = (name: string): string => join(home.directory, name);
  execFileSync('mkfifo', [at('usage.db.damaged-5')]);
  symlinkSync('/etc/passwd', at('usage.db.damaged-6'));
  for (const n of [1, 2, 3, 4]) mkdirSync(at(`usage.db.recovered-${n}`));
  overwrite(path, 0, 100);
  openSoundSpool(home.directory, MIGRATIONS).close();
  assert.equal((await arcade(home, ['usage', 'disable'])).exitCode, 0);
  assert.ok(existsSync('/etc/passwd') && existsSync(at('usage.db.recovered-1')));
});

for (const [how, lose] of Object.entries({
  'damaged beyond reading': (path: string) => overwrite(path, 0, 1_000_000),
  deleted: (path: string) => rmSync(path),
})) {
  test(`usage disable outlives a database that is ${how}, until it is taken back`, async (t) => {
    const { home, path } = storeOf(t, 0);
    assert.equal((await arcade(home, ['usage', 'disable'])).exitCode, 0);
    lose(path);
    await record(home);
    assert.deepEqual((await status(home)).consent, { enabled: false, decided_by: 'usage disable' });
    assert.equal((await arcade(home, ['usage', 'enable'])).exitCode, 0);
    assert.deepEqual(asideIn(home), []);
    assert.equal((await status(home)).ledger.recorded, 0);
    await record(home);
    assert.equal((await status(home)).ledger.recorded, 1);
  });
}

const OURS: Readonly<Record<string, string>> = {
  'a value that its column may not hold': `UPDATE installation SET consent = 7`,
  'a missing value': `INSERT INTO identity (anon_id) VALUES ('a')`,
  'a type that is not the column’s': `UPDATE ledger SET value = 'many'`,
  'a table that does not exist': 'SELECT * FROM no_such_table',
  'a column that does not exist': 'SELECT no_such_column FROM record',
};

for (const [mistake, sql] of Object.entries(OURS)) {
  test(`a statement of ours with ${mistake} gives up its event and leaves the database where it is`, (t) => {
    const { home } = storeOf(t, 3);
    const use = (spool: Spool): unknown => spool.statement(sql).run();
    assert.throws(() => inSoundSpool(openSound(t, home), MIGRATIONS, use), { name: 'SqliteError' });
    assert.deepEqual(asideIn(home), []);
    assert.equal(ledgerOf(openSound(t, home)).pending, 4);
  });
}

test('a database that a newer program has changed meanwhile is not taken for a damaged one', (t) => {
  const { home, path } = storeOf(t, 0);
  const spool = openSound(t, home);
  change(path, 'ALTER TABLE backoff RENAME TO pause; PRAGMA user_version = 99');
  const use = (sound: Spool): unknown => sound.statement('SELECT * FROM backoff').get();
  assert.throws(() => inSoundSpool(spool, MIGRATIONS, use), NewerSchemaError);
  assert.deepEqual(asideIn(home), []);
});

test('a log that is torn by a power cut is no damage: it ends at its first bad frame', (t) => {
  const { home, path } = storeOf(t, 0);
  const spool = openSound(t, home);
  for (let i = 0; i < 3; i += 1) command(spool, Date.now(), {});
  const torn = sandbox(t);
  // An older frame in the middle, with newer ones behind it: pages reach the disk in any order.
  const log = readFileSync(`${path}-wal`);
  const frame = 24 + PAGE;
  const middle = 32 + Math.floor((log.length - 32) / frame / 2) * frame;
  log.fill(0x11, middle + 24, middle + frame);
  torn.write('usage.db', readFileSync(path));
  torn.write('usage.db-wal', log);
  const next = openSound(t, torn);
  command(next, Date.now(), {});
  assert.deepEqual(asideIn(torn), []);
  const { recorded = 0 } = ledgerOf(next);
  assert.ok(recorded >= 2 && recorded < 5, `${recorded} recorded`);
});

test('an event of a command whose database was set aside meanwhile goes into the new one', (t) => {
  const { home, path } = storeOf(t, 3);
  const slow = makeSpool(home.directory);
  for (const end of ['', '-wal'])
    renameSync(path + end, join(home.directory, `usage.db.recovered-1600000000000${end}`));
  makeSpool(home.directory).close();
  inSoundSpool(slow, MIGRATIONS, (spool) => command(spool, Date.now(), {}));
  assert.equal(ledgerOf(openSound(t, home)).recorded, 1);
});

test('a new database that its maker left empty takes over from the damaged one, and is not used while that is locked', (t) => {
  const { home, path } = storeOf(t, 3);
  change(path, `UPDATE identity SET fingerprint = 'ana'`);
  const held = new Database(path);
  held.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  renameSync(path, join(home.directory, 'usage.db.damaged-1600000000000'));
  assert.throws(() => makeSpool(home.directory), { code: 'SQLITE_BUSY' });
  held.close();
  const heir = openSound(t, home);
  assert.equal(currentIdentity(heir)?.fingerprint, 'ana');
  assert.notEqual(installationOf(heir).notice_shown_at, null);
});

test('a database follows its log aside where the process was killed between the two', async (t) => {
  const { home, path } = storeOf(t, 0);
  const open = makeSpool(home.directory);
  command(open, Date.now(), {});
  const torn = sandbox(t);
  torn.write('usage.db', readFileSync(path));
  torn.write(`usage.db.damaged-${Date.now() + 1000}-wal`, readFileSync(`${path}-wal`));
  open.close();
  // Also where the next command would not meet the damage.
  const spool = openSound(t, torn);
  await recover({ spool, migrations: MIGRATIONS, leftMs: () => 60_000 });
  assert.deepEqual([ledgerOf(spool).pending, asideIn(torn).length], [2, 1]);
});

for (const part of ['nothing else', 'installation'] as const) {
  test(`where the header and ${part} are gone, identities go on with what is known of them; a copy stays one`, (t) => {
    const { home, path, roots } = storeOf(t, 0);
    change(path, `UPDATE identity SET unused = 1, fingerprint = 'ana'`);
    const open = (): Spool => openSoundSpool(home.directory, MIGRATIONS);
    const ofCurrent = (spool: Spool): unknown[] => {
      const { unused, fingerprint } = currentIdentity(spool) ?? {};
      const birth = spool.statement('SELECT birth FROM identity WHERE retired_at IS NULL').pluck().get();
      spool.close();
      return [birth, unused, fingerprint];
    };
    const damage = (): void => {
      if (part !== 'nothing else') overwritePages(path, roots.get(part));
      overwrite(path, 0, 100);
    };
    damage();
    const second = open();
    assert.deepEqual(ofCurrent(second), [second.birth, true, 'ana']);
    change(path, `UPDATE identity SET birth = '5'`);
    damage();
    assert.deepEqual(ofCurrent(open()), ['5', true, 'ana']);
  });
}
