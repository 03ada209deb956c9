/** Rows in columns: fitted to a terminal, whole when they go to a file or a pipe. */
import stringWidth from 'string-width';
import { fitColumns, isPlain, type Measure, rowLine, safeCell } from './cells.ts';
import type { Paint } from './output.ts';

interface TableOptions {
  /** Columns of the terminal; null: nothing is cut. */
  readonly width: number | null;
  readonly paint: Paint;
  /** False: what is cut ends in "..", for terminals that have only ASCII. */
  readonly unicode?: boolean;
  /** Columns of numbers, which end under one another. */
  readonly right?: ReadonlySet<number>;
}

/**
 * Lines of a table. Where it is too wide, the widest column gives way first, and what is cut ends in "…"; on a
 * very narrow terminal each row is a few lines, one for each of its cells. Cells are made safe to print.
 */
export function tableLines(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  { width, paint, unicode = true, right }: TableOptions,
): string[] {
  const cells = rows.map((row) => row.map(safeCell));
  const natural = headings.map((heading, i) =>
    cells.reduce((widest, row) => Math.max(widest, widthOf(row[i] ?? '')), widthOf(heading)),
  );
  if (width !== null && width < headings.length * LEGIBLE)
    return stacked(headings, cells, { width, paint, unicode });
  const widths =
    width === null
      ? natural
      : fitColumns(
          natural.map((column) => ({ width: column })),
          width,
        );
  const layout = { widths, measure: MEASURE, unicode, ...(right === undefined ? {} : { right }) };
  return [paint.bold(rowLine(headings, layout)), ...cells.map((row) => rowLine(row, layout))];
}

/** A column with less room than this, its gap included, says nothing any more. */
const LEGIBLE = 8;

function stacked(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  { width, paint, unicode }: { width: number; paint: Paint; unicode: boolean },
): string[] {
  const wide = Math.min(Math.max(...headings.map(widthOf)), Math.floor(width / 2) - 2);
  const label = { widths: [wide], measure: MEASURE, unicode };
  const value = { widths: [width - wide - 2], measure: MEASURE, unicode };
  const lines = rows.map((row) =>
    row.flatMap((cell, i) => {
      if (cell === '') return [];
      const name = rowLine([headings[i] ?? ''], label);
      return [`${paint.bold(name)}${' '.repeat(wide + 2 - widthOf(name))}${rowLine([cell], value)}`];
    }),
  );
  return lines.flatMap((part, i) => (i === 0 ? part : ['', ...part]));
}

/** What a reader takes for one character is kept or dropped as a whole, such as an emoji of several. */
const CHARACTERS = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Measures any text. */
export const MEASURE: Measure = { widthOf, head };

function head(text: string, room: number): string {
  if (isPlain(text)) return text.slice(0, room);
  let kept = '';
  for (const { segment } of CHARACTERS.segment(text)) {
    if (widthOf(kept + segment) > room) break;
    kept += segment;
  }
  return kept;
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
