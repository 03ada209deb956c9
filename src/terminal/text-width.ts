/** Text whose characters take one column each: nearly everything that is shown. */

/** How text is measured; what is not plain needs more to know than is loaded for every table. */
export interface Measure {
  /** Columns that a text takes on a terminal. */
  widthOf(text: string): number;
  /** The longest beginning of a text that takes no more than `room` columns. */
  head(text: string, room: number): string;
}

/** ASCII, and the program's own marks, one column each. */
const PLAIN_TEXT = /^[ -~…●○✗]*$/;

/** Whether each of its characters takes one column. */
export function isPlain(text: string): boolean {
  return PLAIN_TEXT.test(text);
}

export const PLAIN_MEASURE: Measure = {
  widthOf: (text) => text.length,
  head: (text, room) => text.slice(0, room),
};
