/** Figures as lines of text: no line is wider than the terminal, whatever the numbers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Figure, figureLines } from '../../src/terminal/figure.ts';
import type { Safe } from '../../src/terminal/visible.ts';

const same = (text: Safe): Safe => text;
const paint = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same };
const bars = (count: number): Figure => ({
  id: 'days',
  title: 'Events per day',
  summary: '1,234,567 events.',
  shape: 'columns',
  bars: Array.from({ length: count }, (_, i) => ({
    label: `${i + 1} Nov`,
    parts: [1_000_000 * i, 123_456],
    says: `${1_000_000 * i}, 123,456 failed`,
  })),
  legend: { names: ['succeeded', 'failed'], second: 'failed' },
});

for (const width of [20, 30, 49, 50, 80, 120]) {
  for (const count of [1, 7, 90]) {
    test(`a figure of ${count} bars fits ${width} columns`, async () => {
      const lines = await figureLines(bars(count), { width, unicode: true, paint });
      assert.deepEqual(
        lines.filter((line) => line.length > width),
        [],
      );
      assert.equal(lines[0], 'Events per day');
    });
  }
}

test('a figure without anything to draw is its title and its sentence', async () => {
  const lines = await figureLines(bars(0), { width: 80, unicode: true, paint });
  assert.deepEqual(lines, ['Events per day', '1,234,567 events.']);
});

test('a figure in ASCII holds nothing else', async () => {
  const lines = await figureLines(bars(40), { width: 80, unicode: false, paint });
  assert.match(lines.join('\n'), /^[ -~\n]*$/);
});
