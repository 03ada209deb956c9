/** Rows in columns: fitted to a terminal, whole when they go to a file or a pipe. */
import stringWidth from 'string-width';
import { type Paint, visible } from './output.ts';

interface TableOptions {
  /** Columns of the terminal; null: nothing is cut. */
  readonly width: number | null;
  readonly paint: Paint;
}

const GAP = '  ';

/**
 * Lines of a table. Where it is too wide, the widest column gives way first, and what is cut ends in "…".
 * Cells are made safe to print.
 */
export function tableLines(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  options: TableOptions,
): string[] {
  const cells = rows.map((row) => row.map(visible));
  const natural = headings.map((heading, i) =>
    Math.max(...[heading, ...cells.map((row) => row[i] ?? '')].map((cell) => stringWidth(cell))),
  );
  const widths =
    options.width === null ? natural : fit(natural, options.width - GAP.length * (headings.length - 1));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => pad(cut(cell, widths[i] ?? 0), widths[i] ?? 0))
      .join(GAP)
      .trimEnd();
  return [options.paint.bold(line(headings)), ...cells.map(line)];
}

function fit(natural: readonly number[], room: number): number[] {
  const widths = [...natural];
  for (let over = sum(widths) - room; over > 0; over -= 1) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= 4) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = '';
  for (const character of text) {
    if (stringWidth(kept + character) > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stringWidth(text)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
