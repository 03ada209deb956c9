/** Wrong command lines: exit code 2, a reason and a hint, as JSON where that was asked for; nothing sent or written. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { COMMANDS, GROUPS, optionsOf } from '../../src/program/commands.ts';
import { inside } from '../support/inside.ts';
import { world } from '../support/world.ts';

/** Of every command: an unknown option, one argument too many, and each option without its value or with a wrong one. */
const WRONG = [...COMMANDS].flatMap(([words, { usage = '', verbatim, hidden }]) => {
  if (hidden === true) return [];
  const line = words.split(' ');
  const surplus = usage.endsWith('...') || verbatim === true ? [] : [[...line, 'a', 'b', 'c']];
  const options = optionsOf(words).flatMap(({ name, value, choices, range, not }) => [
    ...(value === undefined ? [[...line, `--${name}=x`]] : [[...line, `--${name}`]]),
    ...((choices ?? range) ? [[...line, `--${name}`, 'none-of-them']] : []),
    ...(not === undefined ? [] : [[...line, `--${not}`, `--${name}${choices ? `=${choices[0]}` : ''}`]]),
  ]);
  return [[...line, '--no-such-option'], ...surplus, ...options, ...(usage.startsWith('<') ? [line] : [])];
});
/** Some of which mean something to the language. */
const NO_COMMANDS = ['no-such-command', 'constructor', '__proto__', 'toString'];
const UNKNOWN = [...GROUPS.keys()].flatMap((words) =>
  NO_COMMANDS.map((word) => [...words.split(' ').filter(Boolean), word]),
);
/** What only the command itself can tell. */
const VALUES = [
  'secret list --host a/b',
  'secret list --tls --host http://a',
  'secret set',
  'secret set K=',
  'secret set K V',
  'secret set =V',
  'secret set A=1 --stdin',
  'secret set A=- B=-',
  'secret set A=1 --only A',
  'secret set A=1 --exclude A',
  'secret set A=1 --from-env',
  'secret set --stdin --env-file -',
  'secret set --env-file - --only ,',
  'secret set K --no-input',
  'secret set --env-file=',
  'secret unset A=1',
  'secret unset A ',
  'login --host a/b',
  'usage list --since soon',
  'usage list --since 2026-02-30',
  'usage list --command nope',
  'usage list --command secret.nope',
  'usage preview -- no-such-command',
  'usage report --output - --open',
  'usage requeue',
  'usage requeue 5 --all',
  'usage discard 5 --all',
  'usage discard',
  'usage reset',
  'help usage list extra',
].map((line) => line.split(' '));

test('every wrong line exits with 2, says why and what to do, also as JSON; sends nothing and writes nothing', async (t) => {
  const { arcade, home, env } = await world(t);
  assert.ok(WRONG.length > 200, `${WRONG.length} lines`);
  for (const line of [...WRONG, ...UNKNOWN, ...VALUES]) {
    for (const args of [line, ['--json', ...line], [...line.slice(0, 1), '--json', ...line.slice(1)]]) {
      const { exitCode, stdout, stderr } = await inside(home, args, { env });
      assert.equal(exitCode, 2, `${args.join(' ')}: ${stdout}`);
      assert.match(stderr, /^Error: [^\n]+\nHint: [^\n]+\n$/, args.join(' '));
      if (!args.includes('--json')) assert.equal(stdout, '', args.join(' '));
      else {
        const { error } = JSON.parse(stdout) as { error: Record<string, string> };
        assert.equal(stderr, `Error: ${error.message}\nHint: ${error.hint}\n`, args.join(' '));
      }
    }
  }
  assert.deepEqual([arcade.requests.length, readdirSync(home.home)], [0, []]);
});
