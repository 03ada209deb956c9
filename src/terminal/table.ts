/** Rows in columns: fitted to a terminal, whole when they go to a file or a pipe. */
import { fitColumns, measureOf, rowLine, safeCell } from './cells.ts';
import type { Paint } from './output.ts';
import type { Measure } from './text-width.ts';
import { repeated, type Safe, say } from './visible.ts';

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
 * very narrow terminal each row is a few lines, one for each of its cells. Cells are made safe to print; headings
 * are ours, and plain.
 */
export async function tableLines(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  { width, paint, unicode = true, right }: TableOptions,
): Promise<Safe[]> {
  const cells = rows.map((row) => row.map(safeCell));
  const measure = await measureOf(cells.flat());
  const natural = headings.map((heading, i) =>
    cells.reduce((widest, row) => Math.max(widest, measure.widthOf(row[i] ?? '')), heading.length),
  );
  if (width !== null && width < headings.length * LEGIBLE)
    return stacked(headings.map(safeCell), cells, { width, paint, unicode, measure });
  const widths =
    width === null
      ? natural
      : fitColumns(
          natural.map((column) => ({ width: column })),
          width,
        );
  const layout = { widths, measure, unicode, ...(right === undefined ? {} : { right }) };
  return [paint.bold(rowLine(headings.map(safeCell), layout)), ...cells.map((row) => rowLine(row, layout))];
}

/** A column with less room than this, its gap included, says nothing any more. */
const LEGIBLE = 8;

function stacked(
  headings: readonly Safe[],
  rows: readonly (readonly Safe[])[],
  { width, paint, unicode, measure }: { width: number; paint: Paint; unicode: boolean; measure: Measure },
): Safe[] {
  const wide = Math.min(Math.max(...headings.map(({ length }) => length)), Math.floor(width / 2) - 2);
  const label = { widths: [wide], measure, unicode };
  const value = { widths: [width - wide - 2], measure, unicode };
  const lines = rows.map((row) =>
    row.flatMap((cell, i) => {
      if (cell === '') return [];
      const name = rowLine([headings[i] ?? say``], label);
      return [say`${paint.bold(name)}${repeated(say` `, wide + 2 - name.length)}${rowLine([cell], value)}`];
    }),
  );
  return lines.flatMap((part, i) => (i === 0 ? part : [say``, ...part]));
}
