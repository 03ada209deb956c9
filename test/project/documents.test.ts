/** The documents name what the source has, and every command line in them works as it stands. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import manifest from '../../package.json' with { type: 'json' };
import { RECORDED_MESSAGES } from '../../src/errors.ts';
import { COMMANDS, GLOBAL_OPTIONS } from '../../src/program/commands.ts';
import { contextOf, keyOf, type User } from '../support/arcade/accounts.ts';
import { signIn } from '../support/arcade/browser.ts';
import { startArcadeCli } from '../support/cli.ts';
import type { Sandbox } from '../support/sandbox.ts';
import { seedSpool } from '../support/seed.ts';
import { world } from '../support/world.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8');
const readme = read('README.md');
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs')).map((name) => join('docs', name)),
];
const commands = [...COMMANDS].filter(([, { hidden }]) => hidden !== true).map(([words]) => words);

test('README names every command', () => {
  assert.ok(commands.length > 5);
  for (const words of commands) {
    const [group, command] = words.split(' ');
    const named = new RegExp(`arcade ${group}\\b[^\\n]*${command === undefined ? '' : `\\b${command}\\b`}`);
    assert.match(readme, named, words);
  }
});

test('README explains every option that all commands take', () => {
  for (const { name } of GLOBAL_OPTIONS) assert.ok(readme.includes(`\n| \`--${name}\``), name);
});

test('README names every variable that the program reads', () => {
  const variables = read('src', 'settings.ts').matchAll(/env\.((?:ARCADE|DO)_[A-Z_]+)/g);
  const names = new Set([...variables].map((match) => match[1] ?? ''));
  assert.ok(names.size > 5);
  for (const variable of names) assert.ok(readme.includes(`\`${variable}\``), variable);
});

test('a recorded message is a fixed sentence without a place to put anything in', () => {
  for (const [code, message] of Object.entries(RECORDED_MESSAGES)) {
    assert.match(message, /^[A-Z][A-Za-z ,=-]+$/, code);
    assert.ok(message.length <= 300, code);
  }
});

/** As npm names it: `@scope/name` is packed as `scope-name`. */
const archive = `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`;

/** Command lines that no test can run where it is, and why; what they name is tried elsewhere where a test is named. */
const NOT_RUN: ReadonlyMap<string, string> = new Map([
  [`npm install --global ./${archive}`, 'changes this machine: test/project/package.test.ts'],
  [`npm uninstall --global ${manifest.name}`, 'changes this machine: test/project/package.test.ts'],
  ['apk add coreutils', 'Alpine alone has it'],
  [`alias arcade='node -- "$(npm root -g)/${manifest.name}/dist/arcade.js"'`, 'belongs to a shell'],
  ['npm install', 'changes this checkout'],
  ['npm ci', 'changes this checkout'],
  ['npm install -g .', 'changes this machine: test/project/launcher.test.ts'],
  ['npm link', 'changes this machine: test/project/launcher.test.ts'],
  ['npx arcade', 'needs the package at the registry'],
  ['npx node-gyp rebuild', 'what the text says is not to be done'],
]);

const texts = documents.map((name) => read(name));
const FENCE = /^```(\w*)\n([\s\S]*?)^```$/gm;
const blocks = texts.flatMap((text) =>
  [...text.matchAll(FENCE)].map(([, language = '', body = '']) => ({ language, body })),
);
const prose = texts.map((text) => text.replaceAll(FENCE, '')).join('\n');

interface Line {
  readonly text: string;
  /** In a block of its own, as something to type; else named within a sentence. */
  readonly isShown: boolean;
}

/** The command lines of the documents, without their comments. */
const lines: readonly Line[] = [
  ...blocks
    .filter(({ language }) => language === 'sh')
    .flatMap(({ body }) => body.split('\n'))
    .flatMap((line) => line.replace(/\s+#.*$/, '').split(' && '))
    .filter((text) => text !== '')
    .map((text) => ({ text, isShown: true })),
  ...[...prose.matchAll(/`((?:arcade|npm|npx|node|apk) [^`]*)`/g)].map(([, text = '']) => ({
    text: text.replaceAll(/\s+/g, ' '),
    isShown: false,
  })),
];

/** All files below the root that are ours. */
const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n');

/** `src/{a,b}.ts` is two files. */
function expanded(path: string): string[] {
  const [, before = '', choices, after = ''] = /^(.*?)\{([^}]*)\}(.*)$/.exec(path) ?? [];
  if (choices === undefined) return [path];
  return choices.split(',').flatMap((each) => expanded(`${before}${each}${after}`));
}

test('the files that the documents name, and link to, are there', () => {
  const FILE = /`((?:src|bin|test|docs|migrations|\.ci|\.github)\/[^`\s]*|[\w{},/.-]+\.(?:ts|mjs|yml))`/g;
  const found = (pattern: RegExp) =>
    texts.flatMap((text, i) =>
      [...text.matchAll(pattern)].map(([, path = '']) => ({ document: documents[i] ?? '', path })),
    );
  const named = found(FILE).flatMap(({ document, path }) =>
    expanded(path).map((each) => ({ document, path: each })),
  );
  assert.ok(named.length > 50);
  for (const { document, path } of named) {
    // Within a room its files go by what comes after the room's name.
    const isThere = existsSync(join(root, path)) || files.some((file) => file.endsWith(`/${path}`));
    assert.ok(isThere, `${document}: ${path}`);
  }
  for (const { document, path } of found(/\]\(([^)#:]+)(?:#[^)]*)?\)/g))
    assert.ok(existsSync(join(root, dirname(document), path)), `${document}: ${path}`);
});

test('blocks of the documents are command lines or diagrams', () => {
  for (const { language } of blocks) assert.match(language, /^(?:sh|mermaid)$/);
});

test('what the documents show and no test can run is listed with the reason, and nothing else is', () => {
  const isRun = ({ text }: Line): boolean =>
    /^(?:arcade|[A-Z_]+=\S+ npm run|npm (?:run|test)|\S*node) /.test(`${text} `);
  const others = lines.filter((line) => NOT_RUN.has(line.text) || !isRun(line)).map(({ text }) => text);
  assert.deepEqual([...new Set(others)].sort(), [...NOT_RUN.keys()].sort());
});

test('npm scripts and files of test and node lines are there', () => {
  const scripts = lines.flatMap(({ text }) => /\bnpm (?:run )?([a-z:]+)/.exec(text)?.[1] ?? []);
  const named = scripts.filter((name) => !['install', 'uninstall', 'ci', 'link', 'root'].includes(name));
  assert.ok(named.length > 10);
  for (const name of named) assert.ok(Object.hasOwn(manifest.scripts, name), `npm run ${name}`);
  // A checkout's own Node is there only where the machine's is too old.
  const PREPARED = /^node \.ci\/prepare\.mjs -- (?=node --import tsx )/;
  for (const { text } of lines) if (text.includes('--import tsx')) assert.match(text, PREPARED);
  const run = lines.flatMap(
    ({ text }) =>
      /^(?:\S*\/)?node (?:--\S+ (?:tsx )?)*([\w./-]+)/.exec(text.replace(PREPARED, ''))?.[1] ?? [],
  );
  assert.ok(run.length > 2);
  for (const file of run) assert.ok(existsSync(join(root, file)), file);
});

/** What stands for something else in the documents. */
const PLACEHOLDERS: Readonly<Record<string, string>> = { 'KEY=VALUE': 'KEY=value', COMMAND: 'secret set' };

/** The lines to type that one line of a document stands for: with and without what is in brackets. */
function variants(text: string): string[] {
  const plain = text.replaceAll(' ...', '');
  const optional = [plain.replaceAll(/ \[[^\]]*\]/g, ''), plain.replaceAll(/[[\]]/g, '')];
  return [...new Set(optional)].map((line) =>
    line.replaceAll(/[A-Z]+(?:=VALUE)?/g, (word) => PLACEHOLDERS[word] ?? word),
  );
}

const typed = lines.filter(({ text }) => text.startsWith('arcade'));

describe('what the documents show works', { concurrency: 4 }, () => {
  const shown = typed.filter(({ isShown }) => isShown).flatMap(({ text }) => variants(text));
  for (const line of new Set(shown)) test(line, (t) => tryLine(t, line));
});

test('what the documents name can be typed', async (t) => {
  const { inside } = await world(t);
  const named = typed
    .filter(({ isShown }) => !isShown)
    .map(({ text }) => text.replace('set|list|unset', 'set'));
  assert.ok(named.length > 10);
  for (const line of new Set(named)) {
    const { exitCode, stderr } = await inside([...line.split(' ').slice(1), '--help']);
    assert.equal(exitCode, 0, `${line}: ${stderr}`);
  }
});

/** Runs it as a person would on a terminal: signed in, with events of all kinds behind them. It is to end with 0. */
async function tryLine(t: TestContext, line: string): Promise<void> {
  const { home, arcade, posthog, user, inside, run } = await world(t);
  seedSpool(home, { records: 12, now: Date.now(), everyMs: 60_000, delivered: 4, quarantined: 3 });
  arcade.store(user, { key: 'KEY', value: 'old' });
  if (!line.startsWith('arcade login')) home.signIn(arcade, user);
  const inputs = { file: 'value', 'key.txt': keyOf(user), 'prod.env': 'KEY=value' };
  for (const [name, content] of Object.entries(inputs)) writeFileSync(join(home.home, name), content);

  const { org_id, project_id } = contextOf(user);
  const ids = { ORG_ID: org_id, PROJECT_ID: project_id, ID: '5', 'prod.env': join(home.home, 'prod.env') };
  const [typedLine = '', from] = line.split(' < ');
  const args = typedLine
    .split(' ')
    .map((word) => new Map(Object.entries(ids)).get(word) ?? word)
    .slice(1);
  const env = {
    ARCADE_USAGE_TRACKING: undefined,
    ARCADE_API_KEY: undefined,
    BROWSER: 'true',
    ...posthog.env,
  };
  if (line === 'arcade usage watch') return await watch(home, env);
  // It writes into the folder that it is run in.
  if (line === 'arcade usage report') return assert.equal((await run(args, { env })).exitCode, 0);
  const input =
    from === undefined ? { answer: person(user) } : { input: readFileSync(join(home.home, from)) };
  const { exitCode, stderr } = await inside(args, { env, ...input });
  assert.equal(exitCode, 0, stderr);
}

/** It shows the queue until it is interrupted. */
async function watch(home: Sandbox, env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const watching = startArcadeCli(home, ['usage', 'watch'], { env });
  await once(watching.stdout, 'data');
  watching.kill('SIGINT');
  assert.equal((await watching).exitCode, 130);
}

/** Signs in where the browser is sent, says yes to a question, and gives the value that is asked for: each once. */
function person(user: User): (shown: string) => Promise<string | undefined> {
  const left: [RegExp, (found: string) => Promise<string | undefined>][] = [
    [/into your browser: (\S+)\n/, async (url) => void (await signIn(url, { user }))],
    [/\[y\/N\] $/, async () => 'y\n'],
    [/(?:value|secret) .*: $/i, async () => 'value\n'],
  ];
  return async (shown) => {
    const at = left.findIndex(([what]) => what.test(shown));
    const [what, act] = left.splice(at, at < 0 ? 0 : 1)[0] ?? [];
    return what && act ? await act(what.exec(shown)?.[1] ?? '') : undefined;
  };
}
