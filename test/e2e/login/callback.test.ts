/** The door at which a login waits for its browser: busy ports, several logins, and strangers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { signIn } from '../../support/arcade/browser.ts';
import { arcade as run, UNTRACKED } from '../../support/cli.ts';
import { assertFailed, refused, startLogin } from '../../support/login.ts';
import { sandbox } from '../../support/sandbox.ts';
import { until } from '../../support/until.ts';
import { world } from '../../support/world.ts';

test('`login` says that the port it returns to is taken', async (t) => {
  await occupy(t, 9905);
  const { home, arcade } = await world(t);
  const login = await startLogin(home, arcade, [], { env: UNTRACKED });
  assert.notEqual(login.callback.port, '9905');
  await signIn(login.url, { user: arcade.user('A') });
  assert.equal((await login.ended).exitCode, 0);

  const other = sandbox(t);
  arcade.settings.redirectPorts = [9905];
  assertFailed(other, await refused(other, arcade), /Port 9905 is in use, and .* only allows that port/);
});

/** Takes a port, which a login of another test may have for the time being. */
async function occupy(t: TestContext, port: number): Promise<void> {
  const blocker = createServer();
  t.after(() => blocker.close());
  const attempt = async (): Promise<boolean> => {
    blocker.listen(port, '127.0.0.1');
    try {
      await once(blocker, 'listening');
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      return false;
    }
  };
  await until(attempt, { what: `port ${port}`, timeoutMs: 60_000 });
}

test('`login` twice at once: both complete, and one whole file is left', async (t) => {
  const { home, arcade } = await world(t);
  const [a, b] = [arcade.user('A'), arcade.user('B')];
  const [one, two] = [
    await startLogin(home, arcade, [], { env: UNTRACKED }),
    await startLogin(home, arcade, [], { env: UNTRACKED }),
  ];
  assert.notEqual(one.callback.port, two.callback.port);
  await Promise.all([signIn(one.url, { user: a }), signIn(two.url, { user: b })]);
  for (const { ended } of [one, two]) assert.equal((await ended).exitCode, 0);
  assert.deepEqual(readdirSync(home.directory).sort(), ['credentials.lock', 'credentials.yaml']);
  const shown = await run(home, ['whoami'], { env: UNTRACKED });
  assert.ok([a, b].some(({ email }) => shown.stdout.includes(email)));
});

test('`login` answers requests that are not its own, and keeps waiting for its own', async (t) => {
  const { home, arcade } = await world(t);
  const login = await startLogin(home, arcade, ['--debug'], { env: UNTRACKED });
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
