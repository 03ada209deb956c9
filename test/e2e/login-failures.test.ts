/** Logins that cannot succeed: each says why in one line, exits 1 and stores nothing. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { authorize, signIn } from '../support/arcade/browser.ts';
import { started } from '../support/arcade/client.ts';
import type { Arcade } from '../support/arcade.ts';
import { type Ran, arcade as run } from '../support/cli.ts';
import { logIn, startLogin } from '../support/login.ts';
import { type Sandbox, sandbox } from '../support/sandbox.ts';

const env = { ARCADE_USAGE_TRACKING: '0' };

const CONFIG = /cli_config$/;
const TOKEN = /oauth2\/token$/;
const WHOAMI = /whoami$/;

/** Runs a login that ends before the person is asked for anything. */
function refused(home: Sandbox, arcade: Arcade, args: readonly string[] = []): Promise<Ran> {
  return run(home, ['login', '--no-browser', '--host', arcade.coordinator.url, ...args], { env });
}

function assertFailed(home: Sandbox, ran: Ran, message: RegExp): void {
  assert.equal(ran.exitCode, 1, ran.stderr);
  assert.equal(ran.stdout, '');
  const lines = ran.stderr.split('\n').filter((line) => !/^(Open this URL|It comes back)/.test(line));
  assert.match(lines[0] ?? '', /^Error: /);
  assert.match(lines[0] ?? '', message);
  assert.ok(lines.length <= 3, `an error and a hint: ${ran.stderr}`);
  assert.ok(!existsSync(join(home.directory, 'credentials.yaml')), 'nothing is stored');
}

test('a coordinator that cannot say how to sign in', async (t) => {
  const arcade = await started(t);
  const at = /Could not connect to Arcade at http:\/\/localhost:\d+\. .*/.source;
  const cases = [
    [{ kind: 'status', status: 500 }, /failed \(500\)/],
    [{ kind: 'status', status: 403 }, /does not permit/],
    [{ kind: 'status', status: 429, headers: { 'retry-after': '7' } }, /slow down \(429\)/],
    [{ kind: 'html' }, /a web page/],
    [{ kind: 'redirect', location: 'https://portal.example.test/' }, /a redirect \(302\)/],
    [{ kind: 'truncated' }, /no valid JSON/],
    [{ kind: 'wrong-json' }, /something else/],
    [
      { kind: 'wrong-json', body: { client_id: 'x', authorization_endpoint: 'y', token_endpoint: 'z' } },
      /something else/,
    ],
    [
      {
        kind: 'wrong-json',
        body: { client_id: 'x', authorization_endpoint: 'javascript:alert(1)', token_endpoint: 'ftp://z' },
      },
      /something else/,
    ],
    [
      {
        kind: 'wrong-json',
        body: {
          client_id: 'x',
          authorization_endpoint: 'https://cloud.arcade.dev/a',
          token_endpoint: 'https://cloud.arcade.dev/t',
        },
      },
      /not Arcade's own/,
    ],
  ] as const;
  for (const [fault, message] of cases) {
    const home = sandbox(t);
    arcade.clearFaults();
    arcade.fault({ path: CONFIG }, fault, Number.POSITIVE_INFINITY);
    assertFailed(home, await refused(home, arcade), new RegExp(at + message.source));
  }
  assert.deepEqual(arcade.strangers(), []);
});

test('a coordinator that is down', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  await arcade.down();
  assertFailed(home, await refused(home, arcade), /Could not connect to Arcade at .*refused/);
});

test('a coordinator that is slow, and one that never answers', async (t) => {
  const slow = await started(t, { latencyMs: 500 });
  assert.equal((await logIn(sandbox(t), slow, slow.user('A'), [], { env })).exitCode, 0);
  const [home, arcade] = [sandbox(t), await started(t)];
  arcade.fault({ path: CONFIG }, { kind: 'hang' });
  assertFailed(home, await refused(home, arcade), /Could not connect to Arcade at .* did not answer in time/);
});

test('a web server that is no coordinator opens no browser', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  arcade.fault({}, { kind: 'html', status: 404 }, Number.POSITIVE_INFINITY);
  assertFailed(home, await refused(home, arcade), /no Arcade coordinator/);
});

test('the person says no', async (t) => {
  for (const era of ['newest', 'seed'] as const) {
    const [home, arcade] = [sandbox(t), await started(t, { era })];
    const login = await startLogin(home, arcade, [], { env });
    const page = await signIn(login.url, { user: arcade.user('A'), deny: true });
    assert.equal(page.status, 400);
    assert.match(page.body, /Login failed/);
    const message = era === 'seed' ? /No credentials received/ : /Login denied: The request was denied/;
    assertFailed(home, await login.ended, message);
  }
});

test('an error page shows what the server says, and runs none of it', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  const login = await startLogin(home, arcade, [], { env });
  const query = new URLSearchParams({
    state: login.state,
    error: 'server_error',
    error_description: '<script>alert(1)</script>\u001b[2J"\'&',
  });
  const shown = await fetch(`${login.callback}?${query}`);
  assert.equal(shown.status, 400);
  const html = await shown.text();
  assert.ok(!html.includes('<script'));
  assert.match(html, /&#60;script&#62;alert\(1\)/);
  const ran = await login.ended;
  assert.ok(!ran.stderr.includes('\u001b'), 'nothing that a terminal obeys');
  assertFailed(home, ran, /Login failed: <script>/);
});

test('a code that was used before, and one that was changed on its way', async (t) => {
  for (const how of ['used', 'changed', 'another challenge'] as const) {
    const [home, arcade] = [sandbox(t), await started(t, { echoSecrets: true })];
    const login = await startLogin(home, arcade, [], { env });
    const opened = new URL(login.url);
    if (how === 'another challenge') opened.searchParams.set('code_challenge', 'x'.repeat(43));
    const back = new URL(await authorize(opened.href, { user: arcade.user('A') }));
    const code = back.searchParams.get('code') ?? '';
    if (how === 'used') {
      const form = {
        grant_type: 'authorization_code',
        client_id: 'arcade-cli',
        code,
        redirect_uri: `${login.callback}`,
        code_verifier: 'x'.repeat(43),
      };
      await fetch(`${arcade.coordinator.url}/oauth2/token`, {
        method: 'POST',
        body: new URLSearchParams(form),
      });
    }
    if (how === 'changed') back.searchParams.set('code', 'another');
    assert.equal((await fetch(back)).status, 400);
    const ran = await login.ended;
    assertFailed(home, ran, /did not accept the authorization code \(invalid_grant\)/);
    assert.ok(!ran.stderr.includes(code), 'the code is not shown');
  }
});

test('a token endpoint or a whoami that fails', async (t) => {
  const cases = [
    [TOKEN, { kind: 'status', status: 503 }, /failed \(503\)/],
    [TOKEN, { kind: 'html' }, /a web page/],
    [TOKEN, { kind: 'wrong-json', body: { access_token: 7 } }, /an invalid reply/],
    [TOKEN, { kind: 'reset' }, /connection was lost/],
    [WHOAMI, { kind: 'status', status: 500 }, /failed \(500\)/],
    [WHOAMI, { kind: 'status', status: 401 }, /did not accept your credentials/],
    [WHOAMI, { kind: 'html' }, /a web page/],
    [WHOAMI, { kind: 'wrong-json', body: { data: null } }, /something else/],
    [WHOAMI, { kind: 'wrong-json', body: { data: { organizations: [{}] } } }, /something else/],
    [
      WHOAMI,
      { kind: 'wrong-json', body: { data: { account_id: 'x' } } },
      /No organizations found for your account\. Please contact support@arcade\.dev/,
    ],
    [
      WHOAMI,
      {
        kind: 'wrong-json',
        body: { data: { account_id: 'x', organizations: [{ org_id: 'o', name: 'Mine' }] } },
      },
      /No projects found in organization 'Mine'\. Please contact support@arcade\.dev/,
    ],
  ] as const;
  const arcade = await started(t);
  for (const [path, fault, message] of cases) {
    const home = sandbox(t);
    arcade.clearFaults();
    arcade.fault({ path }, fault, Number.POSITIVE_INFINITY);
    const ran = await logIn(home, arcade, arcade.user('A'), [], { env });
    assertFailed(home, ran, message);
    assert.equal(ran.page.status, 400, 'the browser is told too');
    assert.ok(!ran.page.body.includes('successful'));
  }
});

test('nobody comes back in time', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  const login = await startLogin(home, arcade, ['--timeout', '0.2'], { env });
  assertFailed(home, await login.ended, /Timed out waiting for the login callback after 0\.2s/);
  const byVariable = { ...env, ARCADE_LOGIN_TIMEOUT_SECONDS: '1' };
  const other = await startLogin(home, arcade, ['--timeout', '0'], { env: byVariable });
  assertFailed(home, await other.ended, /Timed out waiting for the login callback after 1s/);
  const wrong = await refused(home, arcade, ['--timeout', 'soon']);
  assert.equal(wrong.exitCode, 2);
});

test('the port that a login returns to is taken', async (t) => {
  const blocker = createServer();
  blocker.on('error', () => undefined); // Another login has it: it is taken all the same.
  blocker.listen(9905, '127.0.0.1');
  t.after(() => blocker.close());
  const [home, arcade] = [sandbox(t), await started(t)];
  const login = await startLogin(home, arcade, [], { env });
  assert.notEqual(login.callback.port, '9905');
  await signIn(login.url, { user: arcade.user('A') });
  assert.equal((await login.ended).exitCode, 0);

  const other = sandbox(t);
  arcade.settings.redirectPorts = [9905];
  assertFailed(other, await refused(other, arcade), /Port 9905 is in use, and .* returns? to no other port/);
});

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

test('two logins at once both complete, and one whole file is left', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  const [a, b] = [arcade.user('A'), arcade.user('B')];
  const [one, two] = [
    await startLogin(home, arcade, [], { env }),
    await startLogin(home, arcade, [], { env }),
  ];
  assert.notEqual(one.callback.port, two.callback.port);
  await Promise.all([signIn(one.url, { user: a }), signIn(two.url, { user: b })]);
  for (const { ended } of [one, two]) assert.equal((await ended).exitCode, 0);
  assert.deepEqual(readdirSync(home.directory).sort(), ['credentials.lock', 'credentials.yaml']);
  const shown = await run(home, ['whoami'], { env });
  assert.ok([a, b].some(({ email }) => shown.stdout.includes(email)));
});

test('strangers at the door are answered and waited out', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  const login = await startLogin(home, arcade, ['--debug'], { env });
  await knock(t, login.callback, login.state);
  const page = await signIn(login.url, { user: arcade.user('A') });
  assert.equal(page.status, 200);
  const ran = await login.ended;
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.match(ran.stderr, /a stray request was waited out/);
});

async function knock(t: TestContext, callback: URL, state: string): Promise<void> {
  const { connect } = await import('node:net');
  const port = Number(callback.port);
  for (const [path, init, status] of [
    ['/favicon.ico', {}, 404],
    ['/', {}, 404],
    ['/callback', {}, 400],
    ['/callback?state=wrong&code=x', {}, 400],
    ['/callback?error=access_denied', {}, 400],
    [`/callback?state=${state}&code=x`, { method: 'POST' }, 405],
    [`/callback?state=${state}&code=x`, { method: 'HEAD' }, 405],
    [`/callbacks?state=${state}&code=x`, {}, 404],
  ] as const) {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, init);
    assert.equal(answer.status, status, path);
    assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'none'/);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    await answer.text();
  }
  // A scan that says nothing, one that talks nonsense, and targets that no URL parser takes.
  const silent = connect(port, '127.0.0.1');
  t.after(() => silent.destroy());
  for (const nonsense of [
    '\u0016\u0003\u0001\u0000',
    'GET // HTTP/1.1\r\nhost: [\r\n\r\n',
    'GET http://[/ HTTP/1.1\r\nhost: x\r\n\r\n',
  ]) {
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(nonsense));
      socket
        .on('data', () => undefined)
        .on('error', () => undefined)
        .on('close', () => resolve());
    });
  }
}
