/** The pictures of `arcade usage stats`, as lines of text. */
import { areaLines, barOf, condense, splitBar, splitMarks } from '../../terminal/chart.ts';
import { say, visible } from '../../terminal/visible.ts';
import type { DayOfEvents, Stats } from '../../usage/inspect/stats.ts';
import type { ChartStyle } from './stats.ts';
import { counted, limitInWords, shortly, wrapped } from './words.ts';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;
/** More days than this have no line each. */
const DAYS_AS_LINES = 31;

/** One bar a day, what failed at its end; one cell a day where there are many. */
export function eventsADay({ perDay }: Stats, style: ChartStyle): string[] {
  const { paint, unicode, width } = style;
  const total = perDay.reduce((sum, day) => sum + day.succeeded + day.failed, 0);
  const failed = perDay.reduce((sum, day) => sum + day.failed, 0);
  const told = `${counted(total, 'event')} in ${counted(perDay.length, 'day')}, ${failed.toLocaleString('en')} failed`;
  if (total === 0) return [paint.bold(say`Events a day`), '  none'];
  const title = heading('Events a day', told, style);
  if (perDay.length > DAYS_AS_LINES) return [...title, ...overTime(perDay.map(sumOf), style, endsOf(perDay))];
  const [good, bad] = splitMarks(unicode);
  const legend = [`${paint.green(good)} succeeded`, `${paint.red(bad)} failed`];
  const most = Math.max(...perDay.map(sumOf));
  const roomy = width >= ROOMY;
  const room = width - 10 - 2 - 2 - String(most).length - (roomy ? 12 : 0);
  const lines = perDay.map((day) => {
    const [left, right] = splitBar([day.succeeded, day.failed], most, room, unicode);
    const blank = ' '.repeat(Math.max(0, room - left.length - right.length));
    const number = String(sumOf(day)).padStart(String(most).length);
    const aside = day.failed === 0 || !roomy ? '' : paint.red(say`  ${day.failed} failed`);
    return `${dayName(day.day)}  ${paint.green(left)}${paint.red(right)}${blank}  ${number}${aside}`.trimEnd();
  });
  return [...title, ...lines, ...legendLines(legend, 12, style)];
}

/** With fewer columns bars have lines of their own, and less is written beside them. */
const ROOMY = 50;

function heading(name: string, told: string, { paint, width }: ChartStyle): string[] {
  if (name.length + 2 + told.length <= width)
    return [`${paint.bold(visible(name))}  ${paint.dim(visible(told))}`];
  return [paint.bold(visible(name)), ...wrapped(visible(told), width).map((line) => paint.dim(line))];
}

function legendLines(parts: readonly string[], indent: number, { width }: ChartStyle): string[] {
  return width >= ROOMY ? [' '.repeat(indent) + parts.join('  ')] : [...parts];
}

/** A bar for each command: to its median, and from there to what only one in twenty runs exceeds. */
export function slowest({ commands }: Stats, style: ChartStyle): string[] {
  const { paint, unicode, width } = style;
  const timed = commands.filter((command) => command.p95_ms !== null);
  if (timed.length === 0) return [paint.bold(say`Slowest commands`), '  none has been timed'];
  const most = Math.max(...timed.map((command) => command.p95_ms ?? 0));
  const names = timed.map((command) => visible(command.command_name));
  const wide = Math.max(...names.map((name) => name.length));
  const times = timed.map(({ p50_ms, p95_ms }) => `${shortly(p50_ms ?? 0)} / ${shortly(p95_ms ?? 0)}`);
  const wideTimes = Math.max(...times.map((time) => time.length));
  const counts = timed.map(({ measured }) => `of ${measured.toLocaleString('en')}`);
  const roomy = width >= ROOMY;
  const room = roomy ? width - wide - wideTimes - Math.max(...counts.map((text) => text.length)) - 6 : width;
  const lines = timed.flatMap(({ p50_ms, p95_ms }, i) => {
    const name = names[i] ?? '';
    const p50 = p50_ms ?? 0;
    const [left, right] = splitBar([p50, (p95_ms ?? 0) - p50], most, room, unicode);
    const bar = paint.cyan(left) + paint.yellow(right);
    if (!roomy) return [...wrapped(say`${visible(name)}  ${visible(times[i] ?? '')}`, width), bar];
    const blank = ' '.repeat(Math.max(0, room - left.length - right.length));
    return `${name.padEnd(wide)}  ${bar}${blank}  ${(times[i] ?? '').padStart(wideTimes)}  ${paint.dim(visible(counts[i] ?? ''))}`;
  });
  const [median, rare] = splitMarks(unicode);
  const legend = [
    `${paint.cyan(median)} ${roomy ? 'half of the runs (p50)' : 'half (p50)'}`,
    `${paint.yellow(rare)} 95 of 100 (p95)`,
  ];
  return [paint.bold(say`Slowest commands`), ...lines, ...legendLines(legend, wide + 2, style)];
}

/** How many records waited, hour by hour. */
export function queue({ queue: hours, waiting }: Stats, style: ChartStyle): string[] {
  const lengths = hours.map((hour) => hour.most);
  const most = Math.max(0, ...lengths);
  const told = `at most ${most.toLocaleString('en')}, now ${waiting.toLocaleString('en')}`;
  if (most === 0) return [style.paint.bold(say`Records waiting`), '  never any'];
  const ends = [hours[0]?.at ?? 0, hours.at(-1)?.at ?? 0].map((at) => shortDate(new Date(at)));
  return [
    ...heading('Records waiting', told, style),
    ...overTime(lengths, style, [ends[0] ?? '', ends[1] ?? '']),
  ];
}

/** How long it took from the command's end until PostHog had the event. */
export function delivery({ delivery: figures }: Stats, style: ChartStyle): string[] {
  const { paint, unicode, width } = style;
  const { measured, within, p50_ms: p50, p95_ms: p95, longest_ms: longest } = figures;
  if (measured === 0 || p50 === null || p95 === null || longest === null)
    return [paint.bold(say`Delay of delivery`), '  nothing has been delivered'];
  const told = `half within ${shortly(p50)}, 95 of 100 within ${shortly(p95)}, the longest ${shortly(longest)}`;
  const most = Math.max(...within.map((range) => range.records));
  const names = within.map(({ limit_ms }) => limitInWords(limit_ms));
  const wide = Math.max(...names.map((name) => name.length));
  const digits = String(most).length;
  const lines = within.map(({ records }, i) => {
    const bar = barOf(records, most, width - wide - digits - 4, unicode);
    return `${(names[i] ?? '').padEnd(wide)}  ${String(records).padStart(digits)}  ${paint.green(bar)}`.trimEnd();
  });
  const answers = Object.entries(figures.attempts).map(
    ([outcome, number]) => `${number.toLocaleString('en')} ${visible(outcome)}`,
  );
  const tries =
    answers.length === 0
      ? []
      : wrapped(say`attempts: ${visible(answers.join(', '))}`, width).map((line) => paint.dim(line));
  return [...heading('Delay of delivery', told, style), ...lines, ...tries];
}

const HEIGHT = 5;

/** A curve with its scale and the two ends of its time. */
function overTime(
  values: readonly number[],
  style: ChartStyle,
  [from, until]: readonly [string, string],
): string[] {
  const { paint, unicode, width } = style;
  const most = Math.max(...values, 1);
  const scale = String(most).length;
  const cells = condense(values, width - scale - 3);
  const [wall, corner, floor] = unicode ? ['│', '└', '─'] : ['|', '+', '-'];
  const lines = areaLines(cells, HEIGHT, unicode).map((line, i) => {
    const label = i === 0 ? String(most) : '';
    return `${label.padStart(scale)} ${wall}${paint.cyan(line)}`.trimEnd();
  });
  const gap = ' '.repeat(Math.max(1, cells.length - from.length - until.length));
  return [
    ...lines,
    `${'0'.padStart(scale)} ${corner}${floor.repeat(cells.length)}`,
    `${' '.repeat(scale + 2)}${paint.dim(visible(from + gap + until))}`,
  ];
}

function sumOf({ succeeded, failed }: DayOfEvents): number {
  return succeeded + failed;
}

function endsOf(perDay: readonly DayOfEvents[]): [string, string] {
  const at = (day: DayOfEvents | undefined): string =>
    day === undefined ? '' : shortDate(localDate(day.day));
  return [at(perDay[0]), at(perDay.at(-1))];
}

function dayName(day: string): string {
  const date = localDate(day);
  return `${DAYS[date.getDay()]} ${shortDate(date)}`;
}

function shortDate(date: Date): string {
  return `${String(date.getDate()).padStart(2)} ${MONTHS[date.getMonth()]}`;
}

/** At noon: there is one on every day of every calendar. */
function localDate(day: string): Date {
  return new Date(`${day}T12:00:00`);
}
