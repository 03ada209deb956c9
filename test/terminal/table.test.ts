/** Tables: aligned whatever the script, fitted to a terminal, whole elsewhere. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import stringWidth from 'string-width';
import { openOutput } from '../../src/terminal/output.ts';
import { tableLines } from '../../src/terminal/table.ts';

const stream = { write: () => true };
const paint = await openOutput(stream, stream, {}).paint('stdout');
const table = (rows: string[][], width: number | null) =>
  tableLines(['Key', 'Description', 'Created At'], rows, { width, paint, unicode: true });

const NASTY = [
  ['KEY', 'plain', '2026-11-22T06:14:00.000Z'],
  ['日本語のキー', '説明文 wide', 'x'],
  ['👩‍👩‍👧‍👦🇨🇭', 'e\u0301 combining', 'y'],
  ['مفتاح', 'bidi \u202eevil\u202c', 'z'],
  ['\u001b[31mred\u001b[0m', 'line\nbreak\ttab\r', '\u0007bell'],
  ['K\u200bEY', 'soft\u00adhyphen', '\ufeff'],
  ['[/x]', '[bold]b[/bold]', '\u009b31m'],
  ['K'.repeat(300), 'D'.repeat(300), ''],
];

test('a table that is piped is whole', async () => {
  const lines = await table(NASTY, null);
  assert.equal(lines.length, NASTY.length + 1);
  assert.ok(lines.at(-1)?.includes('K'.repeat(300)) && lines.at(-1)?.includes('D'.repeat(300)));
  assert.ok(!lines.join('').includes('…'));
});

for (const width of [20, 24, 30, 40, 60, 80, 200, 700]) {
  test(`a table fits ${width} columns`, async () => {
    const lines = await table(NASTY, width);
    for (const line of lines) assert.ok(stringWidth(line) <= width, line);
  });
}

test('on a very narrow terminal each row is lines of their own, without its empty cells', async () => {
  const lines = await table(
    [
      ['KEY', '', 'now'],
      ['OTHER', 'of more than fits', 'now'],
    ],
    20,
  );
  assert.deepEqual(lines, [
    'Key       KEY',
    'Created…  now',
    '',
    'Key       OTHER',
    'Descrip…  of more t…',
    'Created…  now',
  ]);
});

test('a cell that is to be whole is never cut: others give way, and then each row is lines of their own', async () => {
  const id = 'i'.repeat(20);
  const columns = [{ heading: 'ID', whole: true as const }, 'Description', 'State'];
  const rows = [[id, 'd'.repeat(40), 'pending']];
  const at = (width: number) => tableLines(columns, rows, { width, paint, unicode: true });
  assert.match((await at(45)).at(-1) ?? '', new RegExp(`^${id}  d+…  pending$`));
  assert.equal((await at(36))[0], `ID           ${id}`);
});

test('columns begin at the same place in every row', async () => {
  const [heading = '', ...rows] = await table(NASTY.slice(0, 6), null);
  const at = stringWidth(heading.slice(0, heading.indexOf('Description')));
  for (const [i, row] of rows.entries()) {
    const before = row.slice(0, row.indexOf(['plain', '説明', 'e\u0301', 'bidi', 'line', 'soft'][i] ?? ''));
    assert.equal(stringWidth(before), at, row);
  }
});

test('what a terminal would obey, or nobody could see, is shown', async () => {
  const text = (await table(NASTY, null)).join('\n');
  for (const shown of [
    '\\u{202e}evil\\u{202c}',
    '\\e[31mred\\e[0m',
    'line\\nbreak\\ttab\\r',
    '\\u{7}bell',
    'K\\u{200b}EY',
    'soft\\u{ad}hyphen',
    '\\u{feff}',
    '\\u{9b}31m',
    '[/x]',
    '[bold]b[/bold]',
  ]) {
    assert.ok(text.includes(shown), shown);
  }
  assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\u202a-\u202e]/u);
});

test('the widest columns give way, to the same width', async () => {
  const [, row] = await table([['short', 'd'.repeat(100), 'c'.repeat(100)]], 45);
  assert.equal(row, `short  ${'d'.repeat(17)}…  ${'c'.repeat(17)}…`);
});

test('what is cut is cut between characters', async () => {
  const [, row = ''] = await table([['👩‍👩‍👧‍👦'.repeat(30), 'd', 'c']], 40);
  assert.match(row, /^(?:👩‍👩‍👧‍👦)+… +d +c$/u);
});

test('a table of very many rows is no trouble', async () => {
  assert.equal((await table(Array(200_000).fill(['a', 'b', 'c']), 80)).length, 200_001);
});
