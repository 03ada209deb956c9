/** Wrong command lines: exit code 2, a reason and a hint, as JSON where that was asked for; nothing sent or written. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { COMMANDS, GROUPS } from '../../src/program/commands.ts';
import { inside } from '../support/inside.ts';
import { world } from '../support/world.ts';

/** Of every command: an unknown option, one argument too many, and each option without its value. */
const WRONG = [...COMMANDS].flatMap(([words, { usage = '', options = [], verbatim, hidden }]) => {
  if (hidden === true) return [];
  const line = words.split(' ');
  const valued = options.filter(({ value }) => value !== undefined);
  const surplus = usage.endsWith('...') || verbatim === true ? [] : [[...line, 'a', 'b', 'c']];
  const choices = valued.filter((option) => option.choices !== undefined);
  return [
    [...line, '--no-such-option'],
    ...surplus,
    ...valued.map(({ name }) => [...line, `--${name}`]),
    ...choices.map(({ name }) => [...line, `--${name}`, 'none-of-them']),
    ...(usage.startsWith('<') ? [line] : []),
  ];
});
const UNKNOWN = [...GROUPS.keys()].map((words) => [...words.split(' ').filter(Boolean), 'no-such-command']);

test('every wrong line exits with 2, says why and what to do, sends nothing and writes nothing', async (t) => {
  const { arcade, home, env } = await world(t);
  assert.ok(WRONG.length > 60, `${WRONG.length} lines`);
  for (const line of [...WRONG, ...UNKNOWN]) {
    const { exitCode, stdout, stderr } = await inside(home, line, { env });
    assert.deepEqual([exitCode, stdout], [2, ''], line.join(' '));
    assert.match(stderr, /^Error: [^\n]+\nHint: [^\n]+\n$/, line.join(' '));
  }
  assert.deepEqual([arcade.requests.length, readdirSync(home.home)], [0, []]);
});

test('a wrong line is one JSON document with --json, wherever that stands', async (t) => {
  const { home, env } = await world(t);
  for (const line of [...WRONG, ...UNKNOWN]) {
    for (const args of [
      ['--json', ...line],
      [...line, '--json'],
    ]) {
      const { exitCode, stdout, stderr } = await inside(home, args, { env });
      const { error } = JSON.parse(stdout) as { error: Record<string, unknown> };
      assert.deepEqual([exitCode, error.code], [2, 'INVALID_USAGE'], args.join(' '));
      assert.equal(stderr, `Error: ${error.message}\nHint: ${error.hint}\n`, args.join(' '));
    }
  }
});

for (const [line, error, hint] of [
  ['usage nope', "No such command 'nope'.", 'Run `arcade usage --help` for the list.'],
  ['debug nope', "No such command 'nope'.", 'Run `arcade usage --help` for the list.'],
  ['doctor', "No such command 'doctor'.", 'Did you mean `arcade usage doctor`?'],
  ['version', "No such command 'version'.", 'Did you mean `arcade --version`?'],
  [
    'secret set --env-file=',
    "Option '--env-file' requires an argument.",
    'Run `arcade secret set --help` for usage.',
  ],
  [
    'secret unset K=s3cret',
    'Invalid key (argument 1).',
    'Name the KEY alone, as `arcade secret list` shows it.',
  ],
  ['secret unset A ', 'Invalid key (argument 2).', 'Name the KEY alone, as `arcade secret list` shows it.'],
  [
    'usage discard 5 --all',
    'Specify a record ID or --all, not both.',
    'See `arcade usage list` for the ids.',
  ],
] as const) {
  test(`${line}: ${error}`, async (t) => {
    const { arcade, home, env } = await world(t);
    const { exitCode, stderr } = await inside(home, line.split(' '), { env });
    assert.deepEqual([exitCode, stderr], [2, `Error: ${error}\nHint: ${hint}\n`]);
    assert.equal(arcade.requests.length, 0);
  });
}

test('a missing value fails under --no-input instead of prompting', async (t) => {
  const { home, env, arcade } = await world(t);
  const { exitCode, stderr } = await inside(home, ['secret', 'set', 'K', '--no-input'], { env });
  assert.equal(exitCode, 2, stderr);
  assert.equal(arcade.requests.length, 0);
});
