/** SQLite's native module cannot be loaded: commands work as ever, and every view says why events wait in files. */
import assert from 'node:assert/strict';
import { cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { baseEnvironment, PROGRAM } from '../support/cli.ts';
import { until } from '../support/until.ts';
import { type World, world } from '../support/world.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** The built program on a system for which better-sqlite3 has no module. */
function withoutModule(at: World): string {
  const folder = join(at.home.home, 'installed');
  for (const name of ['dist', 'migrations', 'package.json'])
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  for (const name of ['lib', 'package.json'])
    cpSync(
      join(ROOT, 'node_modules', 'better-sqlite3', name),
      join(folder, 'node_modules', 'better-sqlite3', name),
      { recursive: true },
    );
  return join(folder, 'dist', 'arcade.js');
}

interface Case {
  readonly name: string;
  readonly flags: readonly string[];
  readonly program: (at: World) => string;
  readonly advice: RegExp;
}

/** Node 26 asks for a permission for the network as well. */
const NET = process.allowedNodeEnvironmentFlags.has('--allow-net') ? ['--allow-net'] : [];
const built = (): string => PROGRAM;
const CASES: readonly Case[] = [
  {
    name: 'without the module',
    flags: [],
    program: withoutModule,
    advice: /Reinstall arcade/,
  },
  {
    name: 'with --no-addons',
    flags: ['--no-addons'],
    program: built,
    advice: /without `--no-addons`/,
  },
  {
    name: 'under the permission model',
    flags: ['--permission', '--allow-fs-read=*', '--allow-fs-write=*', ...NET],
    program: built,
    advice: /with `--allow-addons`/,
  },
];

for (const { name, flags, program, advice } of CASES) {
  const open = async (t: TestContext) => {
    const at = await world(t);
    const script = program(at);
    const env = {
      ...baseEnvironment(at.home),
      ...at.env,
      ARCADE_USAGE_TRACKING: undefined,
      ARCADE_POSTHOG_HOST: 'http://127.0.0.1:9',
      ARCADE_POSTHOG_API_KEY: 'phc_test',
      // Node warns that its permission model does not bind native code.
      NODE_NO_WARNINGS: '1',
    };
    const start = (...words: string[]) =>
      execa(process.execPath, [...flags, '--', script, ...words], {
        env,
        extendEnv: false,
        reject: false,
        cwd: at.home.home,
      });
    return { start };
  };

  test(`${name} a command does what it does, and its event waits in a file`, async (t) => {
    const { start } = await open(t);
    const { exitCode, stdout, stderr } = await start('secret', 'list', '--json');
    assert.deepEqual([exitCode, stderr], [0, '']);
    assert.deepEqual(JSON.parse(stdout), { secrets: [] });
    const status = await start('usage', 'status');
    assert.match(status.stdout, /^Next event as +not known\nSpilled +1 event,/m);
  });

  test(`${name} usage status, list and doctor say why events wait, and what to do`, async (t) => {
    const { start } = await open(t);
    for (const view of ['status', 'list', 'doctor']) {
      const { exitCode, stdout, stderr } = await start('usage', view);
      const said = `${stdout}\n${stderr}`;
      assert.match(said, /better-sqlite3 cannot be loaded/, view);
      assert.match(said, advice, view);
      assert.equal(exitCode, 1, view);
    }
  });

  test(`${name} usage watch says it too`, async (t) => {
    const { start } = await open(t);
    const watching = start('usage', 'watch');
    let said = '';
    watching.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await until(() => said.includes('\n'), { what: 'the first line of usage watch' });
    watching.kill('SIGINT');
    await watching;
    assert.match(said, /"store":"no sqlite"/);
    assert.match(said, /"obstacle":"better-sqlite3 cannot be loaded/);
  });
}

test('a better-sqlite3 in a folder that did not come with the program is not loaded', async (t) => {
  const at = await world(t);
  const folder = join(at.home.home, 'installed');
  for (const name of ['dist', 'migrations', 'package.json'])
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  const real = join(ROOT, 'node_modules');
  // Where Node looks too: by a variable, in the home, and above the program.
  symlinkSync(real, join(at.home.home, '.node_modules'));
  symlinkSync(real, join(at.home.home, 'node_modules'));
  const env = { ...baseEnvironment(at.home), NODE_PATH: real };
  const script = join(folder, 'dist', 'arcade.js');
  const { stdout } = await execa(process.execPath, ['--', script, 'usage', 'doctor'], {
    env,
    extendEnv: false,
    reject: false,
  });
  assert.match(stdout, /Reinstall arcade/);
});
