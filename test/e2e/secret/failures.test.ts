/** Everything that can go wrong with `arcade secret` is told in one line, and recorded by its code alone. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Fault } from '../../support/arcade/faults.ts';
import { startArcadeCli } from '../../support/cli.ts';
import { keptAny, recorded, withoutNotice } from '../../support/recorded.ts';
import { until } from '../../support/until.ts';
import { world } from '../../support/world.ts';

const TRACKED = { ARCADE_USAGE_TRACKING: undefined };
const HIDDEN = ['hidden', 'SECRET_KEY', 'user%40', '127.0.0.1', 'localhost', 'faraway'];
const SET = ['secret', 'set', 'SECRET_KEY=hidden'];
const LIST = ['secret', 'list'];
const UNSET = ['secret', 'unset', 'SECRET_KEY'];

type Failing = readonly [args: readonly string[], code: string, exitCode: number, fault?: Fault];

async function failsAs(
  t: Parameters<typeof world>[0],
  failures: readonly Failing[],
  env = {},
): Promise<void> {
  const { arcade, home, run, user } = await world(t, { echoSecrets: true });
  arcade.store(user, { key: 'SECRET_KEY', value: 'v' });
  const before = JSON.stringify(arcade.secretsOf(user));
  for (const [args, code, exitCode, fault] of failures) {
    if (fault) arcade.fault({}, fault, Number.POSITIVE_INFINITY);
    const ran = await run(args, { env: { ...TRACKED, ...env } });
    assert.deepEqual([ran.exitCode, ran.stdout], [exitCode, ''], `${args.join(' ')}: ${code}`);
    const lines = withoutNotice(ran.stderr);
    assert.match(
      lines,
      /^(Error: [^\n]+\n(Hint: [^\n]+\n)?|(Error setting|Failed to delete) secret [^\n]+\n)$/,
    );
    assert.doesNotMatch(lines, /hidden|\n {4}at /);
    arcade.clearFaults();
  }
  assert.equal(JSON.stringify(arcade.secretsOf(user)), before);
  const expected = failures.map(([args, code]) => [`secret.${args[1]}`, code]);
  assert.deepEqual(await recorded(home), expected);
  assert.equal(keptAny(home, HIDDEN), undefined);
}

describe('a failure', { concurrency: 4 }, () => {
  test('of a command line is recorded', (t) =>
    failsAs(t, [
      [['secret', 'set', 'hidden'], 'INVALID_PAIR', 2],
      [['secret', 'set', 'A B=hidden'], 'INVALID_KEY', 2],
      [['secret', 'set'], 'INVALID_USAGE', 2],
      [['secret', 'set', '--hidden-1'], 'INVALID_USAGE', 2],
      [['secret', 'set', 'K=-'], 'VALUE_REQUIRED', 2],
      [['secret', 'set', 'K=\ufffd'], 'INVALID_VALUE', 2],
      [['secret', 'list', 'hidden'], 'INVALID_USAGE', 2],
      [['secret', 'unset'], 'INVALID_USAGE', 2],
      [['secret', 'list', '--host', 'user@hidden'], 'INVALID_URL', 2],
      [['secret', 'set', '--from-env', '-f', 'SECRET_KEY.env'], 'ENV_FILE_UNREADABLE', 1],
      [['secret', 'set', '--from-env', '-f', '/dev/null'], 'ENV_FILE_UNREADABLE', 1],
    ]));

  test('of an answer is recorded', (t) =>
    failsAs(t, [
      [SET, 'INVALID_REQUEST', 1, { kind: 'status', status: 400 }],
      [SET, 'UNAUTHORIZED', 1, { kind: 'status', status: 401 }],
      [UNSET, 'FORBIDDEN', 1, { kind: 'status', status: 403 }],
      [LIST, 'NOT_FOUND', 1, { kind: 'status', status: 404 }],
      [SET, 'UNEXPECTED_STATUS', 1, { kind: 'status', status: 409 }],
      [SET, 'INVALID_REQUEST', 1, { kind: 'status', status: 422 }],
      [LIST, 'RATE_LIMITED', 1, { kind: 'status', status: 429 }],
      [SET, 'SERVER_ERROR', 1, { kind: 'status', status: 500 }],
      [LIST, 'SERVER_ERROR', 1, { kind: 'html', status: 502 }],
      [SET, 'UNEXPECTED_STATUS', 1, { kind: 'redirect', location: 'http://127.0.0.1:1/hidden' }],
      [SET, 'UNEXPECTED_ANSWER', 1, { kind: 'html' }],
      [LIST, 'UNEXPECTED_ANSWER', 1, { kind: 'wrong-json' }],
      [UNSET, 'UNEXPECTED_ANSWER', 1, { kind: 'wrong-json', body: 'hidden' }],
      [LIST, 'CONNECTION_LOST', 1, { kind: 'reset' }],
      [LIST, 'CONNECTION_LOST', 1, { kind: 'cut-off' }],
    ]));

  test('to connect is recorded', async (t) => {
    await failsAs(t, [
      [[...LIST, '--host', '127.0.0.1', '--port', '1'], 'CONNECTION_REFUSED', 1],
      // A label this long is refused without asking anybody.
      [[...SET, '--host', 'faraway'.repeat(10)], 'DNS_FAILED', 1],
    ]);
  });

  test('of credentials is recorded', async (t) => {
    const { arcade, home, run } = await world(t);
    const env = { ...TRACKED, ARCADE_API_KEY: undefined };
    const codes: string[] = [];
    for (const [code, content] of [
      ['NOT_LOGGED_IN', ''],
      ['CREDENTIALS_MALFORMED', 'hidden'],
      ['NO_CONTEXT', `cloud: {auth: {access_token: hidden}, coordinator_url: "${arcade.url}"}`],
    ] as const) {
      home.write('credentials.yaml', content);
      assert.equal((await run(LIST, { env })).exitCode, 1);
      codes.push(code);
    }
    assert.deepEqual(
      await recorded(home),
      codes.map((code) => ['secret.list', code]),
    );
    assert.equal(keptAny(home, HIDDEN), undefined);
  });

  test('of one of several, and of an environment file, is recorded', async (t) => {
    const { arcade, home, run } = await world(t);
    arcade.fault({ path: /SECRET_KEY$/ }, { kind: 'status', status: 500 });
    assert.equal((await run(['secret', 'set', 'A=1', 'SECRET_KEY=hidden'], { env: TRACKED })).exitCode, 1);
    const path = join(home.home, 'env');
    for (const [content, code] of [
      ['K="hidden', 'ENV_FILE_MALFORMED'],
      ['# hidden', 'ENV_FILE_EMPTY'],
    ] as const) {
      writeFileSync(path, content);
      const ran = await run(['secret', 'set', '--from-env', '-f', path], { env: TRACKED });
      assert.equal(ran.exitCode, 1, code);
    }
    assert.deepEqual(await recorded(home), [
      ['secret.set', 'PARTIAL_FAILURE'],
      ['secret.set', 'ENV_FILE_MALFORMED'],
      ['secret.set', 'ENV_FILE_EMPTY'],
    ]);
    assert.equal(keptAny(home, HIDDEN), undefined);
  });

  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    test(`by ${signal} while a server hangs is recorded`, async (t) => {
      const { arcade, env, home } = await world(t);
      arcade.fault({}, { kind: 'hang' });
      const running = startArcadeCli(home, LIST, { env: { ...env, ...TRACKED } });
      await until(() => arcade.requests.some(({ status }) => status === 'hung'));
      running.kill(signal);
      const ran = await running;
      assert.deepEqual([ran.exitCode, ran.stdout], [exitCode, '']);
      assert.equal(withoutNotice(String(ran.stderr)), '');
      assert.deepEqual(await recorded(home), [['secret.list', 'INTERRUPTED']]);
    });
  }
});

test('a proxy that refuses is named, and not the engine', async (t) => {
  const { arcade, home, run } = await world(t);
  const env = { ...TRACKED, ARCADE_URL: 'https://engine.invalid', HTTPS_PROXY: arcade.url };
  const ran = await run(LIST, { env });
  assert.deepEqual([ran.exitCode, ran.stdout], [1, '']);
  const told =
    'Cannot reach engine.invalid through the proxy in HTTPS_PROXY: it rejected the connection (403).\n' +
    'Hint: Check HTTPS_PROXY, or add the host to NO_PROXY.';
  assert.equal(withoutNotice(ran.stderr), `Error: ${told}\n`);
  assert.deepEqual(await recorded(home), [['secret.list', 'PROXY_FAILED']]);
  assert.deepEqual(new Set(arcade.requests.map(({ host }) => host)), new Set(['engine.invalid:443']));
});
