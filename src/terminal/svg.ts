/** Charts as inline SVG: coloured by the page's style sheet, told apart without colour, readable aloud. */
import { html, type Markup } from './html.ts';

export interface Bar {
  readonly label: string;
  /** From the bottom, or the left; the second part is hatched: red of what failed, amber of what is rare. */
  readonly parts: readonly [number, number];
  /** Read aloud, and shown when the bar is pointed at. */
  readonly says: string;
}

interface Described {
  /** Unique in the page. */
  readonly id: string;
  readonly title: string;
  readonly description: string;
}

const WIDTH = 760;
const LEFT = 58;

/** Upright bars, one for each step of time. */
export function columns(chart: Described, bars: readonly Bar[]): Markup {
  const height = 220;
  const floor = height - 26;
  const most = Math.max(1, ...bars.map(({ parts }) => parts[0] + parts[1]));
  const step = (WIDTH - LEFT) / Math.max(1, bars.length);
  const wide = Math.max(1, Math.min(46, step * 0.78));
  const every = Math.ceil(bars.length / 12);
  const drawn = bars.map(({ label, parts, says }, i) => {
    const x = LEFT + step * i + (step - wide) / 2;
    const first = ((floor - 12) * parts[0]) / most;
    const second = ((floor - 12) * parts[1]) / most;
    const text =
      i % every === 0
        ? html`<text x="${at(x + wide / 2)}" y="${height - 8}" class="mid">${label}</text>`
        : null;
    return html`<g><title>${says}</title><rect class="hit" x="${at(LEFT + step * i)}" y="0" width="${at(step)}" height="${floor}"/>${box('good', x, floor - first, wide, first)}${box('bad', x, floor - first - second, wide, second)}</g>${text}`;
  });
  return frame(chart, height, html`${scale(most, floor)}${drawn}`);
}

/** Lying bars, one for each name. */
export function rows(chart: Described, bars: readonly Bar[]): Markup {
  const line = 30;
  const height = bars.length * line + 6;
  const names = 150;
  const figures = 150;
  const most = Math.max(1, ...bars.map(({ parts }) => parts[0] + parts[1]));
  const room = WIDTH - names - figures;
  const drawn = bars.map(({ label, parts, says }, i) => {
    const y = i * line + 6;
    const first = (room * parts[0]) / most;
    const second = (room * parts[1]) / most;
    return html`<g><title>${label}: ${says}</title><text x="${names - 10}" y="${y + 15}" class="end">${label}</text>${box('good', names, y, first, 20)}${box('rare', names + first, y, second, 20)}<text x="${at(names + first + second + 8)}" y="${y + 15}">${says}</text></g>`;
  });
  return frame(chart, height, html`${drawn}`);
}

/** A curve over time; `ends` name its first and its last moment. */
export function area(chart: Described, values: readonly number[], ends: readonly [string, string]): Markup {
  const height = 180;
  const floor = height - 26;
  const most = Math.max(1, ...values);
  const step = (WIDTH - LEFT) / Math.max(1, values.length);
  // Each value holds for its hour: steps, and no slopes that nobody has measured.
  const points = values.map((value, i) => {
    const y = at(floor - ((floor - 12) * value) / most);
    return `V${y}H${at(LEFT + step * (i + 1))}`;
  });
  const path = `M${LEFT} ${floor}${points.join('')}V${floor}Z`;
  return frame(
    chart,
    height,
    html`${scale(most, floor)}<path class="area" d="${{ markup: path }}"/><text x="${LEFT}" y="${height - 8}">${ends[0]}</text><text x="${WIDTH}" y="${height - 8}" class="end">${ends[1]}</text>`,
  );
}

function frame({ id, title, description }: Described, height: number, content: Markup): Markup {
  const kind = content.markup.includes('class="rare"') ? 'rare' : 'bad';
  return html`<div class="chart" tabindex="0" role="group" aria-label="${title}, chart"><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="${id}-title ${id}-description"><title id="${id}-title">${title}</title><desc id="${id}-description">${description}</desc><defs><pattern id="${id}-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="${kind}-ground" width="6" height="6"/><rect class="${kind}-line" width="3" height="6"/></pattern></defs>${hatched(content, kind, id)}</svg></div>`;
}

/** The hatch is defined in each drawing, under its own id. */
function hatched({ markup }: Markup, kind: string, id: string): Markup {
  return { markup: markup.replaceAll(`class="${kind}"`, `class="${kind}" fill="url(#${id}-hatch)"`) };
}

function scale(most: number, floor: number): Markup {
  return html`<line class="axis" x1="${LEFT}" y1="${floor}" x2="${WIDTH}" y2="${floor}"/><line class="grid" x1="${LEFT}" y1="12" x2="${WIDTH}" y2="12"/><text x="${LEFT - 8}" y="16" class="end">${most.toLocaleString('en')}</text><text x="${LEFT - 8}" y="${floor + 4}" class="end">0</text>`;
}

function box(
  kind: 'good' | 'bad' | 'rare',
  x: number,
  y: number,
  width: number,
  height: number,
): Markup | null {
  if (width <= 0 || height <= 0) return null;
  return html`<rect class="${kind}" x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}"/>`;
}

function at(number: number): string {
  return String(Math.round(number * 10) / 10);
}
