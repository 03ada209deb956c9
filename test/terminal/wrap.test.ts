/** Text broken into lines: between words, and by the columns that a terminal gives a character. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { say, type visible } from '../../src/terminal/visible.ts';
import { fieldLines, wrapped } from '../../src/terminal/wrap.ts';

for (const [title, text, width, lines] of [
  ['what fits is one line', 'one two', 7, ['one two']],
  ['no width is one line', 'one two', null, ['one two']],
  ['words stay whole', 'one two three', 8, ['one two', 'three']],
  ['a word that is longer than a line is broken', 'a /very/long/path', 8, ['a', '/very/lo', 'ng/path']],
  ['wide characters take two columns', '日本語 日本語', 10, ['日本語', '日本語']],
  ['colors take none', '\u001b[31mone\u001b[39m two', 7, ['\u001b[31mone\u001b[39m two']],
] as const) {
  test(`wrapped: ${title}`, async () => {
    assert.deepEqual(await wrapped(text as ReturnType<typeof visible>, width), lines);
  });
}

test('fieldLines: a value stands beside its name, and below it where the room beside it would break a word', async () => {
  assert.deepEqual(await fieldLines(say`Name`, say`one two`, 8, 60), ['Name    one two']);
  assert.deepEqual(await fieldLines(say`Name`, say`one two`, 8, 40), ['Name', '  one two']);
  const id = say`as 5d0c8a52-6f3e-4b0c-9a55-0d7c1a2b3c4d`;
  assert.deepEqual(await fieldLines(say`Next event as`, id, 15, 50), ['Next event as', say`  ${id}`]);
});
