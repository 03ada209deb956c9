/** How a login gets its page in front of the person: a browser, or an address to copy. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { signIn } from '../../support/arcade/browser.ts';
import { started } from '../../support/arcade/client.ts';
import { startArcadeCli } from '../../support/cli.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';
import { until } from '../../support/until.ts';

/** A directory with a browser launcher that runs `script`. */
function launcher(home: Sandbox, script: string): string {
  const folder = join(home.home, 'bin');
  mkdirSync(folder);
  writeFileSync(join(folder, 'xdg-open'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return folder;
}

function start(home: Sandbox, coordinator: string, PATH: string) {
  const env = { ARCADE_USAGE_TRACKING: '0', PATH };
  const child = startArcadeCli(home, ['login', '--host', coordinator], { env });
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return { child, stderr: () => stderr };
}

const SHOWN = /copy this URL and paste it into your browser: (http\S+)\n/;

test('the system’s browser is given the address, which is also printed', async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  const opened = join(home.home, 'opened');
  // Written elsewhere first, so that the file is never seen half written.
  const PATH = launcher(home, `echo "$1" > ${opened}.new; /bin/mv ${opened}.new ${opened}`);
  const { child, stderr } = start(home, arcade.coordinator.url, PATH);
  await until(() => existsSync(opened) && SHOWN.test(stderr()));
  const url = readFileSync(opened, 'utf8').trim();
  assert.equal(url, SHOWN.exec(stderr())?.[1]);
  assert.match(stderr(), /^Opening a browser to log you in\.\.\.\n/);
  await signIn(url, { user: arcade.user('A') });
  assert.equal((await child).exitCode, 0);
});

test('where there is no browser, the printed address still leads to a login', async (t) => {
  const arcade = await started(t);
  for (const script of [null, 'exit 3']) {
    const home = sandbox(t);
    const PATH = script === null ? join(home.home, 'nothing') : launcher(home, script);
    const { child, stderr } = start(home, arcade.coordinator.url, PATH);
    await until(() => /No browser could be opened/.test(stderr()));
    assert.match(stderr(), /arcade login --api-key/);
    await signIn(SHOWN.exec(stderr())?.[1] ?? '', { user: arcade.user('A') });
    assert.equal((await child).exitCode, 0);
  }
});
