/** Rows in columns: fitted to a terminal, whole when they go to a file or a pipe. */
import type { Output, Paint } from './output.ts';
import { anyMeasure, isPlain, type Measure, PLAIN_MEASURE } from './text-width.ts';
import { joined, repeated, type Safe, say, visible } from './visible.ts';

/** A heading is ours, and plain. */
export interface Column {
  readonly heading: string;
  /** Of numbers, which end under one another. */
  readonly right?: true;
  /** Where it would have less room than this it is left out, and where none of its cells says anything. */
  readonly least?: number;
  /** Its cells, ids to copy, are not cut: other columns give way, and then each row is shown as lines. */
  readonly whole?: true;
  /** Colors a cell of the row `row`, which has its width already. */
  readonly style?: (cell: Safe, row: number) => Safe;
}

interface Look {
  /** Columns of the terminal; null: nothing is cut. */
  readonly width: number | null;
  readonly paint: Paint;
  /** False: what is cut ends in "..", for terminals that have only ASCII. */
  readonly unicode: boolean;
}

type Rows = readonly (readonly string[])[];

/** Prints a table as part of the result. A column that needs no more is named by its heading alone. */
export async function printTable(
  output: Output,
  columns: readonly (Column | string)[],
  rows: Rows,
): Promise<void> {
  const { width, unicode } = output;
  const lines = await tableLines(columns, rows, { width, unicode, paint: await output.paint('stdout') });
  output.line(joined(lines, say`\n`));
}

/** With less room than this for each column, its gap included, a row is shown as lines. */
const LEGIBLE = 8;

/**
 * Lines of a table. Where it is too wide, the widest column gives way first, and what is cut ends in "…"; on a
 * very narrow terminal each row is a few lines, one for each of its cells. Cells are made safe to print.
 */
export async function tableLines(
  named: readonly (Column | string)[],
  rows: Rows,
  look: Look,
): Promise<Safe[]> {
  const { width, paint } = look;
  const columns = named.map((column): Column => (typeof column === 'string' ? { heading: column } : column));
  const headings = columns.map(({ heading }) => heading as Safe);
  const cells = rows.map((row) => row.map((cell) => (isPlain(cell) ? (cell as Safe) : visible(cell))));
  const isAllPlain = cells.every((row) => row.every(isPlain));
  const measure = isAllPlain ? PLAIN_MEASURE : await anyMeasure();
  const natural = columns.map(({ heading, least }, i) => {
    const widest = cells.reduce((max, row) => Math.max(max, measure.widthOf(row[i] ?? '')), 0);
    return widest === 0 && least !== undefined ? 0 : Math.max(widest, heading.length);
  });
  let widths: readonly number[] = natural;
  if (width !== null) {
    const fitted = fitColumns(columns, natural, width);
    if (fitted === undefined) return stacked(headings, cells, { ...look, width, measure });
    widths = fitted;
  }
  const shown = { columns, widths, measure, unicode: look.unicode };
  return [paint.bold(rowLine(headings, shown)), ...cells.map((row, i) => rowLine(row, shown, i))];
}

interface Shown {
  readonly columns: readonly Column[];
  /** A column of no width is left out. */
  readonly widths: readonly number[];
  readonly measure: Measure;
  readonly unicode: boolean;
}

const GAP = say`  `;

function rowLine(cells: readonly Safe[], { columns, widths, measure, unicode }: Shown, row?: number): Safe {
  const last = cells.findLastIndex((cell, i) => cell !== '' && widths[i] !== 0);
  const parts = cells.slice(0, last + 1).flatMap((cell, i) => {
    const width = widths[i] ?? 0;
    if (width === 0) return [];
    const text = cut(cell, width, unicode, measure);
    const blank = repeated(say` `, width - measure.widthOf(text));
    const fitted = columns[i]?.right ? say`${blank}${text}` : i === last ? text : say`${text}${blank}`;
    return [row === undefined ? fitted : (columns[i]?.style?.(fitted, row) ?? fitted)];
  });
  return joined(parts, GAP);
}

function cut(text: Safe, width: number, unicode: boolean, measure: Measure): Safe {
  if (measure.widthOf(text) <= width) return text;
  const mark = unicode ? say`…` : say`..`;
  // The beginning of safe text is safe.
  return (measure.head(text, Math.max(0, width - mark.length)) + mark.slice(0, width)) as Safe;
}

const NARROWEST = 4;

/**
 * Widths that fit `room` columns: the widest column gives way first, to its least; then the last one that has a
 * least is left out, and so on; at the end all that remain are cut to one width. Undefined where rows must be lines.
 */
function fitColumns(
  columns: readonly Column[],
  wanted: readonly number[],
  room: number,
): number[] | undefined {
  if (room < columns.filter(({ least }) => least === undefined).length * LEGIBLE) return undefined;
  const natural = [...wanted];
  for (;;) {
    const shown = natural.filter((width) => width > 0).length;
    const inside = room - GAP.length * (shown - 1);
    const fitted = lowered(natural, inside, (i) => columns[i]?.least ?? natural[i] ?? 0);
    if (sum(fitted) <= inside) return fitted;
    const victim = columns.findLastIndex(({ least }, i) => least !== undefined && (natural[i] ?? 0) > 0);
    if (victim < 0 && !columns.some(({ whole }) => whole)) return lowered(natural, inside, () => NARROWEST);
    if (victim < 0) {
      // Beside an id that is not cut, no heading is.
      const beside = lowered(natural, inside, (i) =>
        columns[i]?.whole ? (natural[i] ?? 0) : (columns[i]?.heading.length ?? 0),
      );
      return sum(beside) <= inside ? beside : undefined;
    }
    natural[victim] = 0;
  }
}

/** The widest columns are cut to one width, the greatest at which all fit, but none below its `least`. */
function lowered(natural: readonly number[], room: number, least: (column: number) => number): number[] {
  const at = (limit: number): number[] =>
    natural.map((width, i) => Math.min(width, Math.max(limit, Math.min(width, least(i)))));
  let limit = Math.max(...natural);
  while (limit > 1 && sum(at(limit)) > room) limit -= 1;
  return at(limit);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function stacked(
  headings: readonly Safe[],
  rows: readonly (readonly Safe[])[],
  { width, paint, unicode, measure }: Look & { readonly width: number; readonly measure: Measure },
): Safe[] {
  const wide = Math.min(Math.max(...headings.map(({ length }) => length)), Math.floor(width / 2) - 2);
  return rows.flatMap((row, at) => [
    ...(at === 0 ? [] : [say``]),
    ...row.flatMap((cell, i) => {
      if (cell === '') return [];
      const name = cut(headings[i] ?? say``, wide, unicode, measure);
      const value = cut(cell, width - wide - 2, unicode, measure);
      return [say`${paint.bold(name)}${repeated(say` `, wide + 2 - name.length)}${value}`];
    }),
  ]);
}
