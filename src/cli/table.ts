/** Rows in columns: fitted to a terminal, whole when they go to a file or a pipe. */
import stringWidth from 'string-width';
import { type Paint, visible } from './output.ts';

interface TableOptions {
  /** Columns of the terminal; null: nothing is cut. */
  readonly width: number | null;
  readonly paint: Paint;
  /** False: what is cut ends in "..", for terminals that have only ASCII. */
  readonly unicode?: boolean;
  /** Columns of numbers, which end under one another. */
  readonly right?: ReadonlySet<number>;
  /** Colours a cell that has its width already. */
  readonly style?: (cell: string, column: number, row: number) => string;
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
  const cells = rows.map((row) => row.map((cell) => (isPlain(cell) ? cell : visible(cell))));
  const natural = headings.map((heading, i) =>
    cells.reduce((widest, row) => Math.max(widest, widthOf(row[i] ?? '')), widthOf(heading)),
  );
  const widths =
    options.width === null ? natural : fit(natural, options.width - GAP.length * (headings.length - 1));
  const { right, unicode = true, style } = options;
  const fitted = (row: readonly string[]): string[] =>
    row.map((cell, i) => pad(cut(cell, widths[i] ?? 0, unicode), widths[i] ?? 0, right?.has(i) === true));
  const heading = options.paint.bold(fitted(headings).join(GAP).trimEnd());
  const lines = cells.map((row, number) => {
    const padded = fitted(row);
    const last = row.findLastIndex((cell) => cell !== '');
    const shown = [...padded.slice(0, last), (padded[last] ?? '').trimEnd()];
    return shown.map((cell, column) => style?.(cell, column, number) ?? cell).join(GAP);
  });
  return [heading, ...lines];
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

function cut(text: string, width: number, unicode: boolean): string {
  if (widthOf(text) <= width) return text;
  const mark = unicode ? '…' : '..';
  let kept = '';
  for (const { segment } of CHARACTERS.segment(text)) {
    if (widthOf(kept + segment) > width - mark.length) break;
    kept += segment;
  }
  return kept + mark;
}

function pad(text: string, width: number, right: boolean): string {
  const blank = ' '.repeat(Math.max(0, width - widthOf(text)));
  return right ? blank + text : text + blank;
}

/** Most cells are plain ASCII, for which there is nothing to look up. */
function isPlain(text: string): boolean {
  return /^[ -~]*$/.test(text);
}

/** A column repeats itself: the few texts that take long to measure are measured once. */
const measured = new Map<string, number>();

function widthOf(text: string): number {
  if (isPlain(text)) return text.length;
  const known = measured.get(text);
  if (known !== undefined) return known;
  const width = stringWidth(text);
  if (measured.size < 1000) measured.set(text, width);
  return width;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
