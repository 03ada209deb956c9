/** The package as users have it: packed once, installed by the package managers that they use, without a checkout. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import manifest from '../../package.json' with { type: 'json' };

const ROOT = join(import.meta.dirname, '..', '..');
const IS_WINDOWS = process.platform === 'win32';

/** Exact, from the registry; what the tests hold of them is true of these. */
const MANAGERS = [
  'npm-10@npm:npm@10.9.9',
  'npm-12@npm:npm@12.2.2',
  'pnpm@10.34.9',
  'yarn@1.22.22',
  '@yarnpkg/cli-dist@4.18.1',
  'cmd-shim@8.0.0',
];

export interface Workshop {
  /** Where the tests may put what they install. */
  readonly folder: string;
  /** The packed program. */
  readonly archive: string;
  /** What npm said where the registry could not be reached. */
  readonly unreachable: string | undefined;
  /** Where npm finds it by its name. */
  readonly registry: string;
  remove(): void;
}

/** Packs the built program and fetches the package managers. */
export async function openWorkshop(): Promise<Workshop> {
  const folder = mkdtempSync(join(tmpdir(), 'arcade-package-'));
  linkOnlyNode(folder);
  const { stdout } = await execa(process.execPath, [join(ROOT, '.ci', 'pack.mjs'), folder]);
  writeFileSync(join(folder, 'package.json'), '{}');
  const fetched = await execa('npm', ['install', ...QUIET, '--ignore-scripts', ...MANAGERS], {
    cwd: folder,
    env: environment(folder),
    extendEnv: false,
    reject: false,
  });
  const unreachable = fetched.exitCode === 0 ? undefined : fetched.stderr.split('\n')[0];
  const registry = await openRegistry(stdout.trim());
  const remove = (): void => {
    registry.close();
    // A process that npm has started may still write there.
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  };
  return { folder, archive: stdout.trim(), registry: registry.url, unreachable, remove };
}

const QUIET = ['--no-audit', '--no-fund', '--prefer-offline', '--fetch-retries=1', '--loglevel=error'];

/** One way to install the archive into a new folder. Returns the command that a user types. */
export interface Installer {
  readonly name: string;
  /** Why it is of no use on this system. */
  readonly unfit?: string | false;
  install(workshop: Workshop, folder: string): Promise<string>;
}

const globally = (folder: string): string =>
  IS_WINDOWS ? join(folder, 'arcade.cmd') : join(folder, 'bin', 'arcade');
const locally = (folder: string): string =>
  join(folder, 'node_modules', '.bin', IS_WINDOWS ? 'arcade.cmd' : 'arcade');

const byNpm = (name: string, program: string | undefined, more: readonly string[]): Installer => ({
  name,
  install: async (workshop, folder) => {
    const from = ['--registry', workshop.registry, manifest.name];
    const words = ['install', '--global', '--prefix', folder, ...QUIET, ...more, ...from];
    if (program === undefined) await run('npm', words, workshop, folder);
    else
      await run(
        process.execPath,
        [join(workshop.folder, 'node_modules', program), ...words],
        workshop,
        folder,
      );
    return globally(folder);
  },
});

function emptyProject(folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{}');
}

export const NPM = byNpm('the npm of this machine, scripts off', undefined, ['--ignore-scripts']);

/** It compiles whatever looks as if it had to be; there is no compiler in the path. */
export const NPM_10 = byNpm('npm 10, scripts on', 'npm-10/bin/npm-cli.js', []);

export const INSTALLERS: readonly Installer[] = [
  NPM,
  NPM_10,
  byNpm('npm 12', 'npm-12/bin/npm-cli.js', []),
  {
    name: 'npx',
    unfit: IS_WINDOWS && 'the script that starts it here is for sh',
    install: async (workshop, folder) => {
      const from = ['--cache', join(folder, 'cache'), '--registry', workshop.registry];
      const words = ['exec', '--yes', '--no-update-notifier', ...QUIET, ...from];
      await run('npm', [...words, '--', manifest.name, '--version'], workshop, folder);
      const command = join(folder, 'arcade');
      writeFileSync(command, `#!/bin/sh\nexec npm ${words.join(' ')} -- ${manifest.name} "$@"\n`, {
        mode: 0o755,
      });
      return command;
    },
  },
  {
    name: 'pnpm',
    install: async (workshop, folder) => {
      const pnpm = join(workshop.folder, 'node_modules', 'pnpm', 'bin', 'pnpm.cjs');
      const words = ['add', '--store-dir', join(workshop.folder, 'store'), workshop.archive];
      emptyProject(folder);
      await run(process.execPath, [pnpm, ...words], workshop, folder);
      return locally(folder);
    },
  },
  {
    // With its scripts on it compiles better-sqlite3, which says that it need not be. `global add` heeds no flag.
    name: 'yarn 1, scripts off',
    unfit: IS_WINDOWS && 'its shim does not know env -S',
    install: async (workshop, folder) => {
      const yarn = join(workshop.folder, 'node_modules', 'yarn', 'bin', 'yarn.js');
      const words = ['global', 'add', '--prefix', folder, '--global-folder', join(folder, 'global')];
      const from = ['--cache-folder', join(workshop.folder, 'yarn'), `file:${workshop.archive}`];
      await run(process.execPath, [yarn, ...words, ...from], workshop, folder, { YARN_IGNORE_SCRIPTS: '1' });
      return globally(folder);
    },
  },
  {
    name: 'yarn 4',
    install: async (workshop, folder) => {
      const yarn = join(workshop.folder, 'node_modules', '@yarnpkg', 'cli-dist', 'bin', 'yarn.js');
      emptyProject(folder);
      writeFileSync(join(folder, '.yarnrc.yml'), 'nodeLinker: node-modules\nenableGlobalCache: false\n');
      // Without one it takes the folder for a part of the workshop's project.
      writeFileSync(join(folder, 'yarn.lock'), '');
      await run(
        process.execPath,
        [yarn, 'add', `${manifest.name}@file:${workshop.archive}`],
        workshop,
        folder,
      );
      return locally(folder);
    },
  },
];

async function run(
  program: string,
  words: readonly string[],
  workshop: Workshop,
  folder: string,
  more: Record<string, string> = {},
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const env = { ...environment(workshop.folder), ...more };
  await execa(program, words, { cwd: folder, env, extendEnv: false });
}

/** Node, npm and a shell, and nothing else: no python, no make, no compiler. */
function linkOnlyNode(folder: string): void {
  mkdirSync(join(folder, 'bin'));
  if (IS_WINDOWS) return;
  const programs = { node: process.execPath, npm: realpathSync(inPath('npm')), sh: '/bin/sh' };
  for (const [name, program] of Object.entries(programs)) symlinkSync(program, join(folder, 'bin', name));
}

function inPath(program: string): string {
  const found = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, program));
  return found.find(existsSync) ?? program;
}

/** What the package managers need of the machine to reach the registry, and nothing of an npm that runs the tests. */
function environment(folder: string): Record<string, string> {
  const passed = Object.entries(process.env).filter(([name]) =>
    /^(?:HOME|USERPROFILE|APPDATA|SystemRoot|NODE_EXTRA_CA_CERTS|HTTPS?_PROXY|NO_PROXY|npm_config_registry)$/i.test(
      name,
    ),
  );
  const path = IS_WINDOWS ? process.env.PATH : join(folder, 'bin');
  return { ...Object.fromEntries(passed), PATH: path ?? '' } as Record<string, string>;
}

/** A registry on loopback that has the archive, as npm's own describes a package; the rest is npm's own. */
export async function openRegistry(archive: string): Promise<{ readonly url: string; close(): void }> {
  const bytes = readFileSync(archive);
  const { stdout } = await execa('tar', ['-xzOf', archive, 'package/package.json']);
  const packed = JSON.parse(stdout) as { name: string; version: string };
  const { name, version } = packed;
  const server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '');
    if (path === '/archive.tgz') return void response.end(bytes);
    if (path !== `/${name}`)
      return void response.writeHead(302, { location: `https://registry.npmjs.org${request.url}` }).end();
    const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
    const dist = { tarball: `${url()}/archive.tgz`, integrity };
    // npm's registry notes on publication that a package brings its own lock file.
    const versions = { [version]: { ...packed, _hasShrinkwrap: true, dist } };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: url(), close: () => void server.close() };
}
