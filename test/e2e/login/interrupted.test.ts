/** A login that is cut short leaves nothing behind: no file, no listener, no word that it succeeded. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { authorize } from '../../support/arcade/browser.ts';
import { UNTRACKED } from '../../support/cli.ts';
import { startLogin } from '../../support/login.ts';
import { sandbox } from '../../support/sandbox.ts';
import { hasTerminals, onTerminal } from '../../support/terminal.ts';
import { until } from '../../support/until.ts';
import { world } from '../../support/world.ts';

test('`login` that waits ends at Ctrl-C, at a closed terminal and at a termination', async (t) => {
  const { arcade } = await world(t);
  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGHUP', 129],
    ['SIGTERM', 143],
  ] as const) {
    const home = sandbox(t);
    const login = await startLogin(home, arcade, [], { env: UNTRACKED });
    login.kill(signal);
    const ran = await login.ended;
    assert.deepEqual([ran.exitCode, ran.signal, ran.stdout], [exitCode, undefined, '']);
    assert.match(ran.stderr, /\nLogin cancelled\.\n$/);
    assert.ok(!existsSync(home.directory), 'nothing was made');
  }
});

test('`login` whose terminal is gone ends without an error', {
  skip: hasTerminals ? false : 'no python3',
}, async (t) => {
  const { home, arcade } = await world(t);
  for (const tracking of ['0', '1']) {
    const args = ['login', '--no-browser', '--host', arcade.coordinator.url];
    const env = { ARCADE_USAGE_TRACKING: tracking };
    const { exitCode } = await onTerminal({ home }, args, {
      env,
      steps: [['to log in: http', '']],
      signal: 'CLOSE',
    });
    assert.equal(exitCode, -1, 'by SIGHUP, and not by an abort');
    assert.ok(!existsSync(join(home.directory, 'credentials.yaml')));
  }
});

test('`login` interrupted while the tokens are fetched stores none of them', async (t) => {
  const { arcade } = await world(t);
  for (const path of [/oauth2\/token$/, /whoami$/]) {
    const home = sandbox(t);
    const login = await startLogin(home, arcade, [], { env: UNTRACKED });
    arcade.fault({ path }, { kind: 'delay', ms: 400 });
    const before = arcade.requests.length;
    const page = fetch(await authorize(login.url, { user: arcade.user('A') }));
    page.catch(() => undefined);
    await until(() => arcade.requests.slice(before).some((request) => path.test(request.path)));
    login.kill('SIGINT');
    assert.equal((await login.ended).exitCode, 130);
    await assert.rejects(page, 'the browser is not told that it succeeded');
    assert.ok(!existsSync(join(home.directory, 'credentials.yaml')));
  }
});

test('`login` that is cut short keeps the login that was there', async (t) => {
  const { home, arcade } = await world(t);
  home.signInWithKey('kept', arcade.coordinator.url);
  const login = await startLogin(home, arcade, ['--force'], { env: UNTRACKED });
  login.kill('SIGINT');
  await login.ended;
  assert.deepEqual(readdirSync(home.directory), ['credentials.yaml']);
});
