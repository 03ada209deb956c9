/** Where a login cannot be stored it does not begin. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { started } from '../../support/arcade/client.ts';
import { arcade as run } from '../../support/cli.ts';
import { logIn } from '../../support/login.ts';
import { assertFailed, env, refused } from '../../support/refused-login.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';

test('a place where nothing can be stored is noticed before anybody is sent to a browser', async (t) => {
  const arcade = await started(t);
  const before = arcade.requests.length;
  const places: readonly (readonly [RegExp, (home: Sandbox) => void])[] = [
    [
      /credentials\.yaml cannot be read: it is a directory/,
      (home) => void mkdirSync(join(home.directory, 'credentials.yaml'), { recursive: true }),
    ],
    [/credentials\.yaml cannot be read/, loop],
    [/credentials\.yaml cannot be understood/, (home) => void home.write('credentials.yaml', 'cloud: [')],
    [/credentials\.yaml cannot be understood/, (home) => void home.write('credentials.yaml', 'cloud: {}')],
  ];
  for (const [message, prepare] of places) {
    const home = sandbox(t);
    prepare(home);
    const ran = await refused(home, arcade);
    assert.equal(ran.exitCode, 1);
    assert.match(ran.stderr.split('\n')[0] ?? '', message);
    assert.equal(ran.stderr.trimEnd().split('\n').length, 2);
  }
  assert.equal(arcade.requests.length, before);
  const forced = sandbox(t);
  forced.write('credentials.yaml', 'cloud: [');
  assert.equal((await logIn(forced, arcade, arcade.user('A'), ['--force'], { env })).exitCode, 0);
});

function loop(home: Sandbox): void {
  mkdirSync(home.directory, { recursive: true });
  symlinkSync(join(home.directory, 'credentials.yaml'), join(home.directory, 'credentials.yaml'));
}

test('without a home there is nowhere to store a login', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  mkdirSync(join(home.home, 'file'), { recursive: true });
  home.write('file', 'not a directory');
  const place = { ...env, ARCADE_WORK_DIR: join(home.directory, 'file') };
  const ran = await run(home, ['login', '--no-browser', '--host', arcade.coordinator.url], { env: place });
  assertFailed(home, ran, /cannot be written: a file is in the place of its directory/);
});
