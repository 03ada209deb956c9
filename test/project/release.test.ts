/** `npm run release`: what it refuses, and that the key of a release is in its package and nowhere else. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';

const ROOT = join(import.meta.dirname, '..', '..');
const KEY = 'phc_onlyInThisRelease';
const skip = existsSync(join(ROOT, '.git')) ? false : 'this is no git repository';

/** A repository with this tree's files in one commit, a dated changelog, and checks and tests that pass at once. */
async function repository(t: TestContext, change: (folder: string) => void = () => undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'arcade-release-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { stdout } = await execa('git', ['ls-files', '-co', '--exclude-standard'], { cwd: ROOT });
  for (const path of stdout.split('\n').filter((path) => existsSync(join(ROOT, path))))
    cpSync(join(ROOT, path), join(folder, path));
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  manifest.repository ??= 'https://example.test/arcade.git';
  Object.assign(manifest.scripts, { check: 'node -e 0', test: 'node -e 0' });
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  writeFileSync(
    join(folder, 'CHANGELOG.md'),
    `# Changelog\n\n## ${manifest.version} (2026-12-01)\n\n- All.\n`,
  );
  change(folder);
  const git = (...words: string[]) =>
    execa('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.test', ...words], { cwd: folder });
  await git('init', '--quiet');
  await git('add', '--all');
  await git('commit', '--quiet', '--message', 'All');
  const release = (env: Record<string, string> = { ARCADE_RELEASE_POSTHOG_API_KEY: KEY }) =>
    execa(process.execPath, [join(folder, '.ci', 'release.mjs'), join(folder, 'out')], {
      env,
      reject: false,
    });
  return { folder, git, release, version: String(manifest.version) };
}

test('a release is refused when the tree is not clean', { skip }, async (t) => {
  const { folder, release } = await repository(t);
  writeFileSync(join(folder, 'README.md'), 'changed');
  const { exitCode, stderr } = await release();
  assert.deepEqual([exitCode, stderr], [1, 'No release: the tree is not clean.']);
});

test('a release is refused when the changelog does not date its version', { skip }, async (t) => {
  for (const heading of ['0.0.9 (2026-12-01)', '0.1.0 (unreleased)']) {
    const { release } = await repository(t, (folder) =>
      writeFileSync(join(folder, 'CHANGELOG.md'), `# Changelog\n\n## ${heading}\n`),
    );
    const { exitCode, stderr } = await release();
    assert.equal(exitCode, 1);
    assert.match(stderr, /^No release: CHANGELOG\.md does not begin with/);
  }
});

test('a release is refused when its tag exists, or without a key', { skip }, async (t) => {
  const { git, release, version } = await repository(t);
  const without = await release({ ARCADE_RELEASE_POSTHOG_API_KEY: '', ARCADE_POSTHOG_API_KEY: KEY });
  assert.match(without.stderr, /^No release: ARCADE_RELEASE_POSTHOG_API_KEY is not/);
  await git('tag', `v${version}`);
  const tagged = await release();
  assert.deepEqual([tagged.exitCode, tagged.stderr], [1, `No release: the tag v${version} exists already.`]);
});

test('a release is refused when its tests fail', { skip }, async (t) => {
  const { folder, release } = await repository(t, (folder) => {
    const path = join(folder, 'package.json');
    const manifest = JSON.parse(readFileSync(path, 'utf8'));
    manifest.scripts.test = 'node -e process.exit(1)';
    writeFileSync(path, JSON.stringify(manifest));
  });
  const { exitCode, stderr } = await release();
  assert.equal(exitCode, 1);
  assert.match(stderr, /^No release: `npm test` failed\.$/m);
  assert.equal(existsSync(join(folder, 'out')), false);
});

test('a release’s package has the key, and the tree that it was made from has not', { skip }, async (t) => {
  const { folder, release } = await repository(t);
  const { exitCode, stderr } = await release();
  if (exitCode !== 0 && /npm (?:error|ci)/.test(stderr))
    return t.skip(`no registry: ${stderr.split('\n').at(-1)}`);
  assert.equal(exitCode, 0, stderr);
  const archive = join(folder, 'out', readdirSync(join(folder, 'out'))[0] ?? '');
  const { stdout } = await execa('tar', [
    '-xzOf',
    archive,
    'package/dist/command.js',
    'package/dist/flush.js',
  ]);
  assert.equal(stdout.split(KEY).length - 1, 2);
  assert.equal(existsSync(join(folder, 'dist')), false);
});
