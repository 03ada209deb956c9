/** How a login gets its page in front of the person: a browser, an address to copy, or one to paste back. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { signIn } from '../../support/arcade/browser.ts';
import { asUser, everyones, NOBODY, notRoot, startArcadeCli, UNTRACKED } from '../../support/cli.ts';
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
  const env = { ...UNTRACKED, ...more };
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
  const { child, stderr, oneTime } = await withOpener(t, home, arcade.coordinator.url);
  await until(() => SHOWN.test(stderr()));
  const url = SHOWN.exec(stderr())?.[1] ?? '';
  assert.match(oneTime, /^http:\/\/127\.0\.0\.1:\d+\/login\/[\w-]{22}$/);
  const proofs = ['state', 'code_challenge'].map((name) => new URL(url).searchParams.get(name) ?? '');
  const seen = readdirSync('/proc').flatMap((pid) => argumentsOf(pid));
  assert.ok(
    seen.some((each) => each.includes(oneTime)),
    'the opener runs',
  );
  for (const proof of proofs) assert.ok(proof.length >= 32 && !seen.some((each) => each.includes(proof)));
  const answer = await fetch(oneTime, { redirect: 'manual' });
  assert.deepEqual([answer.status, answer.headers.get('location')], [302, url]);
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  await signIn(url, { user: arcade.user('A') });
  assert.equal((await child).exitCode, 0);
});

/** The arguments of a process; none of one that has ended, or of what is no process. */
function argumentsOf(pid: string): string[] {
  try {
    return /^\d+$/.test(pid) ? [readFileSync(`/proc/${pid}/cmdline`, 'latin1')] : [];
  } catch {
    return [];
  }
}

/** A login and the address that its opener was given, which goes on running until the test has ended. */
async function withOpener(t: TestContext, home: Sandbox, coordinator: string) {
  const opened = join(home.home, 'opened');
  // Written elsewhere first, so that the file is never seen half written.
  const script = `echo "$@" > ${opened}.new; /bin/mv ${opened}.new ${opened}; while [ -e ${opened} ]; do /bin/sleep 0.1; done`;
  t.after(() => rmSync(opened, { force: true }));
  const started = start(t, home, coordinator, { PATH: launcher(home, script) });
  return { ...started, oneTime: await written(opened) };
}

test('`login` answers no other user who has read the address among the arguments', {
  skip: notRoot,
}, async (t) => {
  const { home, arcade } = await world(t);
  const { child, oneTime } = await withOpener(t, home, arcade.coordinator.url);
  const request = `fetch('${oneTime}', { redirect: 'manual' }).then(({ status, headers }) => console.log(status, headers.get('location')))`;
  // The second way is a socket of IPv6, which reaches the same server.
  for (const [file = '', ...words] of [
    [...asUser(NOBODY), everyones().node, '-e', request],
    [...asUser(NOBODY), everyones().node, '-e', request.replace('127.0.0.1', '[::ffff:127.0.0.1]')],
  ])
    assert.equal((await execa(file, words)).stdout, '404 null');
  const location = (await fetch(oneTime, { redirect: 'manual' })).headers.get('location') ?? '';
  await signIn(location, { user: arcade.user('A') });
  assert.equal((await child).exitCode, 0);
});

test('`login` ends when the address in the browser’s arguments is opened a second time', async (t) => {
  const { home, arcade } = await world(t);
  const { child, oneTime } = await withOpener(t, home, arcade.coordinator.url);
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
    launcher(home, `echo "$@" > ${opened}.system`);
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
    assert.ok(!existsSync(`${opened}.system`), 'and no other browser');
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
