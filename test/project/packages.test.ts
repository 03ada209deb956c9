/** What other people's code comes along: little, locked by its content, under licences that permit it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

interface Locked {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
  readonly cpu?: readonly string[];
  readonly os?: readonly string[];
  readonly hasInstallScript?: boolean;
  readonly gypfile?: boolean;
}

const root = join(import.meta.dirname, '..', '..');
const read = <T>(...path: string[]): T => JSON.parse(readFileSync(join(root, ...path), 'utf8')) as T;
const manifest = read<{
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  allowScripts: Record<string, boolean>;
}>('package.json');
const { packages } = read<{ packages: Record<string, Locked> }>('package-lock.json');
const locked = Object.entries(packages).filter(([path]) => path !== '');
const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 13);

const PERMITTED =
  /^(?:MIT|ISC|0BSD|Apache-2\.0|BSD-[23]-Clause|BlueOak-1\.0\.0|\(.*(?:MIT|BSD-2-Clause).*\))$/;

test('every version is exact, and every package is known by its content', () => {
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))
    assert.match(version, /^\d+\.\d+\.\d+$/, name);
  // npm writes none for what it has not fetched: a tool's program for another system, of its exact version.
  const unknown = locked.filter(([, { integrity }]) => integrity === undefined);
  for (const [path, { dev, optional, cpu, os, version }] of unknown) {
    assert.match(path, /^node_modules\/(?:@biomejs\/cli-|@oxc-parser\/binding-)[^/]+$/);
    assert.ok(dev === true && optional === true && cpu !== undefined && os !== undefined, path);
    assert.match(version, /^\d+\.\d+\.\d+$/, path);
  }
  for (const [path, { integrity = '' }] of locked.filter((entry) => !unknown.includes(entry)))
    assert.match(integrity, /^sha512-/, path);
});

test('every package comes from the registry', () => {
  for (const [path, { resolved }] of locked)
    assert.match(resolved ?? 'https://registry.npmjs.org/', /^https:\/\/registry\.npmjs\.org\//, path);
});

test('one package is depended on, and nothing that a user installs runs a script', () => {
  assert.deepEqual(Object.keys(manifest.dependencies), ['better-sqlite3']);
  const withScripts = locked.filter(([, { hasInstallScript }]) => hasInstallScript === true);
  assert.deepEqual(
    withScripts.map(([path]) => nameOf(path)).sort(),
    Object.keys(manifest.allowScripts).sort(),
  );
  for (const [path, { dev, devOptional }] of withScripts) assert.ok(dev || devOptional, path);
});

test('the lock file keeps npm from compiling what comes ready-made', () => {
  // npm 11 and older take a `binding.gyp` for an install script wherever a lock file does not say that it is none.
  // `npm install` leaves the word out: put it back, beside the package's `integrity`.
  const ready = locked.filter(
    ([path]) =>
      existsSync(join(root, path, 'binding.gyp')) &&
      read<{ gypfile?: boolean }>(path, 'package.json').gypfile === false,
  );
  assert.ok(ready.length > 0);
  for (const [path, { gypfile }] of ready) assert.equal(gypfile, false, `${path}: "gypfile": false`);
});

test('what is installed and what travels in the bundle permit it, and the latter is listed', () => {
  const installed = locked.filter(([, { dev, devOptional }]) => !dev && !devOptional);
  assert.ok(installed.length > 0 && installed.length < 50, `${installed.length} packages`);
  const { inputs } = read<{ inputs: Record<string, unknown> }>('dist', 'meta.json');
  const bundled = new Set(
    Object.keys(inputs).flatMap((file) => /^(node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []),
  );
  assert.ok(bundled.size > 5);
  const list = readFileSync(join(root, 'dist', 'LICENSES.txt'), 'utf8');
  for (const path of bundled) {
    const found = packages[path];
    assert.ok(found !== undefined, path);
    assert.ok(list.includes(`${nameOf(path)} ${found.version} (${found.license})\n`), path);
  }
  for (const path of [...installed.map(([path]) => path), ...bundled])
    assert.match(packages[path]?.license ?? '', PERMITTED, path);
});
