/** `arcade` started by a Node that is too old. The old Node is a real one, the first that the machine has. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { isNewEnough, NEEDED } from '../../bin/node-version.ts';
import { baseEnvironment, PROGRAM } from '../support/cli.ts';
import { type Sandbox, sandbox } from '../support/sandbox.ts';
import { hasTerminals, onTerminal } from '../support/terminal.ts';
import { world } from '../support/world.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const versionOf = (node: string): string =>
  spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout.trim();
const OLD = (process.env.PATH ?? '')
  .split(delimiter)
  .map((folder) => join(folder, process.platform === 'win32' ? 'node.exe' : 'node'))
  .find((node) => existsSync(node) && !isNewEnough(versionOf(node)));
const needsOldNode = { skip: OLD === undefined && `no Node below ${NEEDED} is in the PATH` };
const hasNode = existsSync(join(ROOT, 'node_modules', 'node', 'bin'));
const needsBoth = {
  skip:
    needsOldNode.skip || (!hasNode && 'the first Node in the PATH is new enough: the checkout fetched none'),
};
const needsTerminal = { skip: needsBoth.skip || (!hasTerminals && 'python3 has no pty') };

const byOldNode = (home: Sandbox, script: string, args: readonly string[]) =>
  execa(String(OLD), ['--', script, ...args], {
    env: { ...baseEnvironment(home), ARCADE_USAGE_TRACKING: '0' },
    extendEnv: false,
    reject: false,
    cwd: home.home,
  });

/** The built program as a user has it: no Node beside it. */
function installedCopy(home: Sandbox): string {
  const copy = join(home.home, 'installed');
  for (const name of ['dist', 'migrations', 'package.json'])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  return join(copy, 'dist', 'arcade.js');
}

test('node dist/arcade.js by an old Node goes on with the checkout’s Node', needsBoth, async (t) => {
  const { exitCode, stdout, stderr } = await byOldNode(sandbox(t), PROGRAM, ['--version']);
  assert.deepEqual([exitCode, stderr], [0, '']);
  assert.match(stdout, /^arcade \d/);
});

test('a link to a checkout (npm link, npm install -g .) does so too', needsBoth, async (t) => {
  const home = sandbox(t);
  const link = join(home.home, 'arcade');
  symlinkSync(PROGRAM, link);
  const { exitCode, stdout } = await execa(link, ['--version'], {
    env: { ...baseEnvironment(home), PATH: [dirname(String(OLD)), process.env.PATH].join(delimiter) },
    extendEnv: false,
    reject: false,
  });
  assert.equal(exitCode, 0);
  assert.match(stdout, /^arcade \d/);
});

test('exit codes and streams are the program’s own', needsBoth, async (t) => {
  const failed = await byOldNode(sandbox(t), PROGRAM, ['whoami']);
  assert.deepEqual([failed.exitCode, failed.stdout], [1, '']);
  assert.doesNotMatch(failed.stderr, /^arcade needs/);
  const wrong = await byOldNode(sandbox(t), PROGRAM, ['secret', 'set', '--nonsense']);
  assert.equal(wrong.exitCode, 2);
});

test('a hidden prompt stays hidden, and one Ctrl-C ends it with 130', needsTerminal, async (t) => {
  const at = await world(t);
  const shell = `exec ${OLD} "$@"`;
  const set = await onTerminal(at, ['secret', 'set', 'KEY'], {
    shell,
    steps: [['KEY', 'a-value-of-mine\n']],
  });
  assert.equal(set.exitCode, 0, set.shown);
  assert.doesNotMatch(set.shown, /a-value-of-mine/);
  assert.ok(set.echoes);
  const left = await onTerminal(at, ['secret', 'set', 'KEY'], { shell, steps: [['KEY', '\x03']] });
  assert.deepEqual([left.exitCode, left.echoes], [130, true], left.shown);
});

test('SIGTERM ends both processes with 143', needsTerminal, async (t) => {
  const at = await world(t);
  const { exitCode, shown } = await onTerminal(at, ['secret', 'set', 'KEY'], {
    shell: `exec ${OLD} "$@"`,
    steps: [['KEY', '']],
    signal: 'TERM',
  });
  assert.equal(exitCode, 143, shown);
});

test('anywhere else one line says which Node is needed', needsOldNode, async (t) => {
  const home = sandbox(t);
  const { exitCode, stdout, stderr } = await byOldNode(home, installedCopy(home), ['--version']);
  assert.deepEqual([exitCode, stdout], [1, '']);
  assert.equal(
    stderr,
    `arcade needs Node ${NEEDED} or later, and this is Node ${versionOf(String(OLD))}: https://nodejs.org`,
  );
});

test('a checkout whose own Node does not start says so in one line', needsOldNode, async (t) => {
  const home = sandbox(t);
  const program = installedCopy(home);
  const folder = join(home.home, 'installed', 'node_modules', 'node');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ version: NEEDED, bin: { node: 'bin/node' } }));
  const { exitCode, stderr } = await byOldNode(home, program, ['--version']);
  assert.equal(exitCode, 1);
  assert.match(
    stderr,
    /^arcade needs Node .* cannot be started: spawn .* ENOENT\. `npm run build` fetches it\.$/,
  );
});
