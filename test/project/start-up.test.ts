import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { baseEnvironment, PROGRAM } from '../support/cli.ts';
import { sandbox } from '../support/sandbox.ts';

interface Metafile {
  readonly outputs: Readonly<
    Record<
      string,
      {
        readonly entryPoint?: string;
        readonly inputs: Readonly<Record<string, unknown>>;
        readonly imports: readonly {
          readonly path: string;
          readonly kind: string;
          readonly external?: boolean;
        }[];
      }
    >
  >;
}

const metafile = JSON.parse(readFileSync(join(PROGRAM, '..', 'meta.json'), 'utf8')) as Metafile;

/** The packages that are read whenever the program with this source starts. */
function packagesAtStart(source: string): Set<string> {
  const entry = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === source)?.[0];
  assert.ok(entry !== undefined, source);
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (path: string): void => {
    const output = metafile.outputs[path];
    if (output === undefined || seen.has(path)) return;
    seen.add(path);
    for (const input of Object.keys(output.inputs)) {
      const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
      if (name !== undefined) packages.add(name);
    }
    for (const { path: next, kind, external } of output.imports) {
      if (kind !== 'import-statement') continue;
      if (external !== true) visit(next);
      else if (next.startsWith('./')) visit(join('dist', next));
      else if (!next.startsWith('node:')) packages.add(next);
    }
  };
  visit(entry);
  return packages;
}

test('the command starts without any package that it may not need', () => {
  assert.deepEqual(packagesAtStart('bin/command.ts'), new Set(['mri', 'sade']));
});

test('the walk over the bundle sees what the flusher starts with', () => {
  const packages = packagesAtStart('bin/flusher.ts');
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
  assert.match(stderr, /^Error: The environment file missing\.env cannot be read: it does not exist\.\n/);
});
