/**
 * `node .ci/prepare.mjs [packages] [-- COMMAND ARGUMENT...]`: makes a fresh clone ready, then runs the command.
 *
 * Ready means the lock file's packages, a Node that is new enough, and a bundle of today's source (not for `packages`).
 * Node 18 and npm are enough to start it. The command finds the programs of the packages first, Node among them: a
 * shell that has just run this file with an older Node would go on with that one.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const path = (...parts) => join(root, ...parts);
const json = (...parts) => JSON.parse(readFileSync(path(...parts), 'utf8'));
const say = (text) => process.stderr.write(`${text}\n`);
const isWindows = process.platform === 'win32';

const split = process.argv.indexOf('--');
const steps = process.argv.slice(2, split < 0 ? undefined : split);
const command = split < 0 ? [] : process.argv.slice(split + 1);
const env = { ...process.env };
const pathName = Object.keys(env).find((name) => /^path$/i.test(name)) ?? 'PATH';
// The folder of Node itself too: on Windows `.bin` has scripts for a shell, which cannot be started without one.
env[pathName] = [path('node_modules', 'node', 'bin'), path('node_modules', '.bin'), env[pathName]]
  .filter(Boolean)
  .join(delimiter);

const needed = json('package.json').engines.node.replace('>=', '');
const needsBundle = () => !steps.includes('packages') && !bundleIsFresh();
if (!packagesAreInStep() || !isNewEnough(nodeVersion(), needed) || needsBundle()) {
  const turn = await takeTurn();
  if (!packagesAreInStep()) {
    say('Installing packages ...');
    // The one script that is needed, Node's, follows. Without this npm 11 and older compile better-sqlite3.
    npm('ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error');
  }
  requireNode();
  if (needsBundle()) {
    say('Building ...');
    // A key in a user's environment is for a release, not for a test.
    const { ARCADE_POSTHOG_API_KEY: _key, ...rest } = env;
    must('node', [path('.ci', 'build.mjs')], { env: rest });
  }
  turn?.close();
}
if (command.length > 0) become(command[0], command.slice(1));

/**
 * Waits until no other process prepares this checkout: two `npm ci` at once delete each other's files.
 *
 * A turn is a socket on which this process listens, so it ends with the process, however that ends. Where no socket can
 * be made, there are no turns.
 */
async function takeTurn() {
  const name = `arcade-prepare-${createHash('sha256').update(root).digest('hex').slice(0, 16)}-${process.getuid?.()}`;
  const place = isWindows ? `\\\\.\\pipe\\${name}` : join(tmpdir(), name);
  for (let told = false; ; ) {
    try {
      const server = createServer().listen(place);
      await once(server, 'listening');
      return server;
    } catch (error) {
      if (error.code !== 'EADDRINUSE') return undefined;
    }
    try {
      const other = connect(place);
      await once(other, 'connect');
      if (!told) say('Waiting for another command, which prepares this checkout ...');
      told = true;
      await once(other.resume(), 'close');
    } catch (error) {
      // Left by a process that was killed. Two that find it so may both go on, as if there were no turns.
      if (error.code === 'ECONNREFUSED') rmSync(place, { force: true });
      else if (!['ENOENT', 'ECONNRESET', 'EPIPE'].includes(error.code)) return undefined;
    }
  }
}

/** Whether what npm noted as installed is what the lock file says; what is optional may be missing. */
function packagesAreInStep() {
  if (!existsSync(path('node_modules', '.package-lock.json'))) return false;
  const { packages: have } = json('node_modules', '.package-lock.json');
  const { '': _root, ...want } = json('package-lock.json').packages;
  const missing = Object.entries(want).some(([name, { version, optional }]) => {
    const found = have[name];
    return found === undefined ? optional !== true : found.version !== version || !existsSync(path(name));
  });
  return !missing && Object.keys(have).every((name) => want[name] !== undefined);
}

/** The package `node` fetches its program in an install script. */
function requireNode() {
  if (isNewEnough(nodeVersion(), needed)) return;
  const { version } = json('node_modules', 'node', 'package.json');
  say(`Fetching Node ${version} ...`);
  npm('rebuild', 'node', '--ignore-scripts=false', '--loglevel=error');
  const found = nodeVersion();
  if (isNewEnough(found, needed)) return;
  say(
    `Node ${needed} or later is needed${found === undefined ? '' : `, and this is Node ${found}`}. Install it, or run: npm rebuild node --ignore-scripts=false`,
  );
  process.exit(1);
}

/** The version of the Node that scripts get, `24.21.0`; undefined where none can be started. */
function nodeVersion() {
  try {
    return run('node', ['-p', 'process.versions.node'], { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim();
  } catch {
    return undefined;
  }
}

function isNewEnough(version = '0.0.0', needed) {
  const [major, minor] = version.split('.').map(Number);
  const [neededMajor, neededMinor] = needed.split('.').map(Number);
  return major > neededMajor || (major === neededMajor && minor >= neededMinor);
}

function bundleIsFresh() {
  if (!existsSync(path('dist', 'meta.json'))) return false;
  const built = statSync(path('dist', 'meta.json')).mtimeMs;
  return ['bin', 'src', '.ci', 'package.json', 'package-lock.json'].every(
    (source) => newest(path(source)) < built,
  );
}

function newest(place) {
  const found = statSync(place);
  if (!found.isDirectory()) return found.mtimeMs;
  return Math.max(...readdirSync(place).map((name) => newest(join(place, name))), found.mtimeMs);
}

/** npm is a script for a shell on Windows, which takes words without blanks only: these are. */
function npm(...words) {
  must('npm', words, { shell: isWindows });
}

/** It has said itself why it failed. */
function must(program, args, options) {
  try {
    run(program, args, options);
  } catch {
    say(`${program} ${args.join(' ')} failed.`);
    process.exit(1);
  }
}

function run(program, args, options) {
  return execFileSync(program, args, { cwd: root, stdio: ['ignore', 2, 2], env, ...options });
}

/** Runs the command with this process's streams, and ends as it does. */
function become(program, args) {
  // What the keyboard sends goes to the command as well, which decides; on Windows `kill` would leave it no time to.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => {
      if (!isWindows) child.kill(signal);
    });
  const child = spawn(program, args, { cwd: root, stdio: 'inherit', env });
  child.on('error', (error) => {
    say(error.message);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 1;
    if (signal === null) return;
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
