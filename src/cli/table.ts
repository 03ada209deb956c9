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
    cells.reduce((widest, row) => Math.max(widest, stringWidth(row[i] ?? '')), stringWidth(heading)),
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

const NARROWEST = 4;

/** The widest columns are cut to one width, the greatest at which all fit. */
function fit(natural: readonly number[], room: number): number[] {
  let limit = Math.max(...natural);
  const fitted = (): number[] => natural.map((width) => Math.min(width, limit));
  while (limit > NARROWEST && sum(fitted()) > room) limit -= 1;
  return fitted();
}

/** What a reader takes for one character is kept or dropped as a whole, such as an emoji of several. */
const CHARACTERS = new Intl.Segmenter('en', { granularity: 'grapheme' });

function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = '';
  for (const { segment } of CHARACTERS.segment(text)) {
    if (stringWidth(kept + segment) > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stringWidth(text)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
