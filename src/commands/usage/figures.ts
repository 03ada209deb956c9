/** The figures of `usage stats` and `usage report`: what they show, in one place. */
import type { Figure } from '../../terminal/figure.ts';
import type { DayOfEvents, Stats } from '../../usage/inspect/stats.ts';
import { counted, digits, inWords, shortly, utcTime } from './words.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** All of them, in the order in which they are shown. */
export function figuresOf(stats: Stats): Figure[] {
  return [eventsPerDay(stats), slowestCommands(stats), pendingRecords(stats), deliveryDelay(stats)];
}

function eventsPerDay({ perDay }: Stats): Figure {
  const total = sum(perDay.map(eventsOf));
  const failed = sum(perDay.map((day) => day.failed));
  const bars = perDay.map((day) => ({
    label: shortDate(localDate(day.day)),
    parts: [day.succeeded, day.failed] as const,
    says: day.failed === 0 ? digits(eventsOf(day)) : `${digits(eventsOf(day))}, ${digits(day.failed)} failed`,
  }));
  return {
    id: 'days',
    title: 'Events per day',
    summary:
      total === 0
        ? 'No events in this period.'
        : `${counted(total, 'event')} in ${counted(perDay.length, 'day')}, ${digits(failed)} from failed commands.`,
    shape: 'columns',
    bars: total === 0 ? [] : bars,
    legend: { names: ['succeeded', 'failed'], second: 'failed' },
    headings: ['Day', 'Succeeded', 'Failed'],
    rows: perDay.map((day) => [day.day, day.succeeded, day.failed]),
  };
}

function slowestCommands({ commands }: Stats): Figure {
  const timed = commands.filter(({ p95_ms }) => p95_ms !== null);
  const bars = timed.map(({ command_name: label, p50_ms, p95_ms, measured }) => ({
    label,
    parts: [p50_ms ?? 0, (p95_ms ?? 0) - (p50_ms ?? 0)] as const,
    says: `${shortly(p50_ms ?? 0)} / ${shortly(p95_ms ?? 0)} (${counted(measured, 'run')})`,
  }));
  return {
    id: 'commands',
    title: 'Slowest commands',
    summary: timed.length === 0 ? 'No timings yet.' : 'Median and 95th percentile of the runs still kept.',
    shape: 'rows',
    bars,
    legend: { names: ['median', '95th percentile'], second: 'rare' },
    headings: ['Command', 'Events', 'Failed', 'Timed', 'Median in ms', '95th percentile in ms'],
    rows: commands.map((command) => [
      command.command_name,
      command.events,
      command.failed,
      command.measured,
      command.p50_ms ?? '',
      command.p95_ms ?? '',
    ]),
  };
}

/** The length of the queue, hour by hour. */
function pendingRecords({ queue: hours, waiting }: Stats): Figure {
  const peak = Math.max(0, ...hours.map(({ most }) => most));
  const bars = hours.map(({ at, most }) => ({
    label: shortDate(new Date(at)),
    parts: [most, 0] as const,
    says: digits(most),
  }));
  const changes = hours.filter(({ most }, i) => i === 0 || most !== hours[i - 1]?.most);
  return {
    id: 'queue',
    title: 'Pending records',
    summary:
      peak === 0
        ? 'Nothing was pending in this period.'
        : `Peak ${digits(peak)} pending; ${digits(waiting)} now.`,
    shape: 'curve',
    bars: peak === 0 ? [] : bars,
    legend: null,
    headings: ['From (UTC)', 'Peak'],
    rows: changes.map(({ at, most }) => [utcTime(at).slice(0, 16), most]),
  };
}

/** How long it took from the end of a command until PostHog had its event. */
function deliveryDelay({ delivery }: Stats): Figure {
  const { measured, within, p50_ms, p95_ms, longest_ms, attempts } = delivery;
  const outcomes = Object.entries(attempts).map(([outcome, number]) => `${digits(number)} ${outcome}`);
  const limits = within.map(({ limit_ms }) => (limit_ms === null ? 'longer' : `within ${inWords(limit_ms)}`));
  const bars = within.map(({ records }, i) => ({
    label: limits[i] ?? '',
    parts: [records, 0] as const,
    says: digits(records),
  }));
  return {
    id: 'delay',
    title: 'Delivery delay',
    summary:
      measured === 0
        ? 'Nothing delivered in this period.'
        : `Median ${shortly(p50_ms ?? 0)}, 95th percentile ${shortly(p95_ms ?? 0)}, longest ${shortly(longest_ms ?? 0)}, of the latest ${counted(measured, 'delivered record')}. Attempts: ${outcomes.join(', ') || 'none'}.`,
    shape: 'rows',
    bars: measured === 0 ? [] : bars,
    legend: null,
    headings: ['Delay', 'Records'],
    rows: within.map(({ records }, i) => [limits[i] ?? '', records]),
  };
}

function eventsOf({ succeeded, failed }: DayOfEvents): number {
  return succeeded + failed;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function shortDate(date: Date): string {
  return Number.isNaN(date.getTime()) ? '' : `${date.getDate()} ${MONTHS[date.getMonth()]}`;
}

/** At noon: there is one on every day of every calendar. */
function localDate(day: string): Date {
  return new Date(`${day}T12:00:00`);
}
