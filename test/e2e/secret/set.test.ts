/** `arcade secret set` with pairs: what is understood, what is sent, what is said. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startArcadeCli } from '../../support/cli.ts';
import { until } from '../../support/until.ts';
import { outcome, world } from '../../support/world.ts';

const EITHER = 'Either provide KEY=VALUE pairs or use --from-env to load from .env file.';
const BOTH = 'Cannot use both KEY=VALUE pairs and --from-env at the same time.';
const EITHER_WAY =
  'KEY alone prompts for the value on a terminal, and reads it from standard input otherwise.';
const NOTHING =
  'Standard input is empty. KEY alone reads its value from there, or prompts for it on a terminal.';
const EMPTY = 'The value is empty. To delete a secret, run `arcade secret unset KEY`.';
const SEE_HELP = 'Hint: Run `arcade secret set --help` for usage.\n';
const format = (position: number, hint = EITHER_WAY): string =>
  `Error: Invalid format (argument ${position}). Expected KEY=VALUE\nHint: ${hint}\n`;

describe('secret set', { concurrency: 4 }, () => {
  test('secret set sets pairs, and reports them in the order given', async (t) => {
    const { run, stored, requests } = await world(t);
    const pairs = ['A=1', 'B=b=c==', ' C =  padded  ', 'D=0123456789ab', 'A=2', 'Q?z=q', 'H#h=h'];
    const keys = [
      'a/b=slash',
      '../../v1/health=up',
      'E=🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑',
      'F=0123456789[/x]',
      'G=012345678\u001b[0m',
    ];
    const ran = await run(['secret', 'set', ...pairs, ...keys]);
    assert.deepEqual(outcome(ran), [
      0,
      [
        "Secret 'A' set successfully",
        "Secret 'B' set successfully",
        "Secret 'C' set successfully",
        "Secret 'D' with value ending in ...89ab set successfully",
        "Secret 'Q?z' set successfully",
        "Secret 'H#h' set successfully",
        "Secret 'a/b' set successfully",
        "Secret '../../v1/health' set successfully",
        "Secret 'E' with value ending in ...🔑🔑🔑🔑 set successfully",
        "Secret 'F' with value ending in ...[/x] set successfully",
        "Secret 'G' with value ending in ...\\e[0m set successfully",
        '',
      ].join('\n'),
      '',
    ]);
    const expected = ['A=2', 'B=b=c==', 'C=  padded  ', ...pairs.slice(3, 4), 'Q?z=q', 'H#h=h', ...keys];
    assert.deepEqual(stored().sort(), expected.sort());
    assert.equal(requests().length, 11);
  });

  // What one argument may be is in test/secrets/assignment.test.ts.
  for (const [title, args, stderr] of [
    ['nothing', [], `Error: ${EITHER}\n`],
    ['pairs and --from-env', ['A=1', '--from-env'], `Error: ${BOTH}\n`],
    [
      '--stdin and --from-env',
      ['--stdin', '--from-env'],
      'Error: Cannot use both --stdin and --from-env at the same time.\n',
    ],
    [
      'pairs and --env-file',
      ['X', '--env-file', '-'],
      'Error: Cannot use both KEY=VALUE pairs and --env-file at the same time.\n',
    ],
    ['an empty value', ['A=1', 'B= '], format(2, EMPTY)],
    ['--exclude alone', ['--exclude', 'A'], 'Error: --exclude needs --env-file or --from-env.\n'],
    ['--stdin alone', ['--stdin'], 'Error: --stdin takes exactly one KEY, without a value.\n'],
    ['--only with pairs', ['A=1', '--only', 'A'], 'Error: --only needs --env-file or --from-env.\n'],
    ['a value alone', ['sk-live-hidden'], format(1, NOTHING)],
    ['a value behind a good pair', ['A=1', 'sk-live-hidden'], format(2, NOTHING)],
    ['a value behind its key', ['A', 'B'], 'Error: Expected KEY=VALUE.\nHint: Did you mean A=B?\n'],
    ['a key in the place of another', ['-----BEGIN\nhidden==x'], 'Error: No such option: (argument 3)\n'],
    [
      'two values from standard input',
      ['A=-', 'B=-'],
      'Error: Only one value can be read from standard input.\n',
    ],
    ['--stdin with a value', ['A=1', '--stdin'], 'Error: --stdin takes exactly one KEY, without a value.\n'],
    [
      '--stdin with two keys',
      ['A', 'B', '--stdin'],
      'Error: --stdin takes exactly one KEY, without a value.\n',
    ],
    ['a key alone beside KEY=-', ['A=-', 'B'], format(2)],
    ['an option that looks like a secret', ['--sk-live-1-hidden'], 'Error: No such option: (argument 3)\n'],
  ] as const) {
    test(`secret set with ${title} is a usage error, nothing is sent, and no value is repeated`, async (t) => {
      const { inside, requests } = await world(t);
      const ran = await inside(['secret', 'set', ...args]);
      assert.deepEqual(outcome(ran), [2, '', stderr.includes('Hint:') ? stderr : `${stderr}${SEE_HELP}`]);
      assert.doesNotMatch(ran.stderr, /hidden/);
      assert.deepEqual(requests(), []);
    });
  }

  test('secret set reports in the order given, whatever the order of the responses', async (t) => {
    const { arcade, inside, stored } = await world(t);
    const keys = Array.from({ length: 20 }, (_, i) => `K${i}`);
    arcade.fault({ path: /\/K[05]$/ }, { kind: 'delay', ms: 200 });
    const ran = await inside(['secret', 'set', ...keys.map((key) => `${key}=v`)]);
    assert.deepEqual(outcome(ran), [0, keys.map((key) => `Secret '${key}' set successfully\n`).join(''), '']);
    assert.notDeepEqual(
      stored(),
      keys.map((key) => `${key}=v`),
    );
  });

  test('secret set leaves room for seven others beside an answer that hangs', async (t) => {
    const { arcade, env, home, stored } = await world(t);
    const keys = Array.from({ length: 30 }, (_, i) => `K${i}`);
    arcade.fault({ path: /\/K3$/ }, { kind: 'hang' });
    const running = startArcadeCli(home, ['secret', 'set', ...keys.map((key) => `${key}=v`)], { env });
    await until(() => stored().length === 29, { what: 'the others' });
    running.kill('SIGINT');
    const { exitCode, stdout, stderr } = await running;
    const told = keys.slice(0, 3).map((key) => `Secret '${key}' set successfully\n`);
    assert.deepEqual([exitCode, stdout, stderr], [130, told.join(''), '']);
  });

  test('secret set that fails in part reports each, also as one JSON document, and exits with 1', async (t) => {
    const { arcade, inside, stored } = await world(t, { echoSecrets: true });
    arcade.fault({ path: /\/B$/ }, { kind: 'status', status: 422 });
    arcade.fault({ path: /\/D$/ }, { kind: 'html' });
    arcade.fault({ path: /\/E$/ }, { kind: 'status', status: 429, headers: { 'retry-after': '45' } });
    const ran = await inside(['secret', 'set', 'A=1', 'B=hidden', 'C=3', 'D=hidden', 'E=hidden']);
    const host = `localhost:${arcade.engine.port}`;
    assert.deepEqual(outcome(ran), [
      1,
      "Secret 'A' set successfully\nSecret 'C' set successfully\n",
      [
        `Error setting secret 'B': ${host} rejected the request as invalid (422). Check the key and the value.`,
        "Error setting secret 'D': The server sent a web page instead of a response of the Arcade API. Check --host and --port; on a guest network, open a web page and sign in first.",
        `Error setting secret 'E': ${host} is receiving too many requests (429). Try again in 45 seconds.`,
        '',
      ].join('\n'),
    ]);
    assert.deepEqual(stored().sort(), ['A=1', 'C=3']);
    arcade.fault({ path: /\/B$/ }, { kind: 'status', status: 403 });
    const json = await inside(['secret', 'set', 'A=1', 'B=hidden', '--json']);
    assert.deepEqual([json.exitCode, json.stderr], [1, '']);
    const results = [
      { key: 'A', ok: true },
      { key: 'B', ok: false, error: `${host} denied permission (403).` },
    ];
    assert.deepEqual(JSON.parse(json.stdout), { results });
  });

  test('secret set does not try the rest once the server rejects the credentials, or asks for an hour’s pause', async (t) => {
    const { arcade, inside } = await world(t);
    const pairs = Array.from({ length: 100 }, (_, i) => `K${i}=v`);
    for (const [status, words] of [
      [401, 'did not accept your credentials (401)'],
      [429, 'is receiving too many requests (429). Try again in 60 minutes.'],
    ] as const) {
      arcade.clearFaults();
      arcade.fault(
        {},
        { kind: 'status', status, headers: { 'retry-after': '3600' } },
        Number.POSITIVE_INFINITY,
      );
      const before = arcade.requests.length;
      const { exitCode, stdout, stderr } = await inside(['secret', 'set', ...pairs]);
      assert.deepEqual([exitCode, stdout], [1, '']);
      assert.equal(stderr.split(words).length - 1, 100);
      assert.ok(arcade.requests.length - before <= 16, `${arcade.requests.length}`);
    }
  });

  test('secret set --dry-run says what would be created and replaced, and sends nothing', async (t) => {
    const { arcade, inside, requests, user } = await world(t);
    arcade.store(user, { key: 'B', value: 'v' });
    const line = ['secret', 'set', 'A=hidden', 'B=hidden', 'C', '--dry-run'];
    const plan = "Would create secret 'A'\nWould replace secret 'B'\nWould create secret 'C'\n";
    for (const given of [{ input: 'hidden' }, { typed: [] }])
      assert.deepEqual(outcome(await inside(line, given)), [0, plan, 'Nothing was sent (--dry-run).\n']);
    const { stdout } = await inside(['secret', 'set', 'A=1', 'B=2', '--dry-run', '--json']);
    assert.deepEqual(JSON.parse(stdout), {
      dry_run: true,
      results: [
        { key: 'A', action: 'create', ok: true },
        { key: 'B', action: 'replace', ok: true },
      ],
    });
    assert.equal((await inside(['secret', 'set', 'A=1', 'K=-', '--dry-run'])).exitCode, 2);
    assert.deepEqual(new Set(requests()), new Set(['GET /v1/admin/secrets']));
  });

  test('secret set takes a thousand pairs, a long key and a long value', async (t) => {
    const { run, stored } = await world(t);
    const long = [`${'K'.repeat(2_000)}=v`, `L=${'v'.repeat(100_000)}end.`];
    const pairs = [...long, ...Array.from({ length: 1_000 }, (_, i) => `K${i}=v${i}`)];
    const { exitCode, stdout, stderr } = await run(['secret', 'set', ...pairs]);
    assert.deepEqual([exitCode, stderr], [0, '']);
    assert.deepEqual(stdout.split('\n').slice(0, 3), [
      `Secret '${'K'.repeat(2_000)}' set successfully`,
      "Secret 'L' with value ending in ...end. set successfully",
      "Secret 'K0' set successfully",
    ]);
    assert.deepEqual(stored().sort(), pairs.sort());
  });
});
