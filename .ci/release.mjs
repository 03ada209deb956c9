/**
 * `npm run release [-- FOLDER]`: makes the package of a release, in a fresh clone of the commit that is checked out.
 *
 * Refuses a tree that is not clean, a version that CHANGELOG.md does not date or that has a tag already, a package that
 * does not name its source, and a missing key. The clone is checked and tested; only then is the key built in, and only
 * there. Publishes nothing.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = join(import.meta.dirname, '..');
const isWindows = process.platform === 'win32';
const say = (line) => process.stderr.write(`${line}\n`);
// The tests and the check get no key: they are of a source checkout, which sends nothing.
const { ARCADE_RELEASE_POSTHOG_API_KEY: key = '', ARCADE_POSTHOG_API_KEY: _other, ...env } = process.env;

class Refused extends Error {}

// Ctrl-C ends the step that is under way, and this then removes the clone.
process.on('SIGINT', () => undefined);
try {
  release(resolve(process.argv[2] ?? root));
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  say(`No release: ${error.message}`);
  process.exitCode = 1;
}

function release(folder) {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { version } = manifest;
  refuseUnless(git(root, 'status', '--porcelain') === '', 'the tree is not clean.');
  const heading = `## ${version} (${git(root, 'log', '-1', '--format=%cs')})`;
  const [first] = /^## .*$/m.exec(readFileSync(join(root, 'CHANGELOG.md'), 'utf8')) ?? [];
  refuseUnless(
    first === heading,
    `CHANGELOG.md begins with \`${first}\`, and not with this version and the day of its commit: \`${heading}\`.`,
  );
  const unset = ['repository', 'homepage', 'bugs'].filter((field) => manifest[field] === undefined);
  refuseUnless(
    unset.length === 0,
    `package.json does not say where the source and its issues are: ${unset.join(', ')}.`,
  );
  refuseUnless(git(root, 'tag', '--list', `v${version}`) === '', `the tag v${version} exists already.`);
  refuseUnless(
    /^phc_\w+$/.test(key),
    'ARCADE_RELEASE_POSTHOG_API_KEY is not the key of a PostHog project (phc_...).',
  );
  let archive;
  const clone = mkdtempSync(join(tmpdir(), 'arcade-release-'));
  try {
    git(root, 'clone', '--quiet', '--no-local', root, clone);
    step(clone, 'npm', ['run', 'check']);
    step(clone, 'npm', ['test']);
    step(clone, 'npm', ['run', 'build'], { more: { ARCADE_POSTHOG_API_KEY: key } });
    refuseUnless(hasKey(clone), 'the key is not in the program that was built.');
    const pack = [join(clone, '.ci', 'pack.mjs'), folder];
    archive = step(clone, process.execPath, pack, { stdout: 'pipe' }).trim();
  } finally {
    rmSync(clone, { recursive: true, force: true });
  }
  say(
    `Made ${archive}. To publish it:\n  git tag v${version} && git push --tags\n  npm publish --access public ${archive}`,
  );
}

function refuseUnless(holds, why) {
  if (!holds) throw new Refused(why);
}

function hasKey(clone) {
  return ['command.js', 'flush.js'].every((file) =>
    readFileSync(join(clone, 'dist', file), 'utf8').includes(key),
  );
}

function git(cwd, ...words) {
  return execFileSync('git', words, { cwd, encoding: 'utf8' }).trim();
}

/** Runs it, with what it prints on stderr; returns its stdout where that is a pipe. */
function step(cwd, program, words, { more = {}, stdout = 2 } = {}) {
  const line = `${program === process.execPath ? 'node' : program} ${words.join(' ')}`;
  say(line);
  try {
    // npm is a script for a shell on Windows; these words need no quotes there.
    return execFileSync(program, words, {
      cwd,
      env: { ...env, ...more },
      stdio: ['ignore', stdout, 2],
      shell: isWindows && program === 'npm',
      encoding: 'utf8',
    });
  } catch {
    throw new Refused(`\`${line}\` failed.`);
  }
}
