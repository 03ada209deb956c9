/** Many commands at once, each of which may change who is signed in: what the database cannot take in time is spilled. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import type { Arcade } from '../../support/arcade.ts';
import { arcade as cli, type Ran } from '../../support/cli.ts';
import { fillSpool } from '../../support/queue.ts';
import type { Sandbox } from '../../support/sandbox.ts';
import { world } from '../../support/world.ts';

const MANY = 64;

for (const [where, waiting] of [
  ['an empty home', 0],
  ['a home with 9,000 events', 9_000],
] as const) {
  test(`${MANY} commands at once in ${where}, logins and logouts among them, lose nothing`, async (t) => {
    const { home, arcade } = await world(t);
    if (waiting > 0) fillSpool(home.directory, waiting);
    const ran = await Promise.all(Array.from({ length: MANY }, (_, i) => change(home, arcade, i)));
    const complaints = ran.filter(({ stderr }) => /not recorded/.test(stderr));
    assert.deepEqual(complaints, []);
    assert.equal(recorded(t, home) - waiting + spilled(home).length, MANY);
    // Each takes in twenty.
    for (let commands = 1; commands <= 5; commands += 1)
      await cli(home, ['secret', 'list'], { env: { ARCADE_URL: arcade.url } });
    assert.deepEqual(spilled(home), []);
    assert.equal(recorded(t, home) - waiting, MANY + 5);
    verifyShared(t, home);
  });
}

/** One of a login, a logout, and a command with a key of its own. */
function change(home: Sandbox, arcade: Arcade, i: number): Promise<Ran> {
  const key = arcade.user(['A', 'B', 'C'][i % 3] ?? '').api_keys[0] ?? '';
  const env = { ARCADE_URL: arcade.url, ARCADE_DEBUG: '1' };
  if (i % 4 === 2) return cli(home, ['logout'], { env });
  if (i % 4 === 3)
    return cli(home, ['secret', 'list'], { env: { ...env, ARCADE_API_KEY: i % 8 === 3 ? `arc_${i}` : key } });
  return cli(home, ['login', '--api-key'], { env, input: `${key}\n` });
}

function recorded(t: TestContext, home: Sandbox): number {
  const db = open(t, home);
  return db.prepare(`SELECT count(*) FROM record WHERE kind = 'capture'`).pluck().get() as number;
}

function spilled(home: Sandbox): string[] {
  return readdirSync(home.directory).includes('spill') ? readdirSync(join(home.directory, 'spill')) : [];
}

function verifyShared(t: TestContext, home: Sandbox): void {
  const current = open(t, home)
    .prepare('SELECT anon_id, principal_id FROM identity WHERE retired_at IS NULL')
    .get();
  const text = readFileSync(join(home.directory, 'usage.json'), 'utf8');
  const { anon_id, linked_principal_id } = JSON.parse(text) as Record<string, unknown>;
  assert.deepEqual({ anon_id, principal_id: linked_principal_id }, current);
  const left = readdirSync(home.directory).filter((name) => name.endsWith('.tmp'));
  assert.deepEqual(left, []);
}

function open(t: TestContext, home: Sandbox): Database.Database {
  const db = new Database(join(home.directory, 'usage.db'), { readonly: true });
  t.after(() => db.close());
  return db;
}
