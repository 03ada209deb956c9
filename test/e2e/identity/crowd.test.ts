/** Many commands at once, each of which may change who is signed in: what the database cannot take in time is spilled. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
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
    assert.equal(recorded(home) - waiting + home.spilled().length, MANY);
    // Each takes in twenty.
    for (let commands = 1; commands <= 5; commands += 1)
      await cli(home, ['secret', 'list'], { env: { ARCADE_URL: arcade.url } });
    assert.deepEqual(home.spilled(), []);
    assert.equal(recorded(home) - waiting, MANY + 5);
    verifyShared(home);
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

const recorded = (home: Sandbox): number => home.rows(`SELECT id FROM record WHERE kind = 'capture'`).length;

function verifyShared(home: Sandbox): void {
  const sql = 'SELECT anon_id, principal_id AS linked_principal_id FROM identity WHERE retired_at IS NULL';
  assert.deepEqual([home.shared()], home.rows(sql));
  const left = readdirSync(home.directory).filter((name) => name.endsWith('.tmp'));
  assert.deepEqual(left, []);
}
