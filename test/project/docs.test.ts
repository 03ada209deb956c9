/** The documents name files, scripts and places that are there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import manifest from '../../package.json' with { type: 'json' };

const root = join(import.meta.dirname, '..', '..');
const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
const documents = files.filter((path) => /^(?:docs\/)?[^/]+\.md$/.test(path));
const textOf = (document: string): string => readFileSync(join(root, document), 'utf8');
const found = (document: string, pattern: RegExp): string[] =>
  [...textOf(document).matchAll(pattern)].map((match) => match[1] ?? '');

/** `src/{a,b}.ts` is two files. */
function expanded(path: string): string[] {
  const [, before = '', choices, after = ''] = /^(.*?)\{([^}]*)\}(.*)$/.exec(path) ?? [];
  return choices === undefined
    ? [path]
    : choices.split(',').flatMap((each) => expanded(`${before}${each}${after}`));
}

test('the documents name files of the source that exist', () => {
  let named = 0;
  for (const document of documents) {
    const paths = found(
      document,
      /`((?:src|bin|test|docs|migrations|\.ci|\.github)\/[^`\s]*|[\w{},/.-]+\.(?:ts|mjs|yml))`/g,
    );
    for (const path of paths.flatMap(expanded)) {
      // Within a room its files go by what comes after the room's name.
      const isThere = existsSync(join(root, path)) || files.some((file) => file.endsWith(`/${path}`));
      assert.ok(isThere, `${document}: ${path}`);
      named += 1;
    }
  }
  assert.ok(named > 50, `${named}`);
});

test('the documents link to what exists', () => {
  for (const document of documents)
    for (const link of found(document, /\]\(([^)#:]+)(?:#[^)]*)?\)/g))
      assert.ok(existsSync(join(root, dirname(document), link)), `${document}: ${link}`);
});

test('the documents name scripts that exist', () => {
  const scripts = Object.keys(manifest.scripts);
  for (const document of documents)
    for (const script of found(document, /npm run ([\w:-]+)/g))
      assert.ok(scripts.includes(script), `${document}: npm run ${script}`);
});
