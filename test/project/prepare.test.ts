/** What every npm script of a checkout runs first, in a checkout of two packages that need no network. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { NEEDED } from '../../bin/node-version.ts';
import { until } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** A build that takes until the file `go` is there. */
const BUILD = `import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
while (!existsSync('go')) await new Promise((done) => setTimeout(done, 20));
mkdirSync('dist', { recursive: true });
writeFileSync('dist/meta.json', '{}');`;

/** A fresh clone, in which nothing is installed and nothing is built. */
function freshClone(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'arcade-prepare-'));
  t.after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));
  const write = (path: string, value: unknown): void => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), typeof value === 'string' ? value : JSON.stringify(value));
  };
  const manifest = { name: 'clone', version: '1.0.0', dependencies: { node: 'file:packages/node' } };
  write('package.json', { ...manifest, engines: { node: `>=${NEEDED}` } });
  write('packages/node/package.json', { name: 'node', version: NEEDED });
  write('package-lock.json', {
    ...manifest,
    lockfileVersion: 3,
    packages: {
      '': manifest,
      'node_modules/node': { resolved: 'packages/node', link: true },
      'packages/node': { name: 'node', version: NEEDED },
    },
  });
  for (const folder of ['bin', 'src']) mkdirSync(join(root, folder));
  for (const name of ['prepare.mjs', 'arcade.mjs']) cpSync(join(ROOT, '.ci', name), join(root, '.ci', name));
  write('.ci/build.mjs', BUILD);
  return root;
}

/** Starts the script of this exit code, and tells what its preparation has printed so far. */
function start(root: string, code: number) {
  const words = ['--', 'node', '-e', `process.exit(${code})`];
  const child = spawn(process.execPath, [join(root, '.ci', 'prepare.mjs'), ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const exitCode = once(child, 'exit').then(([code]) => code);
  return { exitCode, said: () => said, kill: () => child.kill('SIGKILL') };
}

const LONG = { timeoutMs: 30_000 };

test('two npm scripts at once in a fresh clone: one prepares it, the other waits', async (t) => {
  const root = freshClone(t);
  const both = [start(root, 1), start(root, 2)];
  const said = () => both.map((one) => one.said()).join('\n');
  await until(() => said().includes('Waiting'), { what: 'one to wait', ...LONG });
  writeFileSync(join(root, 'go'), '');
  assert.deepEqual(await Promise.all(both.map(({ exitCode }) => exitCode)), [1, 2], said());
  for (const step of ['Installing packages', 'Building'])
    assert.equal(said().split(step).length - 1, 1, said());
});

test('a script that was killed while it prepared keeps no other waiting', async (t) => {
  const root = freshClone(t);
  const killed = start(root, 1);
  await until(() => killed.said().includes('Building'), { what: 'the build', ...LONG });
  killed.kill();
  await killed.exitCode;
  const next = start(root, 3);
  await until(() => next.said().includes('Building'), { what: 'the next build', ...LONG });
  // For the build of the killed one too, which outlives it.
  writeFileSync(join(root, 'go'), '');
  assert.deepEqual([await next.exitCode, next.said().includes('Waiting')], [3, false], next.said());
});

test('a build that fails says so itself, and ends with 1 without a stack of ours', async (t) => {
  const root = freshClone(t);
  writeFileSync(join(root, '.ci', 'build.mjs'), "console.error('no room'); process.exitCode = 9;");
  const { exitCode, said } = start(root, 0);
  assert.equal(await exitCode, 1);
  assert.match(said(), /no room\nnode .*build\.mjs failed\.\n$/);
});

test('arcade in a fresh clone prepares it, and is the built program', async (t) => {
  const root = freshClone(t);
  const program = 'console.log(process.argv.slice(1).join(" ")); process.exitCode = 4;';
  const build = `import { mkdirSync, writeFileSync } from 'node:fs';
mkdirSync('dist');
writeFileSync('dist/arcade.js', ${JSON.stringify(program)});
writeFileSync('dist/meta.json', '{}');`;
  writeFileSync(join(root, '.ci', 'build.mjs'), build);
  const run = async () => {
    const child = spawn(
      process.execPath,
      ['--', join(root, '.ci', 'arcade.mjs'), 'secret', '--env-file', 'x'],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].on('data', (chunk: Buffer) => {
        said[name] += chunk.toString();
      });
    const [exitCode] = await once(child, 'close');
    return { exitCode, ...said };
  };
  const argv = `${realpathSync(root)}/dist/arcade.js secret --env-file x\n`;
  const first = await run();
  assert.deepEqual([first.exitCode, first.stdout], [4, argv], first.stderr);
  assert.match(first.stderr, /Building/);
  assert.deepEqual(await run(), { exitCode: 4, stdout: argv, stderr: '' });
});
