/** How a login gets its page in front of the person: a browser, an address to copy, or one to paste back. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { signIn } from '../../support/arcade/browser.ts';
import { startArcadeCli } from '../../support/cli.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';
import { until } from '../../support/until.ts';
import { world } from '../../support/world.ts';

/** A directory with a browser launcher that runs `script`. */
function launcher(home: Sandbox, script: string, name = 'xdg-open'): string {
  const folder = join(home.home, 'bin');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return folder;
}

function start(t: TestContext, home: Sandbox, coordinator: string, more: Record<string, string>) {
  const env = { ARCADE_USAGE_TRACKING: '0', ...more };
  const child = startArcadeCli(home, ['login', '--host', coordinator], { env });
  t.after(() => void child.kill());
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return { child, stderr: () => stderr };
}

const SHOWN = /copy this URL and paste it into your browser: (http\S+)\n/;

/** What a launcher wrote, once it is whole. */
async function written(path: string): Promise<string> {
  await until(() => existsSync(path), { what: path });
  return readFileSync(path, 'utf8').trim();
}

test('`login` gives the browser an address of its own, which leads to the page once and proves nothing', async (t) => {
  const { home, arcade } = await world(t);
  const opened = join(home.home, 'opened');
  // Written elsewhere first, so that the file is never seen half written.
  const PATH = launcher(home, `echo "$@" > ${opened}.new; /bin/mv ${opened}.new ${opened}`);
  const { child, stderr } = start(t, home, arcade.coordinator.url, { PATH });
  const oneTime = await written(opened);
  await until(() => SHOWN.test(stderr()));
  const url = SHOWN.exec(stderr())?.[1] ?? '';
  assert.match(oneTime, /^http:\/\/127\.0\.0\.1:\d+\/login\/[\w-]{22}$/);
  for (const secret of ['state', 'code_challenge'])
    assert.ok(!oneTime.includes(new URL(url).searchParams.get(secret) ?? 'nothing'), secret);
  const answer = await fetch(oneTime, { redirect: 'manual' });
  assert.deepEqual([answer.status, answer.headers.get('location')], [302, url]);
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  await signIn(url, { user: arcade.user('A') });
  assert.equal((await child).exitCode, 0);
});

test('`login` ends when the address in the browser’s arguments is opened a second time', async (t) => {
  const { home, arcade } = await world(t);
  const opened = join(home.home, 'opened');
  const PATH = launcher(home, `echo "$@" > ${opened}.new; /bin/mv ${opened}.new ${opened}`);
  const { child } = start(t, home, arcade.coordinator.url, { PATH });
  const oneTime = await written(opened);
  assert.equal((await fetch(oneTime, { method: 'HEAD', redirect: 'manual' })).headers.get('location'), null);
  const stolen = await fetch(oneTime, { redirect: 'manual' });
  assert.equal(stolen.status, 302);
  const second = await fetch(oneTime, { redirect: 'manual' });
  assert.equal(second.status, 400);
  assert.match(await second.text(), /Login failed/);
  const ran = await child;
  assert.equal(ran.exitCode, 1);
  assert.match(
    String(ran.stderr),
    /Error: Login failed: the address for your browser was opened twice\.\nHint: .*--no-browser/,
  );
  assert.ok(!existsSync(join(home.directory, 'credentials.yaml')));
});

test('`login` takes $BROWSER first, as Python does, and tells a browser no secret', async (t) => {
  const { arcade } = await world(t);
  for (const [BROWSER, expected] of [
    ['mine', /^http:\S+$/],
    ['missing:mine --new %s last', /^--new http:\S+ last$/],
  ] as const) {
    const home = sandbox(t);
    const opened = join(home.home, 'opened');
    launcher(home, 'exit 3');
    const script = `{ echo "$@"; /usr/bin/env; } > ${opened}.new; /bin/mv ${opened}.new ${opened}`;
    const PATH = launcher(home, script, 'mine');
    const secrets = {
      ARCADE_URL: arcade.coordinator.url,
      AWS_SECRET_ACCESS_KEY: 'hidden',
      MY_TOKEN: 'hidden',
    };
    const { child, stderr } = start(t, home, arcade.coordinator.url, {
      PATH,
      BROWSER,
      ...secrets,
      DISPLAY: ':7',
    });
    const [args = '', ...environment] = (await written(opened)).split('\n');
    assert.match(args, expected);
    assert.ok(environment.includes('DISPLAY=:7'));
    assert.doesNotMatch(environment.join('\n'), /hidden|^ARCADE_|^RES_OPTIONS/m);
    await until(() => SHOWN.test(stderr()));
    await signIn(SHOWN.exec(stderr())?.[1] ?? '', { user: arcade.user('A') });
    assert.equal((await child).exitCode, 0);
  }
});

test('`login` without a browser still leads to a login by the printed address', async (t) => {
  const { arcade } = await world(t);
  for (const script of [null, 'exit 3']) {
    const home = sandbox(t);
    const PATH = script === null ? join(home.home, 'nothing') : launcher(home, script);
    const { child, stderr } = start(t, home, arcade.coordinator.url, { PATH });
    await until(() => /Could not open a browser/.test(stderr()));
    assert.match(stderr(), /arcade login --api-key/);
    await signIn(SHOWN.exec(stderr())?.[1] ?? '', { user: arcade.user('A') });
    assert.equal((await child).exitCode, 0);
  }
});
