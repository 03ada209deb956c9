/** Homes and files that belong to somebody else, or that nobody may write. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { contextOf } from '../../support/arcade/accounts.ts';
import { started } from '../../support/arcade/client.ts';
import type { Arcade } from '../../support/arcade.ts';
import { PROGRAM, type Ran } from '../../support/cli.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';

const NOBODY = 65_534;
/** Nobody stands in the way of root, so these run as somebody else; and only root can become that. */
const skip = process.getuid?.() === 0 ? false : 'only root can run a program as another user';

/** Runs the program as nobody. */
async function asNobody(home: Sandbox, program: string, args: readonly string[]): Promise<Ran> {
  const { exitCode, signal, stdout, stderr } = await execa(process.execPath, ['--', program, ...args], {
    uid: NOBODY,
    gid: NOBODY,
    cwd: '/',
    extendEnv: false,
    env: { HOME: home.home, PATH: '/bin', ARCADE_USAGE_TRACKING: '0' },
    reject: false,
    stdin: 'ignore',
    stripFinalNewline: false,
  });
  return { exitCode, signal, stdout, stderr };
}

/** The built program where nobody can read it. */
function publicProgram(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'arcade-program-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const root = join(PROGRAM, '..', '..');
  for (const name of ['dist', 'migrations', 'package.json'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  for (const name of ['better-sqlite3', 'bindings', 'file-uri-to-path']) {
    const from = join(root, 'node_modules', name);
    if (existsSync(from))
      cpSync(from, join(folder, 'node_modules', name), { recursive: true, dereference: true });
  }
  chmodSync(folder, 0o755);
  return join(folder, 'dist', 'arcade.js');
}

function signedIn(home: Sandbox, arcade: Arcade, expiresInSeconds: number) {
  const user = arcade.user('A');
  const tokens = arcade.issueTokens(user, { expiresInSeconds });
  const context = { ...contextOf(user) };
  home.signInWithTokens({ tokens, email: user.email, coordinatorUrl: arcade.coordinator.url, context });
  return tokens;
}

test('in a home that cannot be written', { skip }, async (t) => {
  const [home, arcade, program] = [sandbox(t), await started(t), publicProgram(t)];
  const list = ['secret', 'list', '--host', arcade.engine.url];
  const old = signedIn(home, arcade, -60);
  chmodSync(home.home, 0o755);
  chmodSync(home.directory, 0o755);
  chmodSync(join(home.directory, 'credentials.yaml'), 0o644);

  const expired = await asNobody(home, program, list);
  assert.equal(expired.exitCode, 1);
  assert.match(expired.stderr, /^Error: The credentials file .* cannot be written: you may not\.\nHint: /);
  assert.equal(arcade.stateOf(old.refresh_token ?? ''), 'valid', 'the refresh token was not spent in vain');

  const login = await asNobody(home, program, ['login', '--force', '--host', arcade.coordinator.url]);
  assert.equal(login.exitCode, 1);
  assert.match(login.stderr, /^Error: .* cannot be written: you may not\.\nHint: .*ARCADE_API_KEY/);
  const logout = await asNobody(home, program, ['logout']);
  assert.equal(logout.exitCode, 1);
  assert.match(logout.stderr, /^Error: .* cannot be removed: you may not\.\nHint: /);

  const user = arcade.user('A');
  const tokens = arcade.issueTokens(user, { expiresInSeconds: 120 });
  const context = { ...contextOf(user) };
  home.signInWithTokens({ tokens, email: user.email, coordinatorUrl: arcade.coordinator.url, context });
  chmodSync(join(home.directory, 'credentials.yaml'), 0o644);
  assert.equal((await asNobody(home, program, list)).exitCode, 0, 'a token that still works is used');
});

test('a file of somebody else', { skip }, async (t) => {
  const [home, arcade, program] = [sandbox(t), await started(t), publicProgram(t)];
  signedIn(home, arcade, 3600);
  chmodSync(home.home, 0o755);
  chownSync(home.directory, NOBODY, NOBODY);
  for (const args of [
    ['whoami'],
    ['secret', 'list'],
    ['org', 'list'],
    ['login', '--host', arcade.coordinator.url],
  ]) {
    const ran = await asNobody(home, program, args);
    assert.equal(ran.exitCode, 1);
    assert.match(ran.stderr, /^Error: The credentials file .* cannot be read: you may not\.\nHint: .*\n$/);
  }
});

test('what root changes for somebody stays theirs', { skip }, async (t) => {
  const [home, arcade] = [sandbox(t), await started(t)];
  signedIn(home, arcade, -60);
  const file = join(home.directory, 'credentials.yaml');
  for (const path of [home.directory, file]) chownSync(path, NOBODY, NOBODY);
  const before = readFileSync(file, 'utf8');
  const { exitCode } = await execa(process.execPath, ['--', PROGRAM, 'org', 'list'], {
    extendEnv: false,
    env: { HOME: home.home, ARCADE_USAGE_TRACKING: '0' },
    reject: false,
  });
  assert.equal(exitCode, 0);
  assert.notEqual(readFileSync(file, 'utf8'), before);
  for (const name of ['credentials.yaml', 'credentials.lock']) {
    const { uid, gid, mode } = statSync(join(home.directory, name));
    assert.deepEqual([uid, gid, mode & 0o777], [NOBODY, NOBODY, 0o600]);
  }
});
