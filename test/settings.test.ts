/** Settings, from the environment. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { flusherEnvironment, readSettings } from '../src/settings.ts';
import { arcade, TRACKED } from './support/cli.ts';
import { inside, usage } from './support/inside.ts';
import { PROGRAM } from './support/program.ts';
import { sandbox } from './support/sandbox.ts';

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
    XDG_CACHE_HOME: '/home/ana/.cache',
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
  assert.deepEqual(readSettings({ ...own, ...foreign }, PROGRAM).flusherEnvironment, own);
});

test('what makes the TLS of a command work makes that of the flusher work', () => {
  const own = {
    NODE_EXTRA_CA_CERTS: '/ca.pem',
    NODE_USE_SYSTEM_CA: '1',
    NODE_USE_ENV_PROXY: '1',
    OPENSSL_CONF: '/openssl.cnf',
    SSL_CERT_FILE: '/ca.pem',
    SSL_CERT_DIR: '/certs',
    LD_LIBRARY_PATH: '/opt/lib:/usr/lib',
    DYLD_FALLBACK_LIBRARY_PATH: '/opt/lib',
  };
  assert.deepEqual(flusherEnvironment(own, undefined, 'linux'), own);
  const relative = { OPENSSL_CONF: 'o.cnf', LD_LIBRARY_PATH: 'lib::/usr/lib', SSL_CERT_FILE: '' };
  assert.deepEqual(flusherEnvironment(relative, undefined, 'linux'), {
    OPENSSL_CONF: resolve('o.cnf'),
    LD_LIBRARY_PATH: `${resolve('lib')}:/usr/lib`,
    SSL_CERT_FILE: '',
  });
});

test('an empty path in the environment does not become the working directory, which may be hostile', () => {
  const empty = { LD_LIBRARY_PATH: '', DYLD_LIBRARY_PATH: ':', SSL_CERT_DIR: '' };
  for (const [name, value] of Object.entries(flusherEnvironment(empty, undefined, 'linux')))
    assert.equal(value, '', name);
});

test('of NODE_OPTIONS the flusher is given the words about certificate authorities and TLS alone', () => {
  const cases: [string, string | undefined][] = [
    ['--use-openssl-ca', '"--use-openssl-ca"'],
    ['--require ./evil.js --use-system-ca --inspect', '"--use-system-ca"'],
    ['--no-use-system-ca  --tls-min-v1.2', '"--no-use-system-ca" "--tls-min-v1.2"'],
    ['"--tls-cipher-list=A B" --import=x', '"--tls-cipher-list=A B"'],
    ['--tls-cipher-list HIGH --require tls', '"--tls-cipher-list=HIGH"'],
    ['--openssl-config=o.cnf', `"--openssl-config=${resolve('o.cnf')}"`],
    ['--openssl-config="with \\"quotes\\".cnf"', `"--openssl-config=${resolve('with \\"quotes\\".cnf')}"`],
    ['--require "--use-system-ca.js"', undefined],
    ['--tls-keylog=/tmp/keys --max-old-space-size=20', undefined],
    ['', undefined],
  ];
  for (const [given, passed] of cases)
    assert.equal(flusherEnvironment({ NODE_OPTIONS: given }, undefined, 'linux').NODE_OPTIONS, passed, given);
});

test('DO_NOT_TRACK and ARCADE_USAGE_TRACKING refuse by any word for it; DO_NOT_TRACK beats the other', () => {
  const isOn = (env: Record<string, string>): boolean => readSettings(env, PROGRAM).consent.enabled;
  for (const value of ['0', 'false', 'NO', ' off ', 'n', 'F', 'disabled', 'None'])
    assert.equal(isOn({ ARCADE_USAGE_TRACKING: value }), false, value);
  for (const value of ['1', 'true', 'yes', 'anything', ' x '])
    assert.equal(isOn({ DO_NOT_TRACK: value }), false);
  assert.equal(isOn({ DO_NOT_TRACK: '1', ARCADE_USAGE_TRACKING: '1' }), false);
  assert.equal(isOn({ DO_NOT_TRACK: '0', ARCADE_USAGE_TRACKING: '0' }), false);
  for (const value of ['', 'yes']) assert.equal(isOn({ ARCADE_USAGE_TRACKING: value }), true, value);
  for (const value of ['', 'false', '0', 'no', 'off'])
    assert.equal(isOn({ DO_NOT_TRACK: value }), true, value);
});

test('on Windows the names of variables have no case', () => {
  const given = {
    Path: 'C:\\',
    SystemRoot: 'C:\\Windows',
    https_Proxy: 'http://p',
    Arcade_Url: 'http://a',
    My_Token: 'x',
  };
  assert.deepEqual(flusherEnvironment(given, undefined, 'win32'), {
    PATH: 'C:\\',
    SYSTEMROOT: 'C:\\Windows',
    HTTPS_PROXY: 'http://p',
    ARCADE_URL: 'http://a',
  });
});

test('a relative folder in a working directory that is gone is no reason to crash', async (t) => {
  const home = sandbox(t);
  const gone = join(home.home, 'gone');
  mkdirSync(gone);
  const shell = 'cd gone && rmdir ../gone && exec "$@"';
  const env = { ARCADE_WORK_DIR: 'relative', NODE_EXTRA_CA_CERTS: 'relative.pem' };
  const { exitCode, stdout, stderr } = await arcade(home, ['secret', 'list'], { env, shell });
  assert.deepEqual([exitCode, stdout], [1, '']);
  assert.match(stderr, /Error: Not logged in/);
  rmSync(gone, { recursive: true, force: true });
});

test('a home that is missing is not made', async (t) => {
  const home = sandbox(t);
  const env = { ...TRACKED, HOME: join(home.home, 'unmounted') };
  assert.equal((await inside(home, ['secret', 'list'], { env })).exitCode, 1);
  assert.deepEqual(readdirSync(home.home), []);
});

test('a folder that ARCADE_WORK_DIR names is made with the parents that it lacks', async (t) => {
  const home = sandbox(t);
  const deep = join(home.home, 'a', 'b');
  const env = { ...TRACKED, ARCADE_WORK_DIR: deep };
  await inside(home, ['secret', 'list'], { env });
  assert.match((await usage(home, [], { env })).stdout, /^ *pending +1/m);
});

test('the home is where Python looks for it: on Windows in USERPROFILE, elsewhere in HOME', () => {
  const both = { HOME: '/home/ana', USERPROFILE: '/users/ana' };
  const at = (env: object, platform: NodeJS.Platform) =>
    readSettings({ ...both, ...env }, PROGRAM, platform).directory;
  assert.equal(at({}, 'linux'), resolve('/home/ana/.arcade'));
  assert.equal(at({}, 'win32'), resolve('/users/ana/.arcade'));
  assert.equal(at({ ARCADE_WORK_DIR: '~\\tools' }, 'win32'), resolve('/users/ana/tools/.arcade'));
  assert.equal(at({ ARCADE_WORK_DIR: '~/tools' }, 'win32'), resolve('/users/ana/tools/.arcade'));
  assert.equal(at({ ARCADE_WORK_DIR: '~\\work' }, 'linux'), resolve('~\\work/.arcade'));
});

test('ARCADE_POSTHOG_HOST is taken without a user name and password, which would be shown and sent', () => {
  const hostOf = (host: string): string =>
    readSettings({ ARCADE_POSTHOG_HOST: host }, PROGRAM).destination.host;
  for (const [given, taken] of [
    ['https://ana:pass@posthog.test:8443/ingest/', 'https://posthog.test:8443/ingest'],
    ['http:/ana:pass@posthog.test', 'http://posthog.test'],
    ['https://posthog.test/of/@ana', 'https://posthog.test/of/@ana'],
    // No address without the rest either: nothing is sent there.
    ['ana:pass@posthog.test:8443', 'posthog.test:8443'],
    ['https://ana:pa/ss@posthog.test', 'posthog.test'],
  ] as const) {
    assert.equal(hostOf(given), taken);
  }
});
