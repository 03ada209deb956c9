/** The figures of `usage stats` and `usage report`: what they show, in one place. */
import type { Figure } from '../../terminal/figure.ts';
import type { Stats } from '../../usage/inspect/stats.ts';
import { counted, digits, inWords, shortly } from './words.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** All of them, in the order in which they are shown. */
export function figuresOf(stats: Stats): Figure[] {
  return [eventsPerDay(stats), slowestCommands(stats), pendingRecords(stats), deliveryDelay(stats)];
}

function eventsPerDay({ events_per_day: days }: Stats): Figure {
  const failed = sum(days.map((day) => day.failed));
  const total = failed + sum(days.map((day) => day.succeeded));
  return {
    id: 'days',
    title: 'Events per day',
    summary:
      total === 0
        ? 'No events in this period.'
        : `${counted(total, 'event')} in ${counted(days.length, 'day')}, ${digits(failed)} from failed commands.`,
    shape: 'columns',
    bars: (total === 0 ? [] : days).map((day) => ({
      // At noon: there is one on every day of every calendar.
      label: shortDate(new Date(`${day.day}T12:00:00`)),
      parts: [day.succeeded, day.failed],
      says: `${digits(day.succeeded + day.failed)}${day.failed === 0 ? '' : `, ${digits(day.failed)} failed`}`,
    })),
    legend: { names: ['succeeded', 'failed'], second: 'failed' },
  };
}

function slowestCommands({ commands }: Stats): Figure {
  const bars = commands.flatMap(({ command_name: label, p50_ms, p95_ms, measured }) => {
    if (p50_ms === null || p95_ms === null) return [];
    const says = `${shortly(p50_ms)} / ${shortly(p95_ms)} (${counted(measured, 'run')})`;
    return [{ label, parts: [p50_ms, p95_ms - p50_ms] as const, says }];
  });
  return {
    id: 'commands',
    title: 'Slowest commands',
    summary: bars.length === 0 ? 'No timings yet.' : 'Median and 95th percentile of the runs still kept.',
    shape: 'rows',
    bars,
    legend: { names: ['median', '95th percentile'], second: 'rare' },
  };
}

/** The length of the queue, hour by hour. */
function pendingRecords({ queue: hours, waiting }: Stats): Figure {
  const peak = Math.max(0, ...hours.map(({ most }) => most));
  return {
    id: 'queue',
    title: 'Pending records',
    summary:
      peak === 0
        ? 'Nothing was pending in this period.'
        : `Peak ${digits(peak)} pending; ${digits(waiting)} now.`,
    shape: 'curve',
    bars: (peak === 0 ? [] : hours).map(({ at, most }) => ({
      label: `${shortDate(new Date(at))} ${new Date(at).getHours()}:00`,
      parts: [most, 0],
      says: digits(most),
    })),
    legend: null,
  };
}

/** How long it took from the end of a command until PostHog had its event. */
function deliveryDelay({ delivery }: Stats): Figure {
  const { measured, within, p50_ms, p95_ms, longest_ms, attempts } = delivery;
  const outcomes = Object.entries(attempts).map(([outcome, number]) => `${digits(number)} ${outcome}`);
  return {
    id: 'delay',
    title: 'Delivery delay',
    summary:
      measured === 0
        ? 'Nothing delivered in this period.'
        : `Median ${shortly(p50_ms ?? 0)}, 95th percentile ${shortly(p95_ms ?? 0)}, longest ${shortly(longest_ms ?? 0)}, of the latest ${counted(measured, 'delivered record')}. Attempts: ${outcomes.join(', ') || 'none'}.`,
    shape: 'rows',
    bars: (measured === 0 ? [] : within).map(({ limit_ms, records }) => ({
      label: limit_ms === null ? 'longer' : `within ${inWords(limit_ms)}`,
      parts: [records, 0],
      says: digits(records),
    })),
    legend: null,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function shortDate(date: Date): string {
  return Number.isNaN(date.getTime()) ? '' : `${date.getDate()} ${MONTHS[date.getMonth()]}`;
}
