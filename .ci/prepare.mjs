// Makes a fresh clone ready: the lock file's packages, an addon that this Node can load, a bundle of today's
// source. Plain Node and npm, nothing else, for it runs before anything is installed.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const path = (...parts) => join(root, ...parts);
const say = (text) => process.stderr.write(`${text}\n`);
const run = (command, args, env = process.env) =>
  execFileSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    env,
    shell: process.platform === 'win32',
  });

requireNode();
if (!packagesAreInStep()) {
  say('Installing packages; compiling better-sqlite3 can take over a minute ...');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}
if (!addonLoads()) {
  say('Compiling better-sqlite3 for this version of Node; this can take over a minute ...');
  run('npm', ['rebuild', 'better-sqlite3', '--loglevel=error']);
}
if (process.argv[2] !== 'packages' && !bundleIsFresh()) {
  say('Building ...');
  // A key in somebody's environment is for a release, not for a test.
  const { ARCADE_POSTHOG_API_KEY: _key, ...env } = process.env;
  run(process.execPath, [path('.ci', 'build.mjs')], env);
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if ((major === 20 && minor >= 20) || (major === 22 && minor >= 22) || major > 22) return;
  say(`Node ${process.versions.node} is too old or not supported: use 20.20 or later, or 22.22 or later.`);
  process.exit(1);
}

/** npm keeps a list of what it has installed; what is optional may be missing on this system. */
function packagesAreInStep() {
  const installed = path('node_modules', '.package-lock.json');
  if (!existsSync(installed)) return false;
  const { packages: have } = JSON.parse(readFileSync(installed, 'utf8'));
  const { packages: want } = JSON.parse(readFileSync(path('package-lock.json'), 'utf8'));
  const { '': _root, ...wanted } = want;
  const missing = Object.entries(wanted).some(([name, { version, optional }]) => {
    const found = have[name];
    return found === undefined ? optional !== true : found.version !== version || !existsSync(path(name));
  });
  return !missing && Object.keys(have).every((name) => wanted[name] !== undefined);
}

function addonLoads() {
  const open = 'new (require("better-sqlite3"))(":memory:").close()';
  try {
    execFileSync(process.execPath, ['-e', open], { cwd: root, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function bundleIsFresh() {
  if (!existsSync(path('dist', 'meta.json'))) return false;
  const built = statSync(path('dist', 'meta.json')).mtimeMs;
  const sources = ['bin', 'src', '.ci', 'package.json', 'package-lock.json'];
  return sources.every((source) => newest(path(source)) < built);
}

function newest(place) {
  const found = statSync(place);
  if (!found.isDirectory()) return found.mtimeMs;
  return Math.max(...readdirSync(place).map((name) => newest(join(place, name))), found.mtimeMs);
}
