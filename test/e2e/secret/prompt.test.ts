/** The hidden prompt, on a real pseudo-terminal. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { desk } from '../../support/desk.ts';
import { recorded } from '../../support/recorded.ts';
import { hasTerminals, onTerminal } from '../../support/terminal.ts';

const options = { skip: !hasTerminals && 'python3 with its pty module is needed' };
const ON = '\u001b[?2004h';
const OFF = '\u001b[?2004l\n';
const ASK = "Value of secret 'K' (not shown): ";
const ASKED = `${ON}${ASK}${OFF}`;
const paste = (text: string): string => `\u001b[200~${text}\u001b[201~`;
const PEM = '-----BEGIN KEY-----\nMIIB=\n-----END KEY-----';

describe('prompt', { concurrency: 4 }, () => {
  for (const [title, typed, value, told] of [
    ['what is typed', 'secret\r', 'secret', "Secret 'K' set successfully\n"],
    ['blanks too', ' se cret \r', ' se cret ', "Secret 'K' set successfully\n"],
    ['a value that was corrected', 'sx\u007fecret\r', 'secret', "Secret 'K' set successfully\n"],
    ['a value that was begun anew', 'wrong\u0015right\r', 'right', "Secret 'K' set successfully\n"],
    ['a dash', '-\r', '-', "Secret 'K' set successfully\n"],
    [
      'what is not ASCII',
      'pässwörd-🔑-long\r',
      'pässwörd-🔑-long',
      "Secret 'K' with value ending in ...long set successfully\n",
    ],
    [
      'a paste',
      `${paste('0123456789abcdef\n')}\r`,
      '0123456789abcdef',
      "Secret 'K' with value ending in ...cdef set successfully\n",
    ],
    [
      'a paste of several lines',
      `${paste(`${PEM}\n`)}\r`,
      PEM,
      "Secret 'K' with value ending in ...---- set successfully\n",
    ],
    [
      'a long paste',
      `${paste('v'.repeat(9_000))}\r`,
      'v'.repeat(9_000),
      "Secret 'K' with value ending in ...vvvv set successfully\n",
    ],
  ] as const) {
    test(`a prompt takes ${title}, and shows none of it`, options, async (t) => {
      const at = await desk(t);
      const { exitCode, shown } = await onTerminal(at, ['secret', 'set', 'K'], { steps: [[ASK, typed]] });
      assert.deepEqual([exitCode, shown, at.stored()], [0, `${ASKED}${told}`, [`K=${value}`]]);
    });
  }

  const SEVERAL = 'Error: More than one line was given for the value.\n';
  for (const [title, exitCode, typed, told] of [
    ['Ctrl-C', 130, 'hidden\u0003', ''],
    ['Ctrl-C in a paste', 130, '\u001b[200~hidden\u0003', ''],
    ['Ctrl-D', 2, '\u0004', 'Error: No value was given for argument 1.\n'],
    ['Enter alone', 2, '\r', 'Error: No value was given for argument 1.\n'],
    ['blanks', 2, '  \r', 'Error: No value was given for argument 1.\n'],
    [
      'several lines at once',
      2,
      'hidden\nhidden2\nhidden3\n',
      `${SEVERAL}Hint: Use --stdin < FILE for a value of several lines.\n`,
    ],
  ] as const) {
    test(`${title} at a prompt sends nothing`, options, async (t) => {
      const at = await desk(t);
      const on = { steps: [[ASK, typed]], env: { NO_COLOR: '1' } } as const;
      const ran = await onTerminal(at, ['secret', 'set', 'K'], on);
      assert.deepEqual([ran.exitCode, ran.shown, at.requests()], [exitCode, `${ASKED}${told}`, []]);
    });
  }

  test('lines that nobody asked for do not reach the shell', options, async (t) => {
    const at = await desk(t);
    const shell =
      '"$0" "$@"; stty -a | grep -ow -e "-\\?echo" -e "-\\?icanon"; echo ready; read -r x; echo "[$x]"';
    const rest = 'rm -rf hidden\n'.repeat(600);
    const steps = [
      [ASK, `first\n${rest}`],
      ['ready', 'typed\n'],
    ] as const;
    const { exitCode, shown } = await onTerminal(at, ['secret', 'set', 'K'], { shell, steps });
    assert.equal(exitCode, 0);
    assert.doesNotMatch(shown, /hidden/);
    assert.match(shown, /\nicanon\necho\nready\ntyped\n\[typed\]\n$/);
    assert.deepEqual(at.requests(), []);
  });

  for (const signal of ['TERM', 'HUP'] as const) {
    test(`SIG${signal} at a prompt leaves the terminal as it was`, options, async (t) => {
      const at = await desk(t);
      const steps = [[ASK, '']] as const;
      const ran = await onTerminal(at, ['secret', 'set', 'K'], { steps, signal });
      assert.equal(ran.exitCode, signal === 'TERM' ? 143 : 129);
      assert.equal(ran.shown, ASKED);
      assert.equal(ran.echoes, true);
    });
  }

  test('several values are asked for one after the other', options, async (t) => {
    const at = await desk(t);
    const steps = [
      ["'A' (not shown): ", 'one\r'],
      ["'B' (not shown): ", 'two\r'],
    ] as const;
    const { exitCode, shown } = await onTerminal(at, ['secret', 'set', 'A', 'X=1', 'B'], { steps });
    assert.equal(exitCode, 0);
    assert.deepEqual(at.stored().sort(), ['A=one', 'B=two', 'X=1']);
    assert.doesNotMatch(shown, /one|two/);
  });

  test('a terminal that is closed at the prompt is an interruption', options, async (t) => {
    const at = await desk(t);
    const env = { ARCADE_USAGE_TRACKING: undefined };
    // Else the notice, which a closed terminal cannot show, would keep the event away.
    await at.run(['secret', 'list'], { env });
    const { exitCode } = await onTerminal(at, ['secret', 'set', 'K'], {
      env,
      steps: [["'K' (not shown): ", '']],
      signal: 'CLOSE',
    });
    assert.ok([129, 130, -1].includes(exitCode), `${exitCode}`);
    assert.deepEqual((await recorded(at.home)).at(-1), ['secret.set', 'INTERRUPTED']);
  });

  test('nobody is asked for a secret that then cannot be sent', options, async (t) => {
    const at = await desk(t);
    const env = { ARCADE_API_KEY: undefined, NO_COLOR: '1' };
    const { exitCode, shown } = await onTerminal(at, ['secret', 'set', 'K'], { env });
    assert.equal(exitCode, 1);
    assert.match(shown, /^Error: Not logged in to Arcade CLI\.\nHint: .*\n$/);
  });

  test('progress is shown for more than a few, and gone at the end', options, async (t) => {
    const at = await desk(t);
    const keys = ['A', 'B', 'C', 'D'];
    const args = ['secret', 'set', ...keys.map((key) => `${key}=v`)];
    const { exitCode, shown } = await onTerminal(at, args);
    assert.equal(exitCode, 0);
    assert.match(shown, /\r\u001b\[2KSetting secrets: \d of 4/);
    const end = shown.slice(shown.lastIndexOf('Setting secrets'));
    assert.ok(end.includes('\r\u001b[2K'), end);
    const few = await onTerminal(at, ['secret', 'set', 'A=1']);
    assert.deepEqual(few, { exitCode: 0, shown: "Secret 'A' set successfully\n", echoes: true });
  });
});
