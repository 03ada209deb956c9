/** Charts for a terminal: pure functions from values to text, with and without Unicode. */
import { repeated, type Safe, say } from './visible.ts';

const RISING = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/**
 * Two parts in one bar of whole cells, told apart without color. Both can be seen where they are not 0, and
 * together they are no longer than `width`.
 */
export function splitBar(
  [first, second]: readonly [number, number],
  most: number,
  width: number,
  unicode: boolean,
): readonly [Safe, Safe] {
  const cells = (value: number): number =>
    value <= 0 || most <= 0 ? 0 : Math.max(1, Math.round((value / most) * width));
  const right = Math.min(cells(second), width);
  const left = Math.min(cells(first), width - right);
  const marks = splitMarks(unicode);
  return [repeated(marks[0], left), repeated(marks[1], right)];
}

/** The two marks of `splitBar`, for a legend. */
export function splitMarks(unicode: boolean): readonly [Safe, Safe] {
  return unicode ? [say`█`, say`▒`] : [say`#`, say`x`];
}

/** A curve over time as `height` lines, the highest first; one value a cell. */
export function areaLines(values: readonly number[], height: number, unicode: boolean): Safe[] {
  const most = Math.max(...values, 1);
  return Array.from({ length: height }, (_, i) => {
    const floor = height - 1 - i;
    return values
      .map((value) => areaCell((value / most) * height - floor, floor, value, unicode))
      .join('') as Safe;
  });
}

function areaCell(filled: number, floor: number, value: number, unicode: boolean): string {
  const eighths = Math.round(Math.min(1, Math.max(0, filled)) * 8);
  const seen = value > 0 && floor === 0 ? Math.max(1, eighths) : eighths;
  if (unicode) return RISING[seen] ?? ' ';
  return seen === 0 ? ' ' : seen <= 2 ? '.' : seen <= 5 ? ':' : '#';
}

/** `values` brought to `cells` of them, each the most of those it stands for. */
export function condense(values: readonly number[], cells: number): number[] {
  if (values.length <= cells) return [...values];
  return Array.from({ length: cells }, (_, i) => {
    const from = Math.floor((i * values.length) / cells);
    const until = Math.max(from + 1, Math.floor(((i + 1) * values.length) / cells));
    return Math.max(...values.slice(from, until));
  });
}
