/** `arcade login` on a machine to which no browser comes back, and at coordinators that have no OAuth. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { authorize } from '../../support/arcade/browser.ts';
import type { Arcade } from '../../support/arcade.ts';
import { inside } from '../../support/inside.ts';
import { storedCredentials } from '../../support/login.ts';
import { sandbox } from '../../support/sandbox.ts';
import { world } from '../../support/world.ts';

const URL_SHOWN = /Open this URL in your browser to log in: (http\S+)\n/;

/** Types once, when `when` is first shown. */
function once(when: RegExp, type: (match: RegExpExecArray) => Promise<string>) {
  let done = false;
  return async (shown: string): Promise<string | undefined> => {
    const match = done ? null : when.exec(shown);
    if (match === null) return undefined;
    done = true;
    return type(match);
  };
}

async function logInTyping(t: TestContext, arcade: Arcade, type: (url: string) => Promise<string>) {
  const home = sandbox(t);
  const args = ['login', '--no-browser', '--timeout', '5', '--host', arcade.coordinator.url];
  const answer = once(URL_SHOWN, ([, url = '']) => type(url));
  return { home, ran: await inside(home, args, { answer }) };
}

test('`login` takes the address that the browser ended on, pasted in the terminal', async (t) => {
  const { arcade, user } = await world(t);
  const { home, ran } = await logInTyping(t, arcade, async (url) => `${await authorize(url, { user })}\n`);
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.match(ran.stderr, /copy the address that it ends on and paste it here/);
  assert.equal(storedCredentials(home).cloud.user.email, user.email);
});

test('`login` takes no pasted address of another login, and tells', async (t) => {
  const { arcade, user } = await world(t);
  const { home, ran } = await logInTyping(t, arcade, async (url) => {
    const other = new URL(await authorize(url, { user }));
    other.searchParams.set('state', 'another');
    return `nonsense\n${other}\n${await authorize(url, { user })}\n`;
  });
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.equal(ran.stderr.match(/That is not the address of this login\./g)?.length, 2);
  assert.ok(existsSync(join(home.directory, 'credentials.yaml')));
});

test('`login` with a pasted denial or a changed code stores nothing', async (t) => {
  const { arcade, user } = await world(t);
  for (const [change, message] of [
    [(back: URL) => back.searchParams.set('code', 'changed'), /did not accept the authorization code/],
    [
      (back: URL) => (back.search = `?error=access_denied&state=${back.searchParams.get('state')}`),
      /Login denied/,
    ],
  ] as const) {
    const { home, ran } = await logInTyping(t, arcade, async (url) => {
      const back = new URL(await authorize(url, { user }));
      change(back);
      return `${back}\n`;
    });
    assert.equal(ran.exitCode, 1);
    assert.match(ran.stderr, message);
    assert.ok(!existsSync(join(home.directory, 'credentials.yaml')));
  }
});

test('`login` at a coordinator without OAuth asks first, since an API key then travels in addresses', async (t) => {
  const { arcade } = await world(t, { era: 'seed' });
  const args = ['login', '--no-browser', '--timeout', '5', '--host', arcade.coordinator.url];
  const declined = sandbox(t);
  const no = await inside(declined, args, { answer: once(/Continue\? \[y\/N\] /, async () => '\n') });
  assert.deepEqual([no.exitCode, no.stdout], [1, '']);
  assert.match(
    no.stderr,
    /does not support OAuth: its login sends an API key through your browser's address bar\./,
  );
  assert.match(no.stderr, /Error: Login cancelled\.\nHint: .*--api-key/);
  assert.doesNotMatch(no.stderr, URL_SHOWN);
});

for (const [title, more, env] of [
  ['on a terminal', [], {}],
  ['with --quiet', ['--quiet'], {}],
  ['on a dumb terminal', [], { TERM: 'dumb' }],
] as const) {
  test(`\`login\` at a coordinator without OAuth asks ${title}, and shows the URL`, {
    timeout: 6_000,
  }, async (t) => {
    const { arcade, user } = await world(t, { era: 'seed' });
    const yes = once(/Continue\? \[y\/N\] /, async () => 'y\n');
    const paste = once(URL_SHOWN, async ([, url = '']) => `${await authorize(url, { user })}\n`);
    const args = ['login', '--no-browser', '--timeout', '5', '--host', arcade.coordinator.url, ...more];
    const answer = async (shown: string) => (await yes(shown)) ?? (await paste(shown));
    const ran = await inside(sandbox(t), args, { answer, env });
    assert.equal(ran.exitCode, 0, ran.stderr);
  });
}
