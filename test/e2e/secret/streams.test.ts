/** `arcade secret` with streams that are closed, full, coloured or not; and with tracking on as with it off. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Ran, type Running, TRACKED } from '../../support/cli.ts';
import { withoutNotice } from '../../support/recorded.ts';
import { outcome, type World, world } from '../../support/world.ts';

const FULL = 'Error: The output could not be written.\nHint: Check the free space on the target device.\n';

describe('streams', { concurrency: 4 }, () => {
  for (const [line, exitCode, stdout, stderr] of [
    ['"$@" secret list | head -1', 0, 'Tool Secrets\n', ''],
    ['"$@" secret list --json | head -1', 0, '{\n', ''],
    ['"$@" secret list | true', 0, '', ''],
    ['"$@" secret set A=1 B=2 | true', 0, '', ''],
    ['"$@" --help | true', 0, '', ''],
    ['"$@" secret list --bad 2> >(true)', 2, '', ''],
    ['"$@" secret list > /dev/full', 1, '', FULL],
    ['"$@" secret list --json > /dev/full', 1, '', FULL],
    ['"$@" secret set A=1 > /dev/full', 1, '', FULL],
    ['"$@" --help > /dev/full', 1, '', FULL],
    ['"$@" --version > /dev/full', 1, '', FULL],
    // There is room for the first 1024 bytes.
    ['(ulimit -f 1; trap "" XFSZ; "$@" secret set --help > "$HOME/help")', 1, '', FULL],
    ['"$@" secret list --bad 2> /dev/full', 2, '', ''],
    ['"$@" secret unset none 2> /dev/full', 0, '', ''],
    ['"$@" secret set A=1 <&-', 0, "Secret 'A' set successfully\n", ''],
    ['"$@" secret set A=1 >&-', 0, '', ''],
    ['"$@" secret set A=1 2>&-', 0, "Secret 'A' set successfully\n", ''],
    ['"$@" secret list <&- >&- 2>&-', 0, '', ''],
    ['"$@" secret list --bad <&- >&- 2>&-', 2, '', ''],
    [
      '"$@" secret set A <&-',
      2,
      '',
      'Error: Invalid format (argument 1). Expected KEY=VALUE\nHint: Standard input is empty. KEY alone reads its value from there, or prompts for it on a terminal.\n',
    ],
    [
      '"$@" secret set A=- <&-',
      2,
      '',
      'Error: No value on standard input.\nHint: Run `arcade secret set --help` for usage.\n',
    ],
    [
      'NO_COLOR=1 FORCE_COLOR=1 "$@" secret unset',
      2,
      '',
      "Error: Missing argument 'KEY...'.\nHint: Run `arcade secret unset --help` for usage.\n",
    ],
    [
      'FORCE_COLOR=1 "$@" secret unset',
      2,
      '',
      "\u001b[31mError:\u001b[39m Missing argument 'KEY...'.\n\u001b[2mHint:\u001b[22m Run `arcade secret unset --help` for usage.\n",
    ],
    ['FORCE_COLOR=1 "$@" secret list | head -1', 0, '\u001b[1mTool Secrets\u001b[22m\n', ''],
  ] as const) {
    for (const tracking of line.includes('&-') || line.includes('/dev/full') ? ['0', undefined] : ['0']) {
      test(`${line}${tracking === undefined ? ' with tracking' : ''}`, async (t) => {
        const at = await world(t);
        at.arcade.store(at.user, { key: 'K', value: 'v' });
        const env = { ARCADE_USAGE_TRACKING: tracking };
        const ran = await at.run([], { shell: `set -o pipefail; ${line}`, env });
        assert.deepEqual(outcome({ ...ran, stderr: withoutNotice(ran.stderr) }), [exitCode, stdout, stderr]);
      });
    }
  }
});

test('tracking changes nothing of exit code, stdout and stderr', async (t) => {
  const lines: readonly (readonly [readonly string[], Running?])[] = [
    [['secret', 'set', 'A=1', 'B=0123456789ab', 'C=3']],
    [['secret', 'set', 'K', '--stdin'], { input: 'v\n' }],
    [['secret', 'set', 'A=1', 'bad']],
    [['secret', 'set', '--from-env']],
    [['secret', 'set', 'A=1', '--json']],
    [['secret', 'unset', 'A', 'none', 'C']],
    [['secret', 'unset', 'B', '--json']],
    [['secret', 'unset']],
    [['secret', 'list', '--bad', '--json']],
    [['secret', 'list', '--json', 'x']],
    [['secret', 'list'], { env: { ARCADE_API_KEY: 'unowned' } }],
    [['secret', 'list', '--json'], { env: { ARCADE_API_KEY: 'unowned' } }],
    [['secret', 'list'], { env: { ARCADE_API_KEY: undefined } }],
    [['secret', 'list'], { env: { ARCADE_URL: 'http://127.0.0.1:1' } }],
    [['secret', 'lst']],
    [['secret']],
    [['--help']],
    [['--version']],
  ];
  // Also where nothing can be recorded.
  const [on, off, stuck] = [await world(t), await world(t), await world(t)];
  stuck.home.write('usage.db', 'this is no database, and cannot be set aside as one');
  const told: string[] = [];
  for (const [args, running] of lines) {
    const tracked = { ...running, env: { ...TRACKED, ...running?.env } };
    const [a, b, c] = await Promise.all([
      on.run(args, tracked),
      off.run(args, running),
      stuck.run(args, tracked),
    ]);
    const expected = seen(off, b);
    assert.deepEqual(seen(on, a), expected, args.join(' '));
    assert.deepEqual(seen(stuck, c), expected, args.join(' '));
    if (a.stderr !== withoutNotice(a.stderr)) told.push(args.join(' '));
  }
  assert.deepEqual(told, [lines[0]?.[0].join(' ')]);
});

test('a command for which nothing ever comes ends as a failure, and not quietly with 0', async (t) => {
  const place = await world(t);
  // As of a client that neither answers nor fails.
  const silent = 'process.getBuiltinModule("http").request = () => ({ on() {}, once() {}, end() {} })';
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(silent)}` };
  assert.equal((await place.run(['secret', 'set', 'A=1'], { env })).exitCode, 1);
});

/** Ports differ from desk to desk, and the notice is shown once. */
function seen({ arcade }: World, ran: Ran): [number | undefined, string, string] {
  const plain = (text: string): string => withoutNotice(text).replaceAll(String(arcade.engine.port), 'PORT');
  return [ran.exitCode, plain(ran.stdout), plain(ran.stderr)];
}
