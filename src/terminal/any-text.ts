/** How wide any text is. Read only where there is one to measure: what it needs to know takes 15 ms to load. */
import stringWidth from 'string-width';
import { isPlain, type Measure } from './text-width.ts';

/** What a reader takes for one character is kept or dropped as a whole, such as an emoji of several. */
const CHARACTERS = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Measures any text, as terminals show it. */
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
