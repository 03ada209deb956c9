/** What a command loads before it does anything. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { baseEnvironment, PROGRAM } from '../support/cli.ts';
import { sandbox } from '../support/sandbox.ts';

interface Metafile {
  readonly inputs: Readonly<
    Record<string, { readonly imports: readonly { readonly path: string; readonly kind: string }[] }>
  >;
}

const { inputs } = JSON.parse(readFileSync(join(PROGRAM, '..', 'meta.json'), 'utf8')) as Metafile;

/** The packages that are read whenever the program with this source starts: those that it imports statically. */
function packagesAtStart(source: string): Set<string> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    const input = inputs[path];
    assert.ok(input !== undefined, path);
    for (const { path: next, kind } of input.imports) {
      if (kind !== 'import-statement' || next.startsWith('node:')) continue;
      const name = /^package:((?:@[^/]+\/)?[^/]+)/.exec(next)?.[1];
      if (name === undefined) visit(next);
      else packages.add(name);
    }
  };
  visit(source);
  return packages;
}

test('the command starts without any package that it may not need', () => {
  assert.deepEqual(packagesAtStart('bin/command.ts'), new Set());
});

test('the walk over the bundle sees what the flusher starts with', () => {
  const packages = packagesAtStart('bin/flush.ts');
  for (const name of ['better-sqlite3']) assert.ok(packages.has(name), name);
  for (const name of ['execa', 'sade', 'kleur', 'js-yaml']) assert.ok(!packages.has(name), name);
});

test('the executable takes --env-file for its own, not for Node', async (t) => {
  const home = sandbox(t);
  const env = { ...baseEnvironment(home), ARCADE_USAGE_TRACKING: '0' };
  const { exitCode, stdout, stderr } = await execa(
    PROGRAM,
    ['secret', 'set', '--from-env', '--env-file', 'missing.env'],
    {
      env,
      extendEnv: false,
      reject: false,
      cwd: home.home,
    },
  );
  assert.equal(exitCode, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /^Error: Cannot read the environment file missing\.env: it does not exist\.\n/);
});
