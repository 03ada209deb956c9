/** Figures as inline SVG: colored by the page's style sheet, told apart without color, readable aloud. */
import type { Figure } from './figure.ts';
import { html, type Markup } from './html.ts';

const WIDTH = 760;
const LEFT = 58;

/** Draws a figure that has something to draw. */
export function drawSvg(figure: Figure): Markup {
  return { rows, columns, curve }[figure.shape](figure);
}

function columns(figure: Figure): Markup {
  const { bars } = figure;
  const height = 220;
  const floor = height - 26;
  const max = Math.max(1, ...bars.map(({ parts }) => parts[0] + parts[1]));
  const step = (WIDTH - LEFT) / Math.max(1, bars.length);
  const barWidth = Math.max(1, Math.min(46, step * 0.78));
  const every = Math.ceil(bars.length / 12);
  const drawn = bars.map(({ label, parts, says }, i) => {
    const x = LEFT + step * i + (step - barWidth) / 2;
    const first = ((floor - 12) * parts[0]) / max;
    const second = ((floor - 12) * parts[1]) / max;
    const text =
      i % every === 0
        ? html`<text x="${at(x + barWidth / 2)}" y="${height - 8}" class="mid">${label}</text>`
        : null;
    return html`<g><title>${label}: ${says}</title><rect class="hit" x="${at(LEFT + step * i)}" y="0" width="${at(step)}" height="${floor}"/>${twoBoxes(figure, [x, floor - first, barWidth, first], [x, floor - first - second, barWidth, second])}</g>${text}`;
  });
  return frame(figure, height, html`${scale(max, floor)}${drawn}`);
}

function rows(figure: Figure): Markup {
  const { bars } = figure;
  const line = 30;
  const height = bars.length * line + 6;
  const names = 150;
  const numbers = 190;
  const max = Math.max(1, ...bars.map(({ parts }) => parts[0] + parts[1]));
  const room = WIDTH - names - numbers;
  const drawn = bars.map(({ label, parts, says }, i) => {
    const y = i * line + 6;
    const first = (room * parts[0]) / max;
    const second = (room * parts[1]) / max;
    return html`<g><title>${label}: ${says}</title><text x="${names - 10}" y="${y + 15}" class="end">${label}</text>${twoBoxes(figure, [names, y, first, 20], [names + first, y, second, 20])}<text x="${at(names + first + second + 8)}" y="${y + 15}">${says}</text></g>`;
  });
  return frame(figure, height, html`${drawn}`);
}

function curve(figure: Figure): Markup {
  const values = figure.bars.map(({ parts }) => parts[0]);
  const height = 180;
  const floor = height - 26;
  const max = Math.max(1, ...values);
  const step = (WIDTH - LEFT) / Math.max(1, values.length);
  // Each value holds for its hour: steps, not slopes that were never measured.
  const points = values.map((value, i) => {
    const y = at(floor - ((floor - 12) * value) / max);
    return `V${y}H${at(LEFT + step * (i + 1))}`;
  });
  const path = `M${LEFT} ${floor}${points.join('')}V${floor}Z`;
  return frame(
    figure,
    height,
    html`${scale(max, floor)}<path class="area" d="${{ markup: path }}"/><text x="${LEFT}" y="${height - 8}">${figure.bars[0]?.label ?? ''}</text><text x="${WIDTH}" y="${height - 8}" class="end">${figure.bars.at(-1)?.label ?? ''}</text>`,
  );
}

function frame({ id, title, summary, legend }: Figure, height: number, content: Markup): Markup {
  const kind = legend?.second ?? 'rare';
  return html`<div class="chart" tabindex="0" role="group" aria-label="${title}, chart"><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="${id}-title ${id}-description"><title id="${id}-title">${title}</title><desc id="${id}-description">${summary}</desc><defs><pattern id="${id}-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="${kind}-ground" width="6" height="6"/><rect class="${kind}-line" width="3" height="6"/></pattern></defs>${content}</svg></div>`;
}

function scale(max: number, floor: number): Markup {
  return html`<line class="axis" x1="${LEFT}" y1="${floor}" x2="${WIDTH}" y2="${floor}"/><line class="grid" x1="${LEFT}" y1="12" x2="${WIDTH}" y2="12"/><text x="${LEFT - 8}" y="16" class="end">${max.toLocaleString('en')}</text><text x="${LEFT - 8}" y="${floor + 4}" class="end">0</text>`;
}

/** The two parts of a bar. The hatch of the second is defined in each drawing, under its own id. */
function twoBoxes({ id, legend }: Figure, first: Box, second: Box): Markup {
  const hatch = html`class="${legend?.second ?? 'rare'}" fill="url(#${id}-hatch)"`;
  return html`${box(html`class="good"`, first)}${box(hatch, second)}`;
}

type Box = readonly [x: number, y: number, width: number, height: number];

function box(look: Markup, [x, y, width, height]: Box): Markup | null {
  if (width <= 0 || height <= 0) return null;
  return html`<rect ${look} x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}"/>`;
}

function at(number: number): string {
  return String(Math.round(number * 10) / 10);
}
