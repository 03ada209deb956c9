/** How wide text is on a terminal. */

/** Of text, as terminals show it. */
export interface Measure {
  widthOf(text: string): number;
  /** The longest beginning of a text that takes no more than `room` columns. */
  head(text: string, room: number): string;
}

/** ASCII, and the program's own marks, one column each. */
const PLAIN_TEXT = /^[ -~…●○✓✗•]*$/;

/** Whether each of its characters takes one column, as in nearly everything that is shown. */
export function isPlain(text: string): boolean {
  return PLAIN_TEXT.test(text);
}

/** Measures plain text. */
export const PLAIN_MEASURE: Measure = {
  widthOf: (text) => text.length,
  head: (text, room) => text.slice(0, room),
};

/** Measures any text. Asked for only where there is one to measure: what it needs to know takes 15 ms to load. */
export async function anyMeasure(): Promise<Measure> {
  const { default: stringWidth } = await import('string-width');
  // A column repeats itself: the few texts that take long to measure are measured once.
  const measured = new Map<string, number>();
  const widthOf = (text: string): number => {
    if (isPlain(text)) return text.length;
    const width = measured.get(text) ?? stringWidth(text);
    if (measured.size < 1000) measured.set(text, width);
    return width;
  };
  // What a reader takes for one character is kept or dropped as a whole, such as an emoji of several.
  const characters = new Intl.Segmenter('en', { granularity: 'grapheme' });
  const head = (text: string, room: number): string => {
    if (isPlain(text)) return text.slice(0, room);
    let kept = '';
    for (const { segment } of characters.segment(text)) {
      if (widthOf(kept + segment) > room) break;
      kept += segment;
    }
    return kept;
  };
  return { widthOf, head };
}
