/** A figure: numbers with a title and one sentence, to be drawn as lines of text here and as SVG in `svg.ts`. */
import { areaLines, condense, splitBar, splitMarks } from './chart.ts';
import type { Paint } from './output.ts';
import { joined, repeated, type Safe, say, visible } from './visible.ts';
import { ROOMY, wrapped } from './wrap.ts';

interface Bar {
  readonly label: string;
  /** The second part is told apart from the first without color. */
  readonly parts: readonly [number, number];
  /** The numbers in words, shown beside the bar. */
  readonly says: string;
}

export interface Figure {
  /** Unique on a page. */
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  /** Lying bars for names; upright bars, or a curve, for steps of time. */
  readonly shape: 'rows' | 'columns' | 'curve';
  /** None: there is nothing to draw. */
  readonly bars: readonly Bar[];
  /** What the two parts of a bar are, and whether the second is a failure or only rare. */
  readonly legend: { readonly names: readonly [string, string]; readonly second: 'failed' | 'rare' } | null;
}

export interface FigureStyle {
  readonly width: number;
  readonly unicode: boolean;
  readonly paint: Paint;
}

/** More steps of time than this have no line each. */
const MAX_BARS = 31;
const AREA_ROWS = 5;

/** The figure as lines of text, none wider than the terminal. */
export async function figureLines(figure: Figure, style: FigureStyle): Promise<Safe[]> {
  const { title, summary, shape, bars, legend } = figure;
  const { paint, width } = style;
  const summaries = await wrapped(visible(summary), width);
  const lines = [paint.bold(visible(title)), ...summaries.map((line) => paint.dim(line))];
  if (bars.length === 0) return lines;
  if (shape === 'curve' || (shape === 'columns' && bars.length > MAX_BARS))
    return [...lines, ...curveLines(bars, style)];
  const second = legend?.second === 'failed' ? paint.red : paint.yellow;
  return [...lines, ...(await barLines(bars, second, style)), ...legendLines(legend, second, style)];
}

type Color = Paint['red'];

async function barLines(bars: readonly Bar[], second: Color, style: FigureStyle): Promise<Safe[]> {
  const { paint, unicode, width } = style;
  const max = Math.max(...bars.map(({ parts }) => parts[0] + parts[1]));
  const labelWidth = Math.max(...bars.map(({ label }) => label.length));
  const saysWidth = Math.max(...bars.map(({ says }) => says.length));
  const besideBar = width - labelWidth - saysWidth - 4;
  const isBeside = width >= ROOMY && besideBar >= 10;
  const lines: Safe[] = [];
  for (const { label, parts, says } of bars) {
    const room = isBeside ? besideBar : width;
    const [left, right] = splitBar(parts, max, room, unicode);
    const bar = say`${paint.green(left)}${second(right)}`;
    const blank = repeated(say` `, room - left.length - right.length);
    const [name, numbers] = [visible(label.padStart(labelWidth)), visible(says)];
    if (isBeside) lines.push(say`${name}  ${bar}${blank}  ${numbers}`);
    else lines.push(...(await wrapped(say`${visible(label)}  ${numbers}`, width)), bar);
  }
  return lines;
}

function legendLines(legend: Figure['legend'], color: Color, { paint, unicode, width }: FigureStyle): Safe[] {
  if (legend === null) return [];
  const [first, second] = splitMarks(unicode);
  const parts = [
    say`${paint.green(first)} ${visible(legend.names[0])}`,
    say`${color(second)} ${visible(legend.names[1])}`,
  ];
  return width >= ROOMY ? [joined(parts, say`  `)] : parts;
}

/** A curve with its scale and the two ends of its time. */
function curveLines(bars: readonly Bar[], { paint, unicode, width }: FigureStyle): Safe[] {
  const values = bars.map(({ parts }) => parts[0] + parts[1]);
  const [from = '', until = ''] = [bars[0]?.label, bars.at(-1)?.label];
  const max = Math.max(...values, 1);
  const scale = String(max).length;
  const cells = condense(values, width - scale - 3);
  const [wall, corner, floor] = unicode ? [say`│`, say`└`, say`─`] : [say`|`, say`+`, say`-`];
  const lines = areaLines(cells, AREA_ROWS, unicode).map((line, i) => {
    const label = i === 0 ? String(max) : '';
    return say`${visible(label.padStart(scale))} ${wall}${paint.cyan(line)}`;
  });
  const gap = cells.length - from.length - until.length;
  const ends = gap > 0 ? `${from}${' '.repeat(gap)}${until}` : from;
  return [
    ...lines,
    say`${visible('0'.padStart(scale))} ${corner}${repeated(floor, cells.length)}`,
    say`${repeated(say` `, scale + 2)}${paint.dim(visible(ends))}`,
  ];
}
