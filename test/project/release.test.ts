/** `npm run release`: what it refuses, and that the key of a release is in its package and nowhere else. */
import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import manifest from '../../package.json' with { type: 'json' };
import { until } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const KEY = 'phc_onlyInThisRelease';
const SOURCE = 'https://example.test/arcade';
const skip = existsSync(join(ROOT, '.git')) ? false : 'this is no git repository';

/** One commit of these files, with a dated changelog, and checks and tests that pass at once. */
async function repository(
  t: TestContext,
  change: (folder: string) => void = () => undefined,
  files: readonly string[] = ['.ci/release.mjs', 'package.json', 'README.md'],
) {
  const folder = mkdtempSync(join(tmpdir(), 'arcade-release-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const path of files) cpSync(join(ROOT, path), join(folder, path));
  changeManifest(folder, {
    version: '0.1.0',
    repository: SOURCE,
    homepage: SOURCE,
    bugs: `${SOURCE}/issues`,
  });
  changeManifest(folder, { scripts: { ...manifest.scripts, check: 'node -e 0', test: 'node -e 0' } });
  writeFileSync(join(folder, 'CHANGELOG.md'), '# Changelog\n\n## 0.1.0 (2026-12-01)\n');
  change(folder);
  const git = (...words: string[]) =>
    execa('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.test', ...words], {
      cwd: folder,
      env: { GIT_COMMITTER_DATE: '2026-12-01T12:00:00Z' },
    });
  await git('init', '--quiet');
  await git('add', '--all');
  await git('commit', '--quiet', '--message', 'All');
  const release = (env: Record<string, string> = { ARCADE_RELEASE_POSTHOG_API_KEY: KEY }) =>
    execa(process.execPath, [join(folder, '.ci', 'release.mjs'), join(folder, 'out')], {
      env,
      reject: false,
      // A process group of its own, as in a terminal.
      detached: process.platform !== 'win32',
    });
  return { folder, git, release };
}

function changeManifest(folder: string, change: object): void {
  const path = join(folder, 'package.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }));
}

const heading = (text: string) => (folder: string) =>
  writeFileSync(join(folder, 'CHANGELOG.md'), `# Changelog\n\n## ${text}\n`);
const CHANGELOG =
  /^No release: CHANGELOG\.md begins with `## .*`, and not with .*: `## 0\.1\.0 \(2026-12-01\)`\.$/;
const without = (field: string) => (folder: string) => changeManifest(folder, { [field]: undefined });
const failing = (script: string) => (folder: string) =>
  changeManifest(folder, {
    scripts: { check: 'node -e 0', test: 'node -e 0', [script]: 'node -e process.exit(1)' },
  });

const REFUSED: Readonly<Record<string, [change: (folder: string) => void, why: RegExp]>> = {
  'whose changelog begins with another version': [heading('0.0.9 (2026-12-01)'), CHANGELOG],
  'whose changelog begins with another day': [heading('0.1.0 (2026-11-30)'), CHANGELOG],
  'whose changelog says that it is unreleased': [heading('Unreleased'), CHANGELOG],
  'without a repository': [without('repository'), /package\.json does not say .*: repository\.$/],
  'without a homepage': [without('homepage'), /package\.json does not say .*: homepage\.$/],
  'without a place for issues': [without('bugs'), /package\.json does not say .*: bugs\.$/],
  'whose check fails': [failing('check'), /^No release: `npm run check` failed\.$/m],
  'whose tests fail': [failing('test'), /^No release: `npm test` failed\.$/m],
};

for (const [what, [change, why]] of Object.entries(REFUSED)) {
  test(`npm run release refuses a commit ${what}`, async (t) => {
    const { folder, release } = await repository(t, change);
    const { exitCode, stderr } = await release();
    assert.equal(exitCode, 1);
    assert.match(stderr, why);
    assert.equal(existsSync(join(folder, 'out')), false);
  });
}

test('npm run release refuses to go on without a key, from a tree with changes, and to a tag that exists', async (t) => {
  const { folder, git, release } = await repository(t);
  const keyless = await release({ ARCADE_RELEASE_POSTHOG_API_KEY: '', ARCADE_POSTHOG_API_KEY: KEY });
  assert.match(keyless.stderr, /^No release: ARCADE_RELEASE_POSTHOG_API_KEY is not/);
  await git('tag', 'v0.1.0');
  assert.equal((await release()).stderr, 'No release: the tag v0.1.0 exists already.');
  writeFileSync(join(folder, 'README.md'), 'changed');
  const changed = await release();
  assert.deepEqual([changed.exitCode, changed.stderr], [1, 'No release: the tree is not clean.']);
});

test('npm run release leaves no clone behind when Ctrl-C ends it', {
  skip: process.platform === 'win32' && 'Windows has no process groups',
}, async (t) => {
  const waits = `node -e "require('node:fs').writeFileSync('begun', ''); setInterval(() => {}, 1000)"`;
  const { folder, release } = await repository(t, (at) => changeManifest(at, { scripts: { check: waits } }));
  const temporary = join(folder, 'temporary');
  mkdirSync(temporary);
  const ending = release({ ARCADE_RELEASE_POSTHOG_API_KEY: KEY, TMPDIR: temporary });
  const clones = () => readdirSync(temporary).filter((name) => name.startsWith('arcade-release-'));
  const begun = () => clones().some((clone) => existsSync(join(temporary, clone, 'begun')));
  await until(begun, { what: 'the check to begin', timeoutMs: 60_000 });
  process.kill(-Number(ending.pid), 'SIGINT');
  assert.notEqual((await ending).exitCode, 0);
  assert.deepEqual(clones(), []);
});

test('npm run release makes a package with the key; the tree that it is made from has none', {
  skip,
}, async (t) => {
  const { stdout: listed } = await execa('git', ['ls-files', '-co', '--exclude-standard'], { cwd: ROOT });
  const files = listed.split('\n').filter((path) => existsSync(join(ROOT, path)));
  const scoped = (folder: string) => changeManifest(folder, { name: '@example/arcade' });
  const { folder, release } = await repository(t, scoped, files);
  const { exitCode, stderr } = await release();
  if (exitCode !== 0 && /npm (?:error|ci)/.test(stderr))
    return t.skip(`no registry: ${stderr.split('\n').at(-1)}`);
  assert.equal(exitCode, 0, stderr);
  const archive = join(folder, 'out', 'example-arcade-0.1.0.tgz');
  assert.ok(stderr.endsWith(`npm publish --access public ${archive}`), stderr);
  const { stdout } = await execa('tar', [
    '-xzOf',
    archive,
    'package/dist/command.js',
    'package/dist/flush.js',
  ]);
  assert.equal(stdout.split(KEY).length - 1, 2);
  assert.equal(existsSync(join(folder, 'dist')), false);
});
