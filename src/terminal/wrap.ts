/** Text broken into lines, between words. */
import type { Output } from './output.ts';
import { isPlain } from './text-width.ts';
import { repeated, type Safe, say } from './visible.ts';

const COLORS = /\u001b\[\d+m/g;

/** Lines of at most `width` columns, broken within a word only where it is longer than a line; null: one line. */
export async function wrapped(text: Safe, width: number | null): Promise<Safe[]> {
  if (width === null || columnsOf(text) <= width) return [text];
  const words = text.split(' ') as Safe[];
  if (words.some((word) => columnsOf(word) > width)) {
    // Loaded only where it is needed: what it knows about characters takes 15 ms to read.
    const { default: wrapAnsi } = await import('wrap-ansi');
    return wrapAnsi(text, width, { hard: true }).split('\n') as Safe[];
  }
  const lines: Safe[] = [];
  for (const word of words) {
    const line = say`${lines.at(-1) ?? say``} ${word}`;
    if (lines.length > 0 && columnsOf(line) <= width) lines[lines.length - 1] = line;
    else lines.push(word);
  }
  return lines;
}

/** Columns of a text that may be colored; infinite where that takes more than counting. */
function columnsOf(text: string): number {
  const plain = text.replace(COLORS, '');
  return isPlain(plain) ? plain.length : Number.POSITIVE_INFINITY;
}

/** Text behind `first`; where it goes on, its lines begin `indent` columns from the left as well. */
export async function hanging(
  first: Safe,
  text: Safe,
  indent: number,
  width: number | null,
): Promise<Safe[]> {
  const lines = await wrapped(text, width === null ? null : width - indent);
  const blank = repeated(say` `, indent);
  return lines.map((line, i) =>
    i === 0 ? say`${first}${repeated(say` `, indent - columnsOf(first))}${line}` : say`${blank}${line}`,
  );
}

/** With fewer columns a name has a line of its own. */
export const ROOMY = 50;

/** A name and what is said of it: beside it, or below it where a word would not fit. `label` is the name as it is printed. */
export async function fieldLines(
  label: Safe,
  value: Safe,
  beside: number,
  width: number | null,
): Promise<Safe[]> {
  const room = width ?? Number.POSITIVE_INFINITY;
  const fits = (word: string): boolean => columnsOf(word) <= room - beside;
  if (room < ROOMY || !value.split(' ').every(fits))
    return [label, ...(await hanging(say``, value, 2, width))];
  return await hanging(label, value, beside, width);
}

/** Prints text as part of the result, fitted to the terminal. */
export async function printText(output: Output, text: Safe): Promise<void> {
  for (const line of await wrapped(text, output.width)) output.line(line);
}
