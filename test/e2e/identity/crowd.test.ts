/** Many commands that change at once who is signed in: each is recorded, and usage.json goes along with the database. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { type Arcade, startArcade } from '../../support/arcade.ts';
import { arcade as cli, type Ran } from '../../support/cli.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';

const MANY = 64;
/** Other work on the machine may keep one process from running for longer than another waits for its lock. */
const CROWDS = 5;

test(`${MANY} commands that each change who is signed in are all recorded`, async (t) => {
  const arcade = await startArcade();
  t.after(() => arcade.close());
  const lost: string[] = [];
  for (let crowds = 1; crowds <= CROWDS; crowds += 1) {
    const home = sandbox(t);
    const ran = await Promise.all(Array.from({ length: MANY }, (_, i) => change(home, arcade, i)));
    const given = ran.filter(({ stderr }) => /not recorded|cannot be opened/.test(stderr)).length;
    verify(t, home, MANY - given);
    if (given === 0) return;
    lost.push(`${given} of ${MANY}`);
  }
  assert.fail(`each time some commands gave their event up: ${lost}`);
});

/** One of a login, a logout, and a command with a key of its own. */
function change(home: Sandbox, arcade: Arcade, i: number): Promise<Ran> {
  const key = arcade.user(['A', 'B', 'C'][i % 3] ?? '').api_keys[0] ?? '';
  const env = { ARCADE_URL: arcade.url, ARCADE_DEBUG: '1' };
  if (i % 4 === 2) return cli(home, ['logout'], { env });
  if (i % 4 === 3)
    return cli(home, ['secret', 'list'], { env: { ...env, ARCADE_API_KEY: i % 8 === 3 ? `arc_${i}` : key } });
  return cli(home, ['login', '--api-key'], { env, input: `${key}\n` });
}

function verify(t: TestContext, home: Sandbox, recorded: number): void {
  const db = new Database(join(home.directory, 'usage.db'), { readonly: true });
  t.after(() => db.close());
  const count = db.prepare(`SELECT count(*) FROM record WHERE kind = 'capture'`).pluck().get();
  assert.equal(count, recorded, 'nothing is lost unless it is given up');
  const current = db.prepare('SELECT anon_id, principal_id FROM identity WHERE retired_at IS NULL').get();
  const text = readFileSync(join(home.directory, 'usage.json'), 'utf8');
  const { anon_id, linked_principal_id } = JSON.parse(text) as Record<string, unknown>;
  assert.deepEqual({ anon_id, principal_id: linked_principal_id }, current);
  const left = readdirSync(home.directory).filter((name) => name.endsWith('.tmp'));
  assert.deepEqual(left, []);
}
