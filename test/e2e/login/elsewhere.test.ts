/** A stored login while ARCADE_URL names another Arcade: its tokens stay where they belong. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startBadProxy } from '../../support/bad-proxies.ts';
import { inside } from '../../support/inside.ts';
import type { Sandbox } from '../../support/sandbox.ts';
import { world } from '../../support/world.ts';

/** A login of Arcade's own that is about to expire, a stand-in that ARCADE_URL names, and a proxy to the real ones. */
async function stage(t: TestContext, coordinatorUrl = 'https://cloud.arcade.dev') {
  const { home, arcade, user } = await world(t);
  home.signIn(arcade, user, { expiresInSeconds: 60, coordinatorUrl });
  const asked: string[] = [];
  const proxy = await startBadProxy(t, (socket) => {
    socket.once('data', (chunk) => {
      asked.push(/^CONNECT (\S+)/.exec(chunk.toString())?.[1] ?? chunk.toString());
      socket.end('HTTP/1.1 403 No\r\n\r\n');
    });
  });
  const env = { ARCADE_URL: arcade.url, HTTPS_PROXY: proxy.url };
  return {
    arcade,
    home,
    asked,
    run: (args: string[], more = {}) => inside(home, args, { env: { ...env, ...more } }),
  };
}

const stored = (home: Sandbox): string => readFileSync(join(home.directory, 'credentials.yaml'), 'utf8');

test('`secret` commands say that ARCADE_URL names another Arcade than the login, and send nothing', async (t) => {
  for (const args of [['list'], ['set', 'A=hidden'], ['unset', 'A']]) {
    const { arcade, home, asked, run } = await stage(t);
    const before = stored(home);
    const ran = await run(['secret', ...args]);
    assert.deepEqual([ran.exitCode, ran.stdout], [1, '']);
    assert.match(
      ran.stderr,
      /^Error: You are logged in at cloud\.arcade\.dev, but ARCADE_URL names localhost:\d+\.\nHint: Unset ARCADE_URL, .*\n$/,
    );
    assert.deepEqual([arcade.requests.length, asked.length], [0, 0]);
    assert.equal(stored(home), before);
  }
});

test('`org list`, `whoami --json` and `logout` ask the coordinator of the login, whatever ARCADE_URL says', async (t) => {
  for (const args of [['org', 'list'], ['whoami', '--json'], ['logout']]) {
    const { arcade, home, asked, run } = await stage(t);
    const ran = await run(args);
    assert.equal(arcade.requests.length, 0, args.join(' '));
    assert.deepEqual(new Set(asked), new Set(['cloud.arcade.dev:443']), args.join(' '));
    assert.equal(existsSync(join(home.directory, 'credentials.yaml')), args[0] !== 'logout');
    if (args[0] === 'logout') assert.match(ran.stderr, /could not be revoked on the server/);
  }
});

test('`secret` commands of a login at another environment go to that environment’s engine', async (t) => {
  const { asked, run } = await stage(t, 'https://cloud.staging.arcade.dev');
  await run(['secret', 'set', 'A=hidden'], { ARCADE_URL: undefined });
  assert.ok(asked.includes('api.staging.arcade.dev:443'), asked.join(' '));
  assert.ok(!asked.includes('api.arcade.dev:443'), asked.join(' '));
});
