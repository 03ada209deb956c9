/**
 * `node .ci/pack.mjs FOLDER [--accept]`: makes the package that is published, `arcade-VERSION.tgz`, and prints its path.
 *
 * It holds the built program and what `.ci/package-files.txt` lists, no more and no less; `--accept` writes that list
 * again. Every migration is in the package, so the list has one line for all. Its package.json is what a user needs of
 * ours, and its npm-shrinkwrap.json is the lock file without the tools.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve, sep } from 'node:path';

const root = join(import.meta.dirname, '..');
const list = join(import.meta.dirname, 'package-files.txt');
const json = (...path) => JSON.parse(readFileSync(join(root, ...path), 'utf8'));
const write = (path, value) => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);

const [folder, accept] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: node .ci/pack.mjs FOLDER [--accept]');
mkdirSync(folder, { recursive: true });

class PackageDiffers extends Error {}

const staged = mkdtempSync(join(tmpdir(), 'arcade-package-'));
try {
  const manifest = publicManifest(json('package.json'));
  for (const name of ['dist', 'migrations', 'CHANGELOG.md', 'LICENSE', 'README.md'])
    cpSync(join(root, name), join(staged, name), { recursive: true, filter: isOfThePackage });
  write(join(staged, 'package.json'), manifest);
  write(join(staged, 'npm-shrinkwrap.json'), shrinkwrap(manifest, json('package-lock.json')));
  compareFiles();
  // npm is a script for a shell on Windows; these words need no quotes there.
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--silent'], {
    cwd: staged,
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
    encoding: 'utf8',
  });
  const archive = packed.trim();
  cpSync(join(staged, archive), join(folder, archive));
  process.stdout.write(`${resolve(folder, archive)}\n`);
} catch (error) {
  if (!(error instanceof PackageDiffers)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(staged, { recursive: true, force: true });
}

/** Not what describes the build, nor what running the program has left there. */
function isOfThePackage(path) {
  return ![join(root, 'dist', 'meta.json'), join(root, 'dist', '.cache')].includes(path);
}

function publicManifest(manifest) {
  const { private: _private, scripts: _scripts, devDependencies: _tools, knip: _knip, ...kept } = manifest;
  const { allowScripts: _allowed, ...rest } = kept;
  return {
    ...rest,
    bin: { arcade: 'dist/arcade.js' },
    files: ['dist', 'migrations', 'CHANGELOG.md', 'npm-shrinkwrap.json'],
  };
}

/** Every package that a user gets, with the hash of its content. */
function shrinkwrap({ name, version, license, dependencies, bin, engines }, { lockfileVersion, packages }) {
  const installed = Object.entries(packages).filter(
    ([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional,
  );
  const own = { name, version, license, dependencies, bin, engines };
  return {
    name,
    version,
    lockfileVersion,
    requires: true,
    packages: { '': own, ...Object.fromEntries(installed) },
  };
}

function compareFiles() {
  const files = readdirSync(staged, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(staged.length + 1))
    .map((path) => path.split(sep).join('/'))
    .map((path) => path.replace(/^migrations\/\d{4}_\w+\.sql$/, 'migrations/NUMBER_NAME.sql'));
  const found = [...new Set(files)].sort();
  if (accept === '--accept') writeFileSync(list, `${found.join('\n')}\n`);
  const wanted = readFileSync(list, 'utf8').trim().split('\n');
  const differences = [
    ...found.filter((path) => !wanted.includes(path)).map((path) => `+ ${path}`),
    ...wanted.filter((path) => !found.includes(path)).map((path) => `- ${path}`),
  ];
  if (differences.length === 0) return;
  throw new PackageDiffers(
    `The package does not hold what .ci/package-files.txt lists:\n${differences.join('\n')}\nRun \`npm run package -- --accept\` if that is right.`,
  );
}
