/** Cells of a row: brought to the widths of their columns, and made safe to print. */

import { isPlain, type Measure, PLAIN_MEASURE } from './text-width.ts';
import { repeated, type Safe, say, visible } from './visible.ts';

/** The simplest measure that is right for all of these texts. */
export async function measureOf(texts: readonly string[]): Promise<Measure> {
  return texts.every(isPlain) ? PLAIN_MEASURE : (await import('./any-text.ts')).MEASURE;
}

const GAP = say`  `;

export interface RowLayout {
  /** Of each column; a column of no width is left out. */
  readonly widths: readonly number[];
  readonly measure: Measure;
  /** Columns of numbers, which end under one another. */
  readonly right?: ReadonlySet<number>;
  /** False: what is cut ends in "..", for terminals that have only ASCII. */
  readonly unicode: boolean;
}

/** One line of a table. `style` colours a cell that has its width already. */
export function rowLine(
  cells: readonly Safe[],
  { widths, measure, right, unicode }: RowLayout,
  style?: (cell: Safe, column: number) => Safe,
): Safe {
  const last = cells.findLastIndex((cell, i) => cell !== '' && widths[i] !== 0);
  let line = say``;
  for (let i = 0; i <= last; i += 1) {
    const width = widths[i] ?? 0;
    if (width === 0) continue;
    const text = cut(cells[i] ?? say``, width, unicode, measure);
    const blank = repeated(say` `, width - measure.widthOf(text));
    const fitted = right?.has(i) === true ? say`${blank}${text}` : i === last ? text : say`${text}${blank}`;
    line = say`${line}${line === '' ? say`` : GAP}${style?.(fitted, i) ?? fitted}`;
  }
  return line;
}

/** A cell in which control characters and invisible ones are shown escaped. */
export function safeCell(cell: string): Safe {
  return isPlain(cell) ? (cell as Safe) : visible(cell);
}

function cut(text: Safe, width: number, unicode: boolean, measure: Measure): Safe {
  if (measure.widthOf(text) <= width) return text;
  const mark = unicode ? say`…` : say`..`;
  // The beginning of safe text is safe.
  return (measure.head(text, Math.max(0, width - mark.length)) + mark.slice(0, width)) as Safe;
}

/** A column's natural width, and how a narrow terminal may treat it. */
export interface Column {
  readonly width: number;
  /** Minimum width; below it the column is dropped. Columns without a minimum are never dropped. */
  readonly least?: number;
}

const NARROWEST = 4;

/**
 * Widths that fit `room` columns: the widest column gives way first, to its least; then the last one that has a
 * least is left out, and so on; at the end all that remain are cut to one width.
 */
export function fitColumns(columns: readonly Column[], room: number): number[] {
  const natural = columns.map(({ width }) => width);
  for (;;) {
    const shown = natural.filter((width) => width > 0).length;
    const inside = room - GAP.length * (shown - 1);
    const fitted = lowered(natural, inside, (i) => columns[i]?.least ?? natural[i] ?? 0);
    if (sum(fitted) <= inside) return fitted;
    const victim = columns.findLastIndex(({ least }, i) => least !== undefined && (natural[i] ?? 0) > 0);
    if (victim < 0) return lowered(natural, inside, () => NARROWEST);
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
