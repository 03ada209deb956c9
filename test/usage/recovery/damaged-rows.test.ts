/** Damage that SQLite does not see: rows that say something else than was written, and files that are not what they are called. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { isDamage } from '../../../src/infra/sqlite/errors.ts';
import { isReadable } from '../../../src/usage/event/wire.ts';
import { openSoundSpool, unsalvagedFiles, withSoundSpool } from '../../../src/usage/recovery/set-aside.ts';
import { installationOf, openSpool } from '../../../src/usage/spool/spool.ts';
import { arcade } from '../../support/cli.ts';
import { accountOf, startFlusher } from '../../support/flusher.ts';
import { type PostHog, startPostHog } from '../../support/posthog.ts';
import { command, fillSpool, MIGRATIONS } from '../../support/queue.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';

const RECORDS = 30;

async function filled(
  t: TestContext,
): Promise<{ home: Sandbox; posthog: PostHog; env: Record<string, string> }> {
  const home = sandbox(t);
  fillSpool(home.directory, RECORDS);
  const posthog = await startPostHog();
  t.after(() => posthog.close());
  return { home, posthog, env: { ARCADE_POSTHOG_HOST: posthog.url, ARCADE_POSTHOG_API_KEY: 'phc_test' } };
}

function change(home: Sandbox, set: string): void {
  const db = new Database(join(home.directory, 'usage.db'));
  db.exec(`UPDATE record SET ${set} WHERE id = 7`);
  db.close();
}

const CHANGES: Readonly<Record<string, string>> = {
  'whose properties begin with another character': `properties = 'z' || substr(properties, 2)`,
  'whose properties end early': `properties = substr(properties, 1, 40)`,
  'whose properties are a list': `properties = '[]'`,
  'whose uuid is none': `uuid = 'X' || substr(uuid, 2)`,
  'of an unknown event': `event = 'CLI execution sucbeeded'`,
  'of a time that no calendar has': 'recorded_at = 9000000000000000',
};

for (const [what, set] of Object.entries(CHANGES)) {
  test(`a record ${what} is quarantined as unreadable, and holds up no other`, async (t) => {
    const { home, posthog, env } = await filled(t);
    change(home, set);
    for (const words of [
      ['doctor'],
      ['list'],
      ['stats'],
      ['export'],
      ['status', '--json'],
      ['show', '7'],
      ['report', '-o', '-'],
    ]) {
      const { stdout, stderr } = await arcade(home, ['usage', ...words]);
      assert.doesNotMatch(stdout + stderr, /Something unexpected/, words.join(' '));
    }
    const { exitCode, stdout } = await arcade(home, ['usage', 'flush'], { env });
    assert.equal(exitCode, 0, stdout);
    assert.equal(posthog.stored().length, RECORDS - 1);
    const { stdout: listed } = await arcade(home, ['usage', 'list', '--state', 'quarantined', '--json']);
    const { records } = JSON.parse(listed) as { records: { id: number; reason: string }[] };
    assert.deepEqual(
      records.map(({ id, reason }) => [id, reason]),
      [[7, 'unreadable']],
    );
    const after = await arcade(home, ['usage', 'doctor']);
    assert.doesNotMatch(after.stdout, /damaged/);
    assert.match(after.stdout, /Every record is accounted for/);
  });
}

test('every row that the program writes is intact', async (t) => {
  const { home } = await filled(t);
  const spool = openSpool(home.directory, MIGRATIONS);
  t.after(() => spool.close());
  const rows = spool.statement('SELECT * FROM record').all() as object[];
  assert.equal(rows.length, RECORDS);
  assert.ok(rows.every(isReadable));
  assert.ok(!rows.some((row) => isReadable({ ...row, properties: null })));
});

test('an event of a command whose database was set aside meanwhile goes into the new one', async (t) => {
  const { home } = await filled(t);
  const slow = openSpool(home.directory, MIGRATIONS);
  for (const end of ['', '-wal'])
    renameSync(
      join(home.directory, `usage.db${end}`),
      join(home.directory, `usage.db.salvaged-1600000000000${end}`),
    );
  openSpool(home.directory, MIGRATIONS).close();
  withSoundSpool(slow, MIGRATIONS, (spool) => command(spool, Date.now(), {}));
  assert.equal(accountOf(home).recorded, 1);
  const old = new Database(join(home.directory, 'usage.db.salvaged-1600000000000'), { readonly: true });
  t.after(() => old.close());
  assert.equal(old.prepare('SELECT count(*) FROM record').pluck().get(), RECORDS);
});

test('a new database takes over from the damaged one also where it could not be made at once', async (t) => {
  const { home } = await filled(t);
  const old = openSpool(home.directory, MIGRATIONS);
  old.statement('UPDATE installation SET notice_shown_at = 5').run();
  const { fingerprint_key: key } = installationOf(old);
  old.close();
  renameSync(join(home.directory, 'usage.db'), join(home.directory, 'usage.db.damaged-1600000000000'));
  const spool = openSoundSpool(home.directory, MIGRATIONS);
  t.after(() => spool.close());
  const { fingerprint_key, notice_shown_at } = installationOf(spool);
  assert.deepEqual([fingerprint_key, notice_shown_at], [key, 5]);
});

test("what is only called like a database that was set aside is in nobody's way", async (t) => {
  const { home, posthog, env } = await filled(t);
  const at = (name: string): string => join(home.directory, name);
  execFileSync('mkfifo', [at('usage.db.damaged-5')]);
  symlinkSync('/etc/passwd', at('usage.db.damaged-6'));
  for (const n of [1, 2, 3, 4, 5]) mkdirSync(at(`usage.db.salvaged-${n}`));
  assert.deepEqual(unsalvagedFiles(home.directory), []);
  assert.equal((await startFlusher(home, env).ended).code, 0);
  assert.equal(posthog.stored().length, RECORDS);
  const { exitCode, stderr } = await arcade(home, ['usage', 'disable']);
  assert.deepEqual([exitCode, stderr], [0, '']);
  assert.ok(existsSync('/etc/passwd') && statSync(at('usage.db.salvaged-1')).isDirectory());
});

test('of a usage.json that somebody else has written only the ids are kept', async (t) => {
  const home = sandbox(t);
  const more = { note: 'CANARY-in-usage-json', anon_id: 'a-1', linked_principal_id: 'p-1', 'CANARY-key': 1 };
  home.write('usage.json', JSON.stringify(more));
  for (let i = 0; i < 3; i += 1) await arcade(home, ['secret', 'list']);
  const names = ['usage.db', 'usage.db-wal'].filter((name) => existsSync(join(home.directory, name)));
  const bytes = names.map((name) => readFileSync(join(home.directory, name), 'latin1')).join('');
  assert.ok(bytes.includes('a-1') && bytes.includes('p-1'), 'the search finds what is there');
  assert.ok(!bytes.includes('CANARY'));
});

test('a row that may not be updated any more for what it holds is damage', async (t) => {
  const { home, posthog, env } = await filled(t);
  const db = new Database(join(home.directory, 'usage.db'));
  db.exec('PRAGMA ignore_check_constraints = ON; UPDATE installation SET consent = 7');
  db.close();
  const { exitCode } = await arcade(home, ['usage', 'flush'], { env });
  assert.equal(exitCode, 0);
  assert.equal(posthog.stored().length, RECORDS);
  for (const code of ['SQLITE_CONSTRAINT_DATATYPE', 'SQLITE_CONSTRAINT_CHECK', 'SQLITE_CORRUPT_INDEX'])
    assert.ok(isDamage(new Database.SqliteError('', code)), code);
  for (const code of [
    'SQLITE_CONSTRAINT_UNIQUE',
    'SQLITE_CONSTRAINT_FOREIGNKEY',
    'SQLITE_IOERR',
    'SQLITE_FULL',
  ])
    assert.ok(!isDamage(new Database.SqliteError('', code)), code);
});
