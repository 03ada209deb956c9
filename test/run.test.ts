/** What the global options change about any command. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inside } from './support/inside.ts';
import { world } from './support/world.ts';

test('--debug shows the stack of a failure, --quiet hides notes and not the failure', async (t) => {
  const { home } = await world(t);
  const env = { ARCADE_URL: 'http://127.0.0.1:1', ARCADE_API_KEY: 'key' };
  const plain = await inside(home, ['secret', 'list', '--quiet'], { env });
  assert.equal(plain.exitCode, 1);
  assert.match(plain.stderr, /^Error: [^\n]+\nHint: [^\n]+\n$/);
  const debugged = await inside(home, ['--debug', 'secret', 'list'], { env });
  assert.match(debugged.stderr, /\n {4}at /);
});
