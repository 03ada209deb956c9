/** A command line taken apart: global options anywhere, those of a group on either side of its subcommand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Options } from '../../src/invocation.ts';
import { wrongPositionals } from '../../src/program/misuse.ts';
import { type Parsed, parseLine } from '../../src/program/parse.ts';
import type { Command } from '../../src/program/spec.ts';

type Reading = readonly [line: string, words: string, options: object, ...positionals: string[]];

const UNDERSTOOD: readonly Reading[] = [
  ['secret list', 'secret list', {}],
  ['secret --host H list', 'secret list', { host: 'H' }],
  ['secret list --host H', 'secret list', { host: 'H' }],
  ['secret --host A list --host B', 'secret list', { host: 'B' }],
  ['secret --host B -h A list', 'secret list', { host: 'A' }],
  ['secret -p 1 --host H --tls list --json', 'secret list', { port: 1, host: 'H', tls: true, json: true }],
  ['secret list -p9099', 'secret list', { port: 9099 }],
  ['secret list -qd', 'secret list', { quiet: true, debug: true }],
  ['-qd secret list', 'secret list', { quiet: true, debug: true }],
  ['secret list -qdp9099', 'secret list', { quiet: true, debug: true, port: 9099 }],
  ['secret list -qh H -dp 80', 'secret list', { quiet: true, host: 'H', debug: true, port: 80 }],
  ['usage discard --all -yq', 'usage discard', { all: true, yes: true, quiet: true }],
  ['secret -hH list', 'secret list', { host: 'H' }],
  ['secret list --host=', 'secret list', { host: '' }],
  ['secret list --host=a=b', 'secret list', { host: 'a=b' }],
  ['secret -h H list', 'secret list', { host: 'H' }],
  ['secret list -h H', 'secret list', { host: 'H' }],
  ['secret list --host=--json', 'secret list', { host: '--json' }],
  ['secret set A=1 --json B=2', 'secret set', { json: true }, 'A=1', 'B=2'],
  ['secret set -- --json -h', 'secret set', {}, '--json', '-h'],
  ['secret set A=1 -- -- B=2', 'secret set', {}, 'A=1', '--', 'B=2'],
  ['secret set -', 'secret set', {}, '-'],
  ['secret -- set A=1', 'secret set', {}, 'A=1'],
  ['-- secret -- set -- A=1', 'secret set', {}, 'A=1'],
  ['secret set list', 'secret set', {}, 'list'],
  ['secret set set', 'secret set', {}, 'set'],
  ['secret set help', 'secret set', {}, 'help'],
  ['--json secret list', 'secret list', { json: true }],
  ['-q --no-color secret --json list', 'secret list', { quiet: true, 'no-color': true, json: true }],
  ['secret set K --no-input --debug', 'secret set', { 'no-input': true, debug: true }, 'K'],
  ['login -d', 'login', { debug: true }],
  ['usage --json', 'usage status', { json: true }],
  ['debug', 'usage status', {}],
  ['debug --json', 'usage status', { json: true }],
  ['debug list --state pending', 'usage list', { state: 'pending' }],
  ['--quiet debug show 17', 'usage show', { quiet: true }, '17'],
  ['usage preview secret set --json A=1 -h', 'usage preview', {}, 'secret', 'set', '--json', 'A=1', '-h'],
  ['usage preview --json secret', 'usage preview', { json: true }, 'secret'],
];

for (const [line, words, options, ...positionals] of UNDERSTOOD) {
  test(`"${line}" is understood`, () => {
    assert.deepEqual(parse(line), { kind: 'run', words, options, positionals });
  });
}

for (const [line, words] of [
  ['', ''],
  ['--help', ''],
  ['-h', ''],
  ['-h secret', 'secret'],
  ['secret', 'secret'],
  ['secret --help', 'secret'],
  ['secret -h', 'secret'],
  ['secret -h list', 'secret list'],
  ['secret -h --tls', 'secret'],
  ['secret set -h', 'secret set'],
  ['secret set -h --json', 'secret set'],
  ['secret set A --help', 'secret set'],
  ['secret unset --help', 'secret unset'],
  ['secret set --help --no-such', 'secret set'],
  ['secret --help no-such', 'secret'],
  ['secret --', 'secret'],
  ['usage -h', 'usage'],
  ['debug --help', 'usage'],
  ['help', ''],
  ['help secret', 'secret'],
  ['help secret set', 'secret set'],
  ['secret help', 'secret'],
  ['secret help set', 'secret set'],
  ['help debug list', 'usage list'],
  ['help --json', ''],
  ['usage list -qh', 'usage list'],
] as const) {
  test(`"${line}" asks for help`, () => assert.partialDeepStrictEqual(parse(line), { kind: 'help', words }));
}

test('the version is asked for at the root alone', () => {
  assert.deepEqual(parse('--version'), { kind: 'version' });
  assert.deepEqual(parse('-v'), { kind: 'version' });
  assert.equal(parse('secret --version').kind, 'wrong');
});

const NO_OPTION = 'No such option:';
const help = (words: string): string => `Run \`arcade ${words} --help\` for usage.`;
const LIST = 'Run `arcade secret --help` for a list of commands.';
/** Where no hint stands, `run` adds where to read how the command is used. */
const WRONG: readonly (readonly [line: string, message: string, hint?: string])[] = [
  ['secrte', "No such command 'secrte'.", 'Did you mean `arcade secret`?'],
  ['secrets', "No such command 'secrets'.", 'Did you mean `arcade secret`?'],
  ['wat', "No such command 'wat'.", 'Run `arcade --help` for a list of commands.'],
  ['secret lst', "No such command 'lst'.", 'Did you mean `arcade secret list`?'],
  ['secret lsit', "No such command 'lsit'.", 'Did you mean `arcade secret list`?'],
  ['secret ls', "No such command 'ls'.", 'Did you mean `arcade secret list`?'],
  ['secret rm A', "No such command 'rm'.", 'Did you mean `arcade secret unset`?'],
  ['secret delete A', "No such command 'delete'.", 'Did you mean `arcade secret unset`?'],
  ['secret add A=1', "No such command 'add'.", 'Did you mean `arcade secret set`?'],
  ['usage delete 17', "No such command 'delete'.", 'Did you mean `arcade usage discard`?'],
  ['debug lst', "No such command 'lst'.", 'Did you mean `arcade usage list`?'],
  ['org use X', "No such command 'use'.", 'Did you mean `arcade org set`?'],
  ['ls', "No such command 'ls'.", 'Did you mean `arcade secret list`?'],
  ['set A=1', "No such command 'set'.", 'Did you mean `arcade secret set`?'],
  ['signin', "No such command 'signin'.", 'Did you mean `arcade login`?'],
  ['help secrte', "No such command 'secrte'.", 'Did you mean `arcade secret`?'],
  ['help secret lst', "No such command 'lst'.", 'Did you mean `arcade secret list`?'],
  ['usage nope', "No such command 'nope'.", 'Run `arcade usage --help` for a list of commands.'],
  ['doctor', "No such command 'doctor'.", 'Did you mean `arcade usage doctor`?'],
  ['version', "No such command 'version'.", 'Did you mean `arcade --version`?'],
  ['secret set --env-file=', "Option '--env-file' requires an argument."],
  ['secret nothing-alike', "No such command 'nothing-alike'.", LIST],
  ['secret KEY=sk-live-1', 'No such command (argument 2).', LIST],
  ['secret sk_live_1', 'No such command (argument 2).', LIST],
  ['secret -- sk_live_1', 'No such command (argument 3).', LIST],
  ['secret list --hots x', `${NO_OPTION} --hots`, 'Did you mean --host?'],
  ['secret list --hots=hidden', `${NO_OPTION} --hots`, 'Did you mean --host?'],
  ['secret list --jsno', `${NO_OPTION} --jsno`, 'Did you mean --json?'],
  ['secret set -x', `${NO_OPTION} -x`, help('secret set')],
  ['secret set -secret-1', `${NO_OPTION} -s`, help('secret set')],
  ['secret set --sk-live-1', `${NO_OPTION} (argument 3)`, help('secret set')],
  ['secret set A=1 -----BEGIN_KEY=', `${NO_OPTION} (argument 4)`, help('secret set')],
  ['secret set --thislooksharmlessbutislong', `${NO_OPTION} (argument 3)`, help('secret set')],
  ['--host H secret list', `${NO_OPTION} --host`, 'Options of a command follow its name.'],
  ['usage --limit 3 list', `${NO_OPTION} --limit`, 'Options of a command follow its name.'],
  ['login --json', `${NO_OPTION} --json`, help('login')],
  ['secret list --json=1', "Option '--json' does not take a value."],
  ['secret list --help=1', "Option '--help' does not take a value."],
  ['secret list -q=1', "Option '-q' does not take a value."],
  ['secret list -qx', `${NO_OPTION} -x`, help('secret list')],
  ['secret list -qdp', "Option '-p' requires an argument."],
  ['secret list --tls --no-tls', '--tls and --no-tls cannot be combined.'],
  ['secret --tls list --no-tls', '--tls and --no-tls cannot be combined.'],
  ['login --no-tls --tls', '--tls and --no-tls cannot be combined.'],
  ['usage export --json --format csv', '--json and --format cannot be combined.'],
  ['help usage list extra', 'Got 1 unexpected extra argument(s).'],
  ['help secret set A B', 'Got 2 unexpected extra argument(s).'],
  ['secret list --port -5', '--port must be a whole number from 1 to 65535.'],
  ['secret list -p 65536', '-p must be a whole number from 1 to 65535.'],
  ['usage list --limit 0', '--limit must be a whole number of at least 1.'],
  ['usage list --limit 1e3', '--limit must be a whole number of at least 1.'],
  ['usage stats --days 91', '--days must be a whole number from 1 to 90.'],
  ['usage report --days=-1', '--days must be a whole number from 1 to 90.'],
  ['usage flush --timeout 0', '--timeout must be a number of seconds from 0.1 to 3600.'],
  ['login --timeout soon', '--timeout must be a number of seconds from 0 to 2147483.'],
  ['usage preview --error TIME_OUT', 'Invalid value for --error.', 'Did you mean TIMED_OUT?'],
  ['secret list --host', "Option '--host' requires an argument."],
  ['secret list --host --json', "Option '--host' requires an argument."],
  ['secret list -p', "Option '-p' requires an argument."],
  ['secret list --port -- 1', "Option '--port' requires an argument."],
  ['secret unset', "Missing argument 'KEY...'."],
  ['secret unset --', "Missing argument 'KEY...'."],
  ['usage show a b', 'Got 1 unexpected extra argument(s).'],
  ['usage show last', 'ID must be the number or uuid of a record.'],
  ['usage requeue 0x1f', 'ID must be the number or uuid of a record.'],
  ["usage discard 5' --all", 'ID must be the number or uuid of a record.'],
  ['secret list x', 'Got 1 unexpected extra argument(s).'],
  ['usage list --state x', '--state must be pending, quarantined or delivered.'],
  ['usage export --format xml', '--format must be ndjson or csv.'],
];

for (const [line, message, hint] of WRONG) {
  test(`"${line}" is wrong: ${message}`, () => {
    const parsed = parse(line);
    assert.equal(parsed.kind, 'wrong');
    const { error } = parsed as Wrong;
    assert.deepEqual(
      [error.message, error.hint, error.code, error.exitCode],
      [message, hint, 'INVALID_USAGE', 2],
    );
  });
}

for (const [line, json] of [
  ['secret list --bogus --json', true],
  ['secret list --json --bogus', true],
  ['--json wat', true],
  ['wat --json', true],
  ['secret list x --json', true],
  ['secret set --bogus -- --json', undefined],
  ['secret list --bogus', undefined],
] as const) {
  test(`"${line}" is told ${json ? 'as JSON' : 'in words'}`, () => {
    assert.equal((parse(line) as Wrong).options.json, json);
  });
}

test('a wrong command line knows which command it was for', () => {
  const words = (line: string) => (parse(line) as Wrong).words;
  assert.deepEqual(['secret set --no', 'secret list x', 'secret --no', 'x', 'debug list x'].map(words), [
    'secret set',
    'secret list',
    null,
    null,
    'usage list',
  ]);
});

for (const [usage, given, message] of [
  ['<OLD> <NEW>', ['A', 'B'], undefined],
  ['<OLD> <NEW>', [], "Missing argument 'OLD'."],
  ['<OLD> <NEW>', ['A'], "Missing argument 'NEW'."],
  ['<OLD> [NEW]', ['A'], undefined],
  ['<OLD> [NEW]', ['A', 'B', 'C'], 'Got 1 unexpected extra argument(s).'],
  ['<KEY>...', ['A', 'B', 'C'], undefined],
  ['', ['A', 'B'], 'Got 2 unexpected extra argument(s).'],
] as const) {
  test(`a command of the usage "${usage}", given ${given.length} arguments: ${message ?? 'fine'}`, () => {
    assert.equal(wrongPositionals({ usage } as unknown as Command, given)?.message, message);
  });
}

test('an option that no row of the table has does not type-check', () => {
  const options: Options = { json: true, state: 'pending', days: 3 };
  // @ts-expect-error: it is misspelt.
  assert.equal(options.jsno, undefined);
  // @ts-expect-error: it is none of the choices.
  const wrong: Options = { state: 'sent' };
  assert.notDeepEqual(wrong, options);
});

type Wrong = Extract<Parsed, { kind: 'wrong' }>;

function parse(line: string): Parsed {
  return parseLine(line === '' ? [] : line.split(' '));
}
