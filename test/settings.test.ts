import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { type Program, readSettings } from '../src/settings.ts';
import { arcade, baseEnvironment, PROGRAM } from './support/cli.ts';
import { sandbox } from './support/sandbox.ts';

const program: Program = {
  version: '0.0.0',
  execPath: process.execPath,
  execArgv: [],
  flusher: '/nowhere/flusher.js',
  migrations: '/nowhere/migrations',
  postHogApiKey: undefined,
};

test('the flusher is given the variables that it reads, and no secret of anybody', () => {
  const own = {
    ARCADE_WORK_DIR: '/home/ana',
    ARCADE_POSTHOG_HOST: 'http://127.0.0.1:1',
    ARCADE_POSTHOG_API_KEY: 'phc_x',
    ARCADE_API_KEY: 'arc_x',
    ARCADE_URL: 'http://127.0.0.1:2',
    HTTPS_PROXY: 'http://127.0.0.1:3',
    no_proxy: 'localhost',
    LC_ALL: 'C.UTF-8',
    LC_CTYPE: 'C',
  };
  const foreign = {
    ARCADE_WORKER_SECRET: 'x',
    ARCADE_TOOL_TOKEN: 'x',
    POSTHOG_KEY: 'x',
    NODE_OPTIONS: 'x',
    MY_DB_PASSWORD: 'x',
    arcade_api_key: 'x',
    Arcade_Url: 'x',
    LC_CANARY: 'x',
    Home: 'x',
  };
  assert.deepEqual(readSettings({ ...own, ...foreign }, program).flusherEnvironment, own);
});

test('a relative folder in a working directory that is gone is no reason to crash', async (t) => {
  const home = sandbox(t);
  const gone = join(home.home, 'gone');
  mkdirSync(gone);
  const script = 'cd gone && rmdir ../gone && exec "$@"';
  const env = { ...baseEnvironment(home), ARCADE_WORK_DIR: 'relative', NODE_EXTRA_CA_CERTS: 'relative.pem' };
  const run = ['-c', script, 'bash', process.execPath, '--', PROGRAM, 'secret', 'list'];
  const { exitCode, stdout, stderr } = await execa('bash', run, {
    env,
    extendEnv: false,
    reject: false,
    cwd: home.home,
  });
  assert.equal(exitCode, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /Error: Not logged in/);
  rmSync(gone, { recursive: true, force: true });
});

test('a home in which no folder can be made does not keep a command from ending', async (t) => {
  const { exitCode, stderr } = await arcade(sandbox(t), ['secret', 'list'], { env: { HOME: '/proc' } });
  assert.equal(exitCode, 1);
  assert.match(stderr, /^Error: Not logged in/);
});

test('a folder is made with the parents that it lacks', async (t) => {
  const home = sandbox(t);
  const deep = join(home.home, 'a', 'b');
  await arcade(home, ['secret', 'list'], { env: { ARCADE_WORK_DIR: deep } });
  const { stdout } = await arcade(home, ['usage', 'status', '--json'], { env: { ARCADE_WORK_DIR: deep } });
  assert.equal((JSON.parse(stdout) as { ledger: { recorded: number } }).ledger.recorded, 1);
});
