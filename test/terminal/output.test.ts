/** What is written where, and in which colors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openOutput } from '../../src/terminal/output.ts';
import { compactJson, say, visible } from '../../src/terminal/visible.ts';

function opened(terminal: boolean, env: Record<string, string> = {}, columns = 100, quiet = false) {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    isTTY: terminal,
    columns,
    write: (text: string) => {
      written[name] += text;
    },
  });
  return { written, output: openOutput(stream('stdout'), stream('stderr'), env, quiet) };
}

test('results go to stdout, notes to stderr', () => {
  const { written, output } = opened(false);
  output.line(say`a`);
  output.line();
  output.json({ b: 1 });
  output.note(say`c`);
  output.progress(say`d`);
  assert.deepEqual(written, { stdout: 'a\n\n{\n  "b": 1\n}\n', stderr: 'c\n' });
});

test('progress is shown on a terminal, and gone before anything else is written', () => {
  const { written, output } = opened(true);
  output.note(say`before`);
  output.progress(say`1 of 2`);
  output.line(say`result`);
  output.progress(say`2 of 2`);
  output.progress(say`2 of 2`);
  output.progress(say``);
  output.progress(say``);
  assert.equal(written.stderr, 'before\n\r\u001b[2K1 of 2\r\u001b[2K\r\u001b[2K2 of 2\r\u001b[2K');
  assert.equal(written.stdout, 'result\n');
});

for (const [title, expected, terminal, env] of [
  ['a terminal', true, true, {}],
  ['a pipe', false, false, {}],
  ['a terminal with NO_COLOR', false, true, { NO_COLOR: '1' }],
  ['a terminal with an empty NO_COLOR', true, true, { NO_COLOR: '' }],
  ['a terminal with NO_COLOR and FORCE_COLOR', false, true, { NO_COLOR: '1', FORCE_COLOR: '1' }],
  ['a pipe with FORCE_COLOR', true, false, { FORCE_COLOR: '1' }],
  ['a terminal with FORCE_COLOR=0', false, true, { FORCE_COLOR: '0' }],
  ['a dumb terminal', false, true, { TERM: 'dumb' }],
] as const) {
  test(`${title} is ${expected ? '' : 'not '}coloured`, async () => {
    const paint = await opened(terminal, env).output.paint('stderr');
    assert.equal(paint.red(say`x`), expected ? '\u001b[31mx\u001b[39m' : 'x');
  });
}

test('the width is that of a terminal, within reason', () => {
  assert.equal(opened(true, {}, 100).output.width, 100);
  assert.equal(opened(true, {}, 10).output.width, 20);
  assert.equal(opened(true, {}, 0).output.width, 80);
  assert.equal(opened(false).output.width, null);
});

test('JSON holds no byte that a terminal obeys', () => {
  const { written, output } = opened(false);
  output.json('\u001b\u0007\u007f\u009b');
  assert.equal(written.stdout, '"\\u001b\\u0007\\u007f\\u009b"\n');
});

test('what nobody made visible is escaped by the writer; our colours and line ends stay', () => {
  const { written, output } = opened(true);
  output.line(say`\u001b[31mred\u001b[39m\n\u001b[2J\u202e`);
  output.note(say`\u009b2J\u0007`);
  assert.equal(written.stdout, '\u001b[31mred\u001b[39m\n\\e[2J\\u{202e}\n');
  assert.equal(written.stderr, '\\u{9b}2J\\u{7}\n');
});

test('text is made visible once, and what is harmless stays', () => {
  const harmless = 'Zürich 日本語 مفتاح 👩‍👩‍👧 \\n [/x] {}';
  assert.equal(visible(harmless), harmless);
  assert.equal(visible('\ud800'), '\\u{d800}');
  assert.equal(visible(visible('\u001b\n')), visible('\u001b\n'));
});

test('characters that take up room and cannot be seen are shown as what they are', () => {
  for (const code of [0x34f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x2800, 0x3164, 0xffa0]) {
    const character = String.fromCodePoint(code);
    assert.equal(visible(`a${character}b`), `a\\u{${code.toString(16)}}b`);
    assert.deepEqual(JSON.parse(compactJson(character)), character);
    assert.ok(!compactJson(character).includes(character));
  }
});

test('joiners stay where writing needs them, and are shown where they only tell two names apart', () => {
  for (const text of [
    'می\u200cخواهم',
    'क्\u200dष',
    'නි\u200dශ්',
    '👩\u200d💻',
    '👨🏽\u200d🚀',
    '❤\ufe0f\u200d🔥',
  ]) {
    assert.equal(visible(text), text);
    assert.equal(compactJson(text), `"${text}"`);
  }
  for (const joiner of ['\u200c', '\u200d']) {
    for (const [before, after] of [
      ['API_', 'KEY'],
      ['', 'a'],
      ['a', ''],
      ['👩', 'x'],
      ['é', 'م'],
      ['م', 'a'],
      [joiner, 'م'],
    ]) {
      const shown = `\\u{${joiner.codePointAt(0)?.toString(16)}}`;
      assert.equal(
        visible(`${before}${joiner}${after}`),
        `${before === joiner ? shown : before}${shown}${after}`,
      );
    }
  }
  assert.equal(visible('👩\u200c💻'), '👩\\u{200c}💻');
});

test('what spells out a hidden text is shown: selectors of variants, and controls of musical notation', () => {
  for (const code of [0xfe00, 0xfe0e, 0xfe0f, 0x1d173, 0x1d17a, 0xe0080, 0xe0100, 0xe01ef]) {
    const character = String.fromCodePoint(code);
    for (const before of ['', 'a', '1', '😀\ufe0f']) {
      assert.equal(visible(`${before}${character}b`), `${before}\\u{${code.toString(16)}}b`);
      assert.deepEqual(JSON.parse(compactJson(before + character)), before + character);
      assert.ok(!compactJson(before + character).endsWith(`${character}"`));
    }
  }
  assert.equal(visible('😀\ufe00\u{e0132}'), '😀\\u{fe00}\\u{e0132}');
});

test('an emoji keeps what says how it looks', () => {
  const emoji =
    '❤\ufe0f ☎\ufe0e 1\ufe0f\u20e3 #\ufe0f\u20e3 ☝🏽 👨\u200d❤\ufe0f\u200d👨 🏳\ufe0f\u200d🌈 ©\ufe0f';
  assert.equal(visible(emoji), emoji);
  assert.equal(compactJson(emoji), `"${emoji}"`);
});

test('a dumb terminal is sent no control sequence: no progress, and a picture below the last one', () => {
  const { written, output } = opened(true, { TERM: 'dumb' });
  output.progress(say`1 of 2`);
  output.redraw(0, say`first`);
  output.redraw(1, say`second`);
  output.progress(say``);
  assert.deepEqual(written, { stdout: 'first\nsecond\n', stderr: '' });
});

test('--quiet hides notes and progress; warnings and questions stay', () => {
  const { written, output } = opened(true, {}, 100, true);
  output.note(say`a`);
  output.progress(say`b`);
  output.warn(say`c`);
  output.ask(say`d? `);
  output.line(say`e`);
  assert.deepEqual(written, { stdout: 'e\n', stderr: 'c\nd? ' });
});

/** Never called: it is for the compiler. */
export function unsafe(output: ReturnType<typeof opened>['output'], text: string): void {
  // @ts-expect-error: text that was not made visible
  output.line(text);
  // @ts-expect-error: nor within text of our own
  output.note(say`Secret '${text}'`);
  // @ts-expect-error: nor a template that is not tagged
  output.warn(`Secret '${visible(text)}'`);
  output.line(say`Secret '${visible(text)}'`);
}
