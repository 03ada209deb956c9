/** Imports run one way. What a folder may import stands here, and nowhere else. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..');

/**
 * From the top down. A room may import itself, the rooms listed beside it and everything that these may import.
 * `usage/` has rooms of its own.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  bin: ['main', 'flusher'],
  main: ['run'],
  run: ['program', 'telemetry'],
  program: ['commands'],
  commands: ['telemetry', 'invocation'],
  flusher: ['telemetry', 'usage/drain'],
  telemetry: ['auth', 'usage/append', 'usage/inspect', 'usage/drain'],
  invocation: ['terminal', 'auth', 'secrets', 'usage/inspect', 'usage/drain'],
  auth: ['api', 'terminal'],
  secrets: ['api'],
  'usage/inspect': ['usage/identity', 'usage/recovery'],
  'usage/append': ['usage/identity', 'usage/recovery'],
  'usage/drain': ['usage/identity', 'usage/recovery'],
  'usage/identity': ['usage/spool'],
  'usage/recovery': ['usage/spool'],
  'usage/spool': ['usage/event'],
  'usage/event': ['infra'],
  terminal: ['infra'],
  api: ['infra'],
  infra: ['settings'],
  settings: ['errors'],
  errors: [],
};

test('imports run one way', () => {
  const wrong: string[] = [];
  for (const file of sourceFiles()) {
    const [from, allowed] = [roomOf(file), reachable(roomOf(file))];
    for (const target of importsOf(file))
      if (!allowed.has(roomOf(target))) wrong.push(`${file} (${from}) imports ${target} (${roomOf(target)})`);
  }
  assert.deepEqual(wrong, []);
});

function sourceFiles(): string[] {
  const files = ['bin', 'src'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  );
  const found = files.filter((name) => /\.ts$/.test(name)).map((name) => name.split(sep).join('/'));
  assert.ok(found.length > 50, `${found.length} files`);
  return found;
}

/** `src/usage/drain/settle.ts` is in `usage/drain`, `src/main.ts` in `main`. */
function roomOf(file: string): string {
  const parts = file.split('/');
  if (parts[0] !== 'src') return parts[0] ?? '';
  if (parts.length === 2) return (parts[1] ?? '').replace('.ts', '');
  return parts[1] === 'usage' ? `usage/${parts[2]}` : (parts[1] ?? '');
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(/(?:from|import\()\s*'(\.{1,2}\/[^']+\.ts)'/g)].map(([, specifier = '']) =>
    relative(ROOT, join(ROOT, dirname(file), specifier))
      .split(sep)
      .join('/'),
  );
}

function reachable(room: string): Set<string> {
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (found.has(name)) return;
    const next = MAY_IMPORT[name];
    assert.ok(next !== undefined, `no row says what ${name} may import`);
    found.add(name);
    next.forEach(visit);
  };
  visit(room);
  return found;
}
