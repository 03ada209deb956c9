/** Where a login cannot be stored it does not begin. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { keyOf } from '../../support/arcade/accounts.ts';
import { UNTRACKED } from '../../support/cli.ts';
import { inside } from '../../support/inside.ts';
import { assertFailed, refused } from '../../support/login.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';
import { world } from '../../support/world.ts';

test('`login` notices that nothing can be stored before it opens a browser', async (t) => {
  const { arcade } = await world(t);
  const before = arcade.requests.length;
  const places: readonly (readonly [RegExp, (home: Sandbox) => void])[] = [
    [
      /credentials\.yaml cannot be read: it is a directory/,
      (home) => void mkdirSync(join(home.directory, 'credentials.yaml'), { recursive: true }),
    ],
    [/credentials\.yaml cannot be read/, loop],
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
});

test('`login` works wherever no one is signed in, and keeps what it replaces', async (t) => {
  const { arcade, user } = await world(t);
  for (const [content, isKept] of [
    ['cloud: {}', false],
    ['other: x\n', false],
    ['cloud: {api: {key: k}, coordinator_url: "ftp://x"}', false],
    ['cloud: [', true],
    ['- a', true],
    ['cloud: {api: {key: [a]}}', true],
    [Buffer.from([0xff, 0xfe, 0, 1]), true],
  ] as const) {
    const home = sandbox(t);
    chmodSync(home.write('credentials.yaml', content), 0o644);
    const ran = await inside(home, ['login', '--api-key', '--host', arcade.coordinator.url], {
      input: keyOf(user),
    });
    assert.equal(ran.exitCode, 0, ran.stderr);
    const copy = join(home.directory, 'credentials.yaml.bak');
    const said = `The file that was there is kept as ${copy}.\n`;
    assert.deepEqual([ran.stderr.includes(said), existsSync(copy)], [isKept, isKept], String(content));
    if (isKept) {
      assert.deepEqual(readFileSync(copy), Buffer.from(content));
      assert.equal(statSync(copy).mode & 0o777, 0o600);
    }
    assert.equal((await inside(home, ['whoami'])).exitCode, 0);
  }
});

function loop(home: Sandbox): void {
  mkdirSync(home.directory, { recursive: true });
  symlinkSync(join(home.directory, 'credentials.yaml'), join(home.directory, 'credentials.yaml'));
}

test('`login` without a home has nowhere to store a login', async (t) => {
  const { home, arcade } = await world(t);
  mkdirSync(join(home.home, 'file'), { recursive: true });
  home.write('file', 'not a directory');
  const place = { ...UNTRACKED, ARCADE_WORK_DIR: join(home.directory, 'file') };
  const ran = await inside(home, ['login', '--no-browser', '--host', arcade.coordinator.url], { env: place });
  assertFailed(home, ran, /cannot be written: a parent of its path is a file/);
});
