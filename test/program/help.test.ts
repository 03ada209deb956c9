/** Help: what `arcade`, its groups and its commands say of themselves, on terminals of 80 and of 50 columns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMANDS, GROUPS, optionsOf, subcommandsOf } from '../../src/program/commands.ts';
import { inside } from '../support/inside.ts';
import { openSandbox, removeHome } from '../support/sandbox.ts';

const home = openSandbox();
test.after(() => removeHome(home));
const pages = [...GROUPS.keys(), ...COMMANDS.keys()].filter((words) => COMMANDS.get(words)?.hidden !== true);
const helpOf = (words: string) => (words === '' ? ['--help'] : [...words.split(' '), '--help']);

test('arcade alone fits a screen of 24 lines and names the everyday commands and the groups', async () => {
  const { exitCode, stdout, stderr } = await inside(home, [], { columns: 80 });
  assert.deepEqual([exitCode, stderr], [0, '']);
  assert.ok(stdout.split('\n').length <= 24, stdout);
  for (const words of ['secret set', 'secret list', 'login', 'org', 'project', 'usage'])
    assert.match(stdout, new RegExp(`^ {2}${words},? `, 'm'), words);
  assert.match(stdout, /arcade help <command>/);
});

test('--no-color takes the colors from help too', async () => {
  const env = { NO_COLOR: undefined, TERM: 'xterm' };
  for (const line of [
    [],
    ['secret'],
    ['secret', 'set', '--help'],
    ['help', 'usage'],
    ['login', '--help', '--no-such'],
  ]) {
    const { stdout } = await inside(home, ['--no-color', ...line], { columns: 80, env });
    assert.ok(!stdout.includes('\u001b'), stdout);
    assert.ok((await inside(home, line, { columns: 80, env })).stdout.includes('\u001b'), line.join(' '));
  }
});

for (const words of pages) {
  for (const columns of [80, 50]) {
    test(`arcade ${words} --help fits ${columns} columns without breaking a word`, async () => {
      const [narrow, whole] = await Promise.all(
        [columns, 100].map((width) => inside(home, helpOf(words), { columns: width })),
      );
      assert.deepEqual([narrow?.exitCode, narrow?.stderr], [0, '']);
      for (const line of narrow?.stdout.split('\n') ?? []) assert.ok(line.length <= columns, line);
      assert.deepEqual(wordsIn(narrow?.stdout), wordsIn(whole?.stdout));
    });
  }

  test(`arcade help ${words} says the same as --help, and as -h where that is not the host`, async () => {
    const byWord = await inside(home, ['help', ...words.split(' ').filter(Boolean)]);
    assert.equal(byWord.stdout, (await inside(home, helpOf(words))).stdout);
    assert.equal(byWord.stdout, (await inside(home, helpOf(words).with(-1, '-h'))).stdout);
  });
}

for (const words of COMMANDS.keys()) {
  test(`arcade ${words} --help shows usage, every option, examples and exit codes`, async () => {
    const { stdout } = await inside(home, helpOf(words));
    for (const title of ['Usage:', 'Examples', 'Exit codes'])
      assert.match(stdout, new RegExp(`^${title}`, 'm'));
    const shown = [...stdout.matchAll(/^ {2}(?:(-\w), | {4})(--[a-z-]+)/gm)].flatMap(([, ...flags]) => flags);
    const known = optionsOf(words).flatMap(({ name, short }) => [short && `-${short}`, `--${name}`]);
    assert.deepEqual(
      new Set(shown),
      new Set([...known, known.includes('-h') ? undefined : '-h', '--help', undefined]),
    );
  });
}

for (const words of [...GROUPS.keys()].filter(Boolean)) {
  test(`arcade ${words} --help shows its commands`, async () => {
    const { stdout } = await inside(home, helpOf(words));
    for (const name of subcommandsOf(words)) assert.match(stdout, new RegExp(`^ {2}${name} `, 'm'), name);
  });
}

test('arcade usage preview --help puts its options before the --', async () => {
  assert.match(
    (await inside(home, ['help', 'usage', 'preview'])).stdout,
    /preview \[options\] -- <COMMAND>\.\.\.\n/,
  );
});

test('arcade --version says the name and the version', async () => {
  assert.match((await inside(home, ['--version'])).stdout, /^arcade \d+\.\d+\.\d+\n$/);
});

function wordsIn(text = ''): string[] {
  return text.split(/\s+/).filter(Boolean).sort();
}
