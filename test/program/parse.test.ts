/** A command line taken apart: options of a group on either side of its subcommand, and what is wrong with one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Parsed, parseArguments, type Shapes } from '../../src/program/parse.ts';

const CONNECTION = [
  { name: 'host', short: 'h', value: 'HOST', describe: '' },
  { name: 'port', short: 'p', value: 'PORT', describe: '' },
  { name: 'tls', describe: '' },
  { name: 'no-tls', describe: '' },
];
const JSON_OUT = { name: 'json', describe: '' };
const SHAPES: Shapes = new Map([
  ['', { options: [], positionals: null }],
  ['secret', { options: CONNECTION, positionals: null }],
  ['secret set', { options: [JSON_OUT, ...CONNECTION], positionals: [0, Number.POSITIVE_INFINITY] as const }],
  ['secret list', { options: [JSON_OUT, ...CONNECTION], positionals: [0, 0] as const }],
  ['secret unset', { options: [JSON_OUT, ...CONNECTION], positionals: [1, 2] as const, usage: '<KEY>...' }],
  ['usage', { options: [JSON_OUT], positionals: null, runs: true }],
  ['preview', { options: [JSON_OUT], positionals: [0, 9] as const, verbatim: true }],
]);

const UNSET = { host: undefined };
type Reading = readonly [line: string, words: string, options: object, ...positionals: string[]];

const UNDERSTOOD: readonly Reading[] = [
  ['secret list', 'secret list', {}],
  ['secret --host H list', 'secret list', { host: 'H' }],
  ['secret list --host H', 'secret list', { host: 'H' }],
  ['secret --host A list --host B', 'secret list', { host: 'B' }],
  ['secret --host B -h A list', 'secret list', { host: 'A' }],
  ['secret -p 1 --host H --tls list --json', 'secret list', { port: '1', host: 'H', tls: true, json: true }],
  ['secret --tls list --no-tls', 'secret list', { tls: true, 'no-tls': true }],
  ['secret list -p9099', 'secret list', { port: '9099' }],
  ['secret -hH list', 'secret list', { host: 'H' }],
  ['secret list --host=', 'secret list', { host: '' }],
  ['secret list --host=a=b', 'secret list', { host: 'a=b' }],
  ['secret list --port -5', 'secret list', { port: '-5' }],
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
  ['usage --json', 'usage', { json: true }],
  ['preview secret set --json A=1 -h', 'preview', {}, 'secret', 'set', '--json', 'A=1', '-h'],
  ['preview --json secret', 'preview', { json: true }, 'secret'],
];

for (const [line, words, options, ...positionals] of UNDERSTOOD) {
  test(`"${line}" is understood`, () => {
    const parsed = parse(line);
    assert.equal(parsed.kind, 'run');
    const { words: w, options: o, positionals: p, argv } = parsed as Extract<Parsed, { kind: 'run' }>;
    assert.deepEqual([w, { ...UNSET, ...o }, p], [words, { ...UNSET, ...options }, positionals]);
    assert.equal(argv[argv.length - positionals.length - 1], '--');
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
] as const) {
  test(`"${line}" asks for help`, () => assert.deepEqual(parse(line), { kind: 'help', words }));
}

test('the version is asked for at the root alone', () => {
  assert.deepEqual(parse('--version'), { kind: 'version' });
  assert.deepEqual(parse('-v'), { kind: 'version' });
  assert.equal(parse('secret --version').kind, 'wrong');
});

const NO_OPTION = 'No such option:';
for (const [line, message, hint] of [
  ['secrte', "No such command 'secrte'.", 'Did you mean `arcade secret`?'],
  ['secret lst', "No such command 'lst'.", 'Did you mean `arcade secret list`?'],
  ['secret nothing-alike', "No such command 'nothing-alike'.", 'Run `arcade secret --help` for the list.'],
  ['secret KEY=sk-live-1', 'No such command (argument 2).', 'Run `arcade secret --help` for the list.'],
  ['secret sk_live_1', 'No such command (argument 2).', 'Run `arcade secret --help` for the list.'],
  ['secret -- sk_live_1', 'No such command (argument 3).', 'Run `arcade secret --help` for the list.'],
  ['secret list --hots x', `${NO_OPTION} --hots`, 'Did you mean --host?'],
  ['secret list --hots=hidden', `${NO_OPTION} --hots`, 'Did you mean --host?'],
  ['secret set -x', `${NO_OPTION} -x`, undefined],
  ['secret set -secret-1', `${NO_OPTION} -s`, undefined],
  ['secret set --sk-live-1', `${NO_OPTION} (argument 3)`, undefined],
  ['secret set A=1 -----BEGIN_KEY=', `${NO_OPTION} (argument 4)`, undefined],
  ['secret set --thislooksharmlessbutislong', `${NO_OPTION} (argument 3)`, undefined],
  ['--host H secret list', `${NO_OPTION} --host`, undefined],
  ['secret --json list', `${NO_OPTION} --json`, undefined],
  ['secret list --json=1', "Option '--json' does not take a value.", undefined],
  ['secret list --host', "Option '--host' requires an argument.", undefined],
  ['secret list --host --json', "Option '--host' requires an argument.", undefined],
  ['secret list -p', "Option '-p' requires an argument.", undefined],
  ['secret list --port -- 1', "Option '--port' requires an argument.", undefined],
  ['secret unset', "Missing argument 'KEY...'.", 'See --help for what to give.'],
  ['secret unset --', "Missing argument 'KEY...'.", 'See --help for what to give.'],
  ['secret unset a b c', 'Got 1 unexpected extra argument(s).', undefined],
  ['secret list x', 'Got 1 unexpected extra argument(s).', undefined],
] as const) {
  test(`"${line}" is refused: ${message}`, () => {
    const parsed = parse(line);
    assert.equal(parsed.kind, 'wrong');
    const { error } = parsed as Extract<Parsed, { kind: 'wrong' }>;
    assert.deepEqual(
      [error.message, error.hint, error.code, error.exitCode],
      [message, hint, 'INVALID_USAGE', 2],
    );
  });
}

test('a wrong command line knows which command it was for', () => {
  const words = (line: string) => (parse(line) as Extract<Parsed, { kind: 'wrong' }>).words;
  assert.deepEqual(['secret set --no', 'secret list x', 'secret --no', 'x'].map(words), [
    'secret set',
    'secret list',
    null,
    null,
  ]);
});

function parse(line: string): Parsed {
  return parseArguments(line === '' ? [] : line.split(' '), SHAPES);
}
