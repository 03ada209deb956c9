/** Where `arcade secret` connects, and as whom. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { contextOf, keyOf } from '../../support/arcade/accounts.ts';
import { startArcadeCli } from '../../support/cli.ts';
import { recorded, withoutNotice } from '../../support/recorded.ts';
import { outcome, world } from '../../support/world.ts';

const OK = "Secret 'K' set successfully\n";
const SET = ['secret', 'set', 'K=v'];
const BY_FILE = { ARCADE_API_KEY: undefined };
const NOWHERE = { ARCADE_URL: 'http://127.0.0.1:1' };

describe('connections', { concurrency: 4 }, () => {
  // It takes 30 seconds, during which the others run.
  test('secret list gives up on a server that hangs after 30 seconds', async (t) => {
    const { arcade, env, home } = await world(t);
    arcade.fault({}, { kind: 'hang' }, Number.POSITIVE_INFINITY);
    const keys = Array.from({ length: 20 }, (_, i) => `K${i}=hidden`);
    const ran = await startArcadeCli(home, ['secret', 'set', ...keys], {
      env: { ...env, ARCADE_USAGE_TRACKING: undefined },
    });
    assert.deepEqual([ran.exitCode, ran.stdout], [1, '']);
    const lines = withoutNotice(String(ran.stderr)).trimEnd().split('\n');
    assert.equal(lines.length, 20);
    for (const line of lines) assert.match(line, /Cannot reach localhost:\d+: it did not answer in time\. /);
    // Time-outs are final, and what had not begun by then was not tried.
    assert.equal(arcade.requests.length, 8);
    assert.deepEqual(await recorded(home), [['secret.set', 'TIMED_OUT']]);
  });
  test('options of the group work on either side of the subcommand, and before ARCADE_URL', async (t) => {
    const { arcade, run } = await world(t);
    const port = `${arcade.engine.port}`;
    const lines = [
      ['secret', 'list', '--host', 'localhost', '--port', port],
      ['secret', '-h', '127.0.0.1', 'list', `-p${port}`],
      ['secret', '-p', '1', 'list', '-p', port, '-h0.0.0.0'],
      ['secret', '--host', `http://localhost:${port}/`, 'list', '--no-tls'],
      ['--', 'secret', '--', 'list', '-h', `localhost:${port}`],
    ];
    for (const line of lines) {
      const { exitCode, stderr } = await run(line, { env: NOWHERE });
      assert.deepEqual([exitCode, stderr], [0, ''], line.join(' '));
    }
    assert.deepEqual([arcade.requests.length, arcade.strangers().length], [lines.length, 0]);
  });

  test('an API key, in the environment or in a file, has the path of its era', async (t) => {
    const { arcade, home, run, requests, user } = await world(t, { era: 'seed' });
    assert.deepEqual(outcome(await run(SET)), [0, OK, '']);
    home.signInWithKey(keyOf(user), arcade.coordinator.url);
    assert.deepEqual(outcome(await run(SET, { env: BY_FILE })), [0, OK, '']);
    assert.deepEqual(requests(), ['PUT /v1/admin/secrets/K', 'PUT /v1/admin/secrets/K']);
  });

  test('a login has the path of its project; ARCADE_API_KEY comes before it', async (t) => {
    const { arcade, home, run, requests, user } = await world(t);
    const context = contextOf(user);
    home.signIn(arcade, user);
    assert.deepEqual(outcome(await run(SET, { env: BY_FILE })), [0, OK, '']);
    assert.deepEqual(outcome(await run(SET)), [0, OK, '']);
    const scoped = `/v1/orgs/${context.org_id}/projects/${context.project_id}/secrets/K`;
    assert.deepEqual(requests(), [`PUT ${scoped}`, 'PUT /v1/admin/secrets/K']);
  });

  test('a login of a self-hosted Arcade never goes to another engine', async (t) => {
    const { arcade, home, run, user } = await world(t);
    const proxy = { HTTPS_PROXY: arcade.url, HTTP_PROXY: arcade.url };
    const env = { ...BY_FILE, ...proxy, ARCADE_URL: undefined };
    home.signInWithKey(keyOf(user), arcade.coordinator.url);
    assert.deepEqual(outcome(await run(['secret', 'list'], { env })), [
      1,
      '',
      `Error: You are logged in at localhost:${arcade.coordinator.port}, but no engine is configured for it.\n` +
        'Hint: Name the engine with --host, or set ARCADE_URL.\n',
    ]);
    assert.deepEqual(arcade.requests, []);
    const named = await run(['secret', 'list', '--host', `localhost:${arcade.engine.port}`], {
      env: { ...env, NO_PROXY: 'localhost' },
    });
    assert.equal(named.exitCode, 0);
    assert.deepEqual([arcade.requests.length, arcade.strangers()], [1, []]);
  });

  test('without ARCADE_URL an API key goes to Arcade itself, by the proxy', async (t) => {
    const { arcade, run } = await world(t);
    const env = { ARCADE_URL: undefined, HTTPS_PROXY: arcade.url };
    const { exitCode, stdout, stderr } = await run(['secret', 'list'], { env });
    assert.deepEqual([exitCode, stdout], [1, '']);
    assert.match(
      stderr,
      /^Error: Cannot reach api\.arcade\.dev through the proxy in HTTPS_PROXY: .*\nHint: .*\n$/,
    );
    assert.deepEqual(new Set(arcade.strangers().map(({ host }) => host)), new Set(['api.arcade.dev:443']));
  });

  const LOG_IN = /^Error: Not logged in to Arcade CLI\.\nHint: .*\n$/;
  const UNREADABLE = /^Error: The credentials file \S+ cannot be read.*\nHint: .*\n$/;
  const MALFORMED = /^Error: The credentials file \S+ could not be parsed.*\nHint: .*\n$/;
  const NO_CONTEXT =
    'Error: No active organization/project.\nHint: Choose one with `arcade org set`, or run `arcade login --force`.\n';
  const OAUTH =
    'coordinator_url: "http://localhost", auth: {access_token: a.b.c, expires_at: "2999-01-01T00:00:00"}';
  // What else is no credentials is in test/auth/credentials.test.ts.
  for (const [title, content, stderr] of [
    ['none', undefined, LOG_IN],
    ['empty', '', LOG_IN],
    ['comments', '# nothing\n', undefined],
    ['binary', Buffer.from([0xff, 0xfe, 0, 1]), MALFORMED],
    ['controls', 'cloud: "\u0000"', MALFORMED],
    ['not YAML', 'cloud: [', MALFORMED],
    ['two documents', '---\na: 1\n---\nb: 2', MALFORMED],
    ['no credentials', 'cloud: {}', LOG_IN],
    ['a key that is a list', 'cloud: {api: {key: [a]}}', MALFORMED],
    [
      'a key that no header can hold',
      'cloud: {api: {key: "a\\nb"}, coordinator_url: "http://localhost"}',
      /^Error: The API key or token contains invalid characters\.\nHint: .*\n$/,
    ],
    ['a login without a project', `cloud: {${OAUTH}}`, NO_CONTEXT],
    ['a login with half a project', `cloud: {${OAUTH}, context: {org_id: o}}`, NO_CONTEXT],
    ['a login with an odd project', `cloud: {${OAUTH}, context: [o, p]}`, NO_CONTEXT],
    ['an anchor bomb', `a: &a [x]\nb: &b [${'*a,'.repeat(50)}]\ncloud: *b`, MALFORMED],
    ['far too much', `# ${'x'.repeat(2_000_000)}`, UNREADABLE],
  ] as const) {
    test(`credentials.yaml with ${title}`, async (t) => {
      const { home, inside, requests } = await world(t);
      if (content !== undefined) home.write('credentials.yaml', content);
      const ran = await inside(['secret', 'list'], { env: BY_FILE });
      assert.deepEqual([ran.exitCode, ran.stdout, requests()], [1, '', []], ran.stderr);
      if (typeof stderr === 'string') assert.equal(ran.stderr, stderr);
      else assert.match(ran.stderr, stderr ?? /^Error: .*\nHint: .*\n$/);
    });
  }

  for (const [title, make] of [
    ['a directory', (path: string) => mkdirSync(path)],
    ['a pipe', (path: string) => execFileSync('mkfifo', [path])],
  ] as const) {
    test(`credentials.yaml that is ${title}`, async (t) => {
      const { home, inside, requests } = await world(t);
      mkdirSync(home.directory);
      make(join(home.directory, 'credentials.yaml'));
      const ran = await inside(['secret', 'list'], { env: BY_FILE });
      assert.deepEqual([ran.exitCode, ran.stdout, requests()], [1, '', []]);
      assert.match(ran.stderr, UNREADABLE);
    });
  }

  test('a key of digits is a key', async (t) => {
    const { arcade, home, inside } = await world(t);
    home.write('credentials.yaml', 'cloud: {api: {key: 12345678}, user: 5, coordinator_url: 7}');
    const ran = await inside(['secret', 'list'], { env: BY_FILE });
    assert.equal(ran.exitCode, 1);
    assert.equal(arcade.requests[0]?.headers.authorization, 'Bearer 12345678');
  });

  for (const coordinator of ['not a url/', 'ftp://x', 'http://user:hidden@h']) {
    test(`a coordinator_url such as ${coordinator} is named`, async (t) => {
      const { home, inside, requests } = await world(t);
      home.write(
        'credentials.yaml',
        JSON.stringify({ cloud: { api: { key: 'k' }, coordinator_url: coordinator } }),
      );
      const ran = await inside(['secret', 'list'], { env: { ...BY_FILE, ARCADE_URL: undefined } });
      assert.deepEqual([ran.stdout, requests()], ['', []]);
      assert.match(ran.stderr, /^Error: coordinator_url .*\nHint: .*\n$/);
      assert.doesNotMatch(ran.stderr, /hidden/);
    });
  }
});
