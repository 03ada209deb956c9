/** The numbers behind the pictures of usage, read from one copy of the spool. */
import { readCounter } from '../spool/ledger.ts';
import type { Spool } from '../spool/spool.ts';

export interface Stats {
  readonly days: number;
  /** Ms since the epoch. */
  readonly since: number;
  readonly until: number;
  /** Every day of the time, oldest first, by the local calendar. */
  readonly perDay: readonly DayOfEvents[];
  /** Slowest first. */
  readonly commands: readonly CommandTimes[];
  /** Every hour of the time, oldest first. */
  readonly queue: readonly QueueHour[];
  /** Records that wait at this moment. */
  readonly waiting: number;
  readonly delivery: Delivery;
}

export interface DayOfEvents {
  readonly day: string;
  readonly succeeded: number;
  readonly failed: number;
}

interface CommandTimes {
  readonly command_name: string;
  /** Of all its events. */
  readonly events: number;
  readonly failed: number;
  /** Of the records that are still kept; what was delivered long ago is not. */
  readonly measured: number;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
}

interface QueueHour {
  readonly at: number;
  readonly most: number;
}

interface Delivery {
  /** Receipts that the delays are taken from. */
  readonly measured: number;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly longest_ms: number | null;
  /** How many arrived within each limit and not within the one before; the last has none. */
  readonly within: readonly { readonly limit_ms: number | null; readonly records: number }[];
  readonly runs: number;
  readonly attempts: Readonly<Record<string, number>>;
}

const HOUR_MS = 3600_000;
/** Events are counted by quarters of an hour: at any of them a local day may begin. */
const QUARTER_MS = HOUR_MS / 4;
const LIMITS_MS = [1_000, 10_000, 60_000, 600_000, HOUR_MS, 24 * HOUR_MS] as const;

/** The statistics of the last `days` days, today included. `now` is ms since the epoch. */
export function readStats(spool: Spool, days: number, now: number): Stats {
  const today = new Date(now);
  const first = new Date(today.getFullYear(), today.getMonth(), today.getDate() - days + 1);
  const since = first.getTime();
  return {
    days,
    since,
    until: now,
    perDay: eventsPerDay(spool, first, days),
    commands: commandTimes(spool, since),
    queue: queueHours(spool, since, now),
    waiting: readCounter(spool, 'pending'),
    delivery: deliveryOf(spool, since),
  };
}

function eventsPerDay(spool: Spool, first: Date, days: number): DayOfEvents[] {
  const counts = new Map<string, { succeeded: number; failed: number }>();
  for (let i = 0; i < days; i += 1) {
    const day = new Date(first.getFullYear(), first.getMonth(), first.getDate() + i);
    counts.set(localDay(day), { succeeded: 0, failed: 0 });
  }
  const rows = spool
    .statement(
      'SELECT quarter, failed, sum(events) AS events FROM activity WHERE quarter >= ? GROUP BY quarter, failed',
    )
    .iterate(Math.floor(first.getTime() / QUARTER_MS)) as IterableIterator<{
    quarter: number;
    failed: number;
    events: number;
  }>;
  for (const { quarter, failed, events } of rows) {
    const day = counts.get(localDay(new Date(quarter * QUARTER_MS)));
    if (day !== undefined) day[failed === 1 ? 'failed' : 'succeeded'] += events;
  }
  return [...counts].map(([day, { succeeded, failed }]) => ({ day, succeeded, failed }));
}

function localDay(at: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

function commandTimes(spool: Spool, since: number): CommandTimes[] {
  const durations = new Map<string, number[]>();
  const kept = spool
    .statement(
      `SELECT command_name AS name, json_extract(properties, '$.duration_ms') AS ms FROM record
       WHERE kind = 'capture' AND recorded_at >= ? AND json_valid(properties)`,
    )
    .iterate(since) as IterableIterator<{ name: string; ms: number | null }>;
  for (const { name, ms } of kept) {
    const known = durations.get(name);
    if (typeof ms !== 'number') continue;
    if (known === undefined) durations.set(name, [ms]);
    else known.push(ms);
  }
  const counted = spool
    .statement(
      `SELECT command_name, sum(events) AS events, sum(events * failed) AS failed FROM activity WHERE quarter >= ?
       GROUP BY command_name`,
    )
    .all(Math.floor(since / QUARTER_MS)) as { command_name: string; events: number; failed: number }[];
  return counted
    .map((command) => {
      const own = (durations.get(command.command_name) ?? []).sort((a, b) => a - b);
      return {
        ...command,
        measured: own.length,
        p50_ms: percentile(own, 0.5),
        p95_ms: percentile(own, 0.95),
      };
    })
    .sort((a, b) => (b.p95_ms ?? -1) - (a.p95_ms ?? -1) || a.command_name.localeCompare(b.command_name));
}

/** The nearest rank: a value that did occur. Null of nothing. */
function percentile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
}

/** Hours without a change keep the length that the hour before ended with. */
function queueHours(spool: Spool, since: number, now: number): QueueHour[] {
  const from = Math.floor(since / HOUR_MS);
  const until = Math.floor(now / HOUR_MS);
  const before = 'SELECT last FROM queue_length WHERE hour < ? ORDER BY hour DESC LIMIT 1';
  let length = (spool.statement(before).pluck().get(from) as number | undefined) ?? 0;
  const rows = spool.statement('SELECT hour, most, last FROM queue_length WHERE hour >= ?').all(from);
  const changes = new Map(
    (rows as { hour: number; most: number; last: number }[]).map((row) => [row.hour, row]),
  );
  const hours: QueueHour[] = [];
  for (let hour = from; hour <= until; hour += 1) {
    const change = changes.get(hour);
    hours.push({ at: hour * HOUR_MS, most: Math.max(length, change?.most ?? 0) });
    length = change?.last ?? length;
  }
  return hours;
}

function deliveryOf(spool: Spool, since: number): Delivery {
  const delays = spool
    .statement(
      `SELECT max(0, settled_at - recorded_at) FROM record WHERE state = 'delivered' AND settled_at >= ? ORDER BY 1`,
    )
    .pluck()
    .all(since) as number[];
  const within = [...LIMITS_MS, null].map((limit_ms, i) => {
    const above = i === 0 ? -1 : (LIMITS_MS[i - 1] ?? -1);
    const records = delays.filter((ms) => ms > above && (limit_ms === null || ms <= limit_ms)).length;
    return { limit_ms, records };
  });
  const outcomes = spool
    .statement('SELECT outcome, count(*) FROM attempt WHERE at >= ? GROUP BY outcome')
    .raw()
    .all(since) as [string, number][];
  const runs = spool.statement('SELECT count(*) FROM flusher_run WHERE started_at >= ?').pluck().get(since);
  return {
    measured: delays.length,
    p50_ms: percentile(delays, 0.5),
    p95_ms: percentile(delays, 0.95),
    longest_ms: delays.at(-1) ?? null,
    within,
    runs: runs as number,
    attempts: Object.fromEntries(outcomes),
  };
}
