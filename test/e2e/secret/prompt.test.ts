/** The hidden prompt, on a real pseudo-terminal. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { askHidden, type Input, PromptInterrupted } from '../../../src/terminal/prompt.ts';
import { recorded } from '../../support/recorded.ts';
import { hasTerminals, onTerminal } from '../../support/terminal.ts';
import { until } from '../../support/until.ts';
import { world } from '../../support/world.ts';

const options = { skip: !hasTerminals && 'python3 with its pty module is needed' };
const hasSetsid = spawnSync('setsid', ['true']).status === 0;
const ON = '\u001b[?2004h';
const OFF = '\u001b[?2004l\n';
const ASK = "Value of secret 'K' (not shown): ";
const ASKED = `${ON}${ASK}${OFF}`;
const paste = (text: string): string => `\u001b[200~${text}\u001b[201~`;
const PEM = '-----BEGIN KEY-----\nMIIB=\n-----END KEY-----';

/** A prompt in this process, on a terminal that notes how it is set. */
function prompted() {
  const modes: boolean[] = [];
  const input = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (isRaw: boolean) => void modes.push(isRaw),
  });
  const [shown, stop] = [[] as string[], new AbortController()];
  const stderr = { isTTY: true, write: (text: string) => void shown.push(text) };
  const prompting = { input: input as unknown as Input, stderr, term: 'xterm', interrupted: stop.signal };
  return { input, modes, shown, stop, asked: askHidden(prompting, ASK) };
}

const NO_VALUE = "Error: No value was given for 'K'.\nHint: Run `arcade secret set --help` for usage.\n";

describe('prompt', { concurrency: 4 }, () => {
  // What each key does is in test/terminal/hidden-line.test.ts.
  for (const [title, args, typed, value, told] of [
    ['what is typed', ['K'], 'pässwörd-🔑\r', 'pässwörd-🔑', "Secret 'K' set successfully\n"],
    ['what is typed for KEY=-', ['K=-'], 'secret\r', 'secret', "Secret 'K' set successfully\n"],
    ['what is typed for --stdin', ['K', '--stdin'], 'secret\r', 'secret', "Secret 'K' set successfully\n"],
    [
      'blanks too, and says so',
      ['K'],
      'secret \r',
      'secret ',
      "Note: The value begins or ends with white space, which is kept.\nSecret 'K' set successfully\n",
    ],
    [
      'a paste of several lines',
      ['K'],
      `${paste(`\ufeff${PEM}\n`)}\r`,
      PEM,
      "Secret 'K' with value ending in ...---- set successfully\n",
    ],
    [
      'a long paste',
      ['K'],
      `${paste('v'.repeat(9_000))}\r`,
      'v'.repeat(9_000),
      "Secret 'K' with value ending in ...vvvv set successfully\n",
    ],
  ] as const) {
    test(`a prompt takes ${title}, and shows none of it`, options, async (t) => {
      const at = await world(t);
      const { exitCode, shown } = await onTerminal(at, ['secret', 'set', ...args], { steps: [[ASK, typed]] });
      assert.deepEqual([exitCode, shown, at.stored()], [0, `${ASKED}${told}`, [`K=${value}`]]);
    });
  }

  test('secret set K 2>log prompts on the terminal, not in the file', options, async (t) => {
    const at = await world(t);
    const on = { shell: '"$0" "$@" 2>log', steps: [[ASK, 'secret\r']] } as const;
    const { exitCode, shown } = await onTerminal(at, ['secret', 'set', 'K'], on);
    const told = "Secret 'K' set successfully\n";
    assert.deepEqual([exitCode, shown, at.stored()], [0, `${ASKED}${told}`, ['K=secret']]);
    assert.equal(readFileSync(join(at.home.home, 'log'), 'utf8'), '');
  });

  test('without a terminal to show the question on there is no prompt', {
    skip: options.skip || (!hasSetsid && 'setsid is needed'),
  }, async (t) => {
    const at = await world(t);
    // A session of its own has no controlling terminal.
    const on = { shell: 'setsid -w "$0" "$@" 2>log' };
    const { exitCode, shown } = await onTerminal(at, ['secret', 'set', 'K'], on);
    assert.deepEqual([exitCode, shown, at.requests()], [2, '', []]);
    const told = 'Error: There is no terminal to prompt on.\nHint: Pipe the value in.\n';
    assert.equal(readFileSync(join(at.home.home, 'log'), 'utf8'), told);
  });

  test('a dumb terminal is told nothing about pastes', options, async (t) => {
    const at = await world(t);
    const on = { env: { TERM: 'dumb' }, steps: [[ASK, 'secret\r']] } as const;
    const { shown } = await onTerminal(at, ['secret', 'set', 'K'], on);
    assert.equal(shown, `${ASK}\nSecret 'K' set successfully\n`);
  });

  for (const [title, exitCode, typed, told] of [
    ['Ctrl-C', 130, 'hidden\u0003', ''],
    ['Ctrl-D', 2, '\u0004', NO_VALUE],
    ['blanks', 2, '  \r', NO_VALUE],
    [
      'several lines at once',
      2,
      'hidden\nhidden2\nhidden3\n',
      'Error: The value has more than one line.\nHint: For a value of several lines use --stdin < FILE.\n',
    ],
    [
      'NUL',
      2,
      `${paste('hid\0den')}\r`,
      'Error: The value contains a NUL character.\nHint: Encode binary values first, for example with base64.\n',
    ],
    [
      'a character that is not UTF-8',
      2,
      Buffer.from('hidden\xe9\r', 'latin1'),
      'Error: The value is not UTF-8 text.\nHint: Encode binary values first, for example with base64.\n',
    ],
  ] as const) {
    test(`${title} at a prompt sends nothing`, async (t) => {
      const at = await world(t);
      const ran = await at.inside(['secret', 'set', 'K'], { typed: [typed] });
      assert.deepEqual([ran.exitCode, ran.stderr, at.requests()], [exitCode, `${ASKED}${told}`, []]);
    });
  }

  test('surplus lines do not reach the shell', options, async (t) => {
    const at = await world(t);
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

  test('a signal at a prompt restores the terminal at once, before anything else is done', async () => {
    const { input, modes, shown, stop, asked } = prompted();
    stop.abort();
    await assert.rejects(asked, PromptInterrupted);
    input.end();
    assert.deepEqual([modes, shown.join('')], [[true, false], ASKED]);
  });

  for (const signal of ['TERM', 'HUP'] as const) {
    test(`SIG${signal} at a prompt leaves the terminal as it was`, options, async (t) => {
      const at = await world(t);
      const steps = [[ASK, '']] as const;
      const ran = await onTerminal(at, ['secret', 'set', 'K'], { steps, signal });
      assert.equal(ran.exitCode, signal === 'TERM' ? 143 : 129);
      assert.equal(ran.shown, ASKED);
      assert.equal(ran.echoes, true);
    });
  }

  test('several values are asked for one after the other', options, async (t) => {
    const at = await world(t);
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
    const at = await world(t);
    const env = { ARCADE_USAGE_TRACKING: undefined };
    const { exitCode } = await onTerminal(at, ['secret', 'set', 'K'], {
      env,
      steps: [["'K' (not shown): ", '']],
      signal: 'CLOSE',
    });
    assert.ok([129, 130, -1].includes(exitCode), `${exitCode}`);
    assert.deepEqual((await recorded(at.home)).at(-1), ['secret.set', 'INTERRUPTED']);
  });

  test('there is no prompt for a secret that then cannot be sent', options, async (t) => {
    const at = await world(t);
    const env = { ARCADE_API_KEY: undefined, NO_COLOR: '1' };
    const { exitCode, shown } = await onTerminal(at, ['secret', 'set', 'K'], { env });
    assert.equal(exitCode, 1);
    assert.match(shown, /^Error: Not logged in to Arcade CLI\.\nHint: .*\n$/);
  });

  test('progress is shown for more than a few, and gone at the end', options, async (t) => {
    const at = await world(t);
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

// Alone: SIGCONT reaches every prompt of this process.
test('a prompt that was stopped and continued (fg) hides what is typed again, and asks again', async () => {
  const { input, modes, shown, asked } = prompted();
  process.kill(process.pid, 'SIGCONT');
  // The shell has given the terminal its own modes meanwhile: one that is raw already is set again.
  await until(() => modes.length >= 3, { what: 'the modes to be set again' });
  input.write('secret\r');
  assert.equal(await asked, 'secret');
  assert.deepEqual([modes, shown.join('')], [[true, false, true, false], `${ON}${ASK}${ASKED}`]);
  assert.equal(process.listenerCount('SIGCONT'), 0);
});
