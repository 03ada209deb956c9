/** The numbers behind the pictures of usage, read from one copy of the spool. */
import { readCounter } from '../spool/ledger.ts';
import type { Spool } from '../spool/spool.ts';

export type Stats = ReturnType<typeof readStats>;

const HOUR_MS = 3600_000;
/** Events are counted by quarters of an hour: at any of them a local day may begin. */
const QUARTER_MS = HOUR_MS / 4;
const LIMITS_MS = [1_000, 10_000, 60_000, 600_000, HOUR_MS, 24 * HOUR_MS] as const;

/** The statistics of the last `days` days, today included. Times are ms since the epoch. */
export function readStats(spool: Spool, days: number, now: number) {
  const today = new Date(now);
  const first = new Date(today.getFullYear(), today.getMonth(), today.getDate() - days + 1);
  const since = first.getTime();
  return {
    days,
    since,
    until: now,
    events_per_day: eventsPerDay(spool, first, days),
    commands: commandTimes(spool, since),
    queue: queueHours(spool, since, now),
    waiting: readCounter(spool, 'pending'),
    delivery: deliveryOf(spool, since),
  };
}

/** Every day of the time, oldest first, by the local calendar. */
function eventsPerDay(spool: Spool, first: Date, days: number) {
  const counts = new Map<string, { succeeded: number; failed: number }>();
  for (let i = 0; i < days; i += 1) {
    const day = new Date(first.getFullYear(), first.getMonth(), first.getDate() + i);
    counts.set(localDay(day), { succeeded: 0, failed: 0 });
  }
  const rows = spool
    .statement('SELECT quarter, failed, events FROM activity WHERE quarter >= ?')
    .raw()
    .all(Math.floor(first.getTime() / QUARTER_MS)) as [quarter: number, failed: number, events: number][];
  for (const [quarter, failed, events] of rows) {
    const day = counts.get(localDay(new Date(quarter * QUARTER_MS)));
    if (day !== undefined) day[failed === 1 ? 'failed' : 'succeeded'] += events;
  }
  return [...counts].map(([day, numbers]) => ({ day, ...numbers }));
}

function localDay(at: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** Of each command all its events, and the times of those whose records are still kept; slowest first. */
function commandTimes(spool: Spool, since: number) {
  const counted = spool
    .statement(
      `SELECT command_name, sum(events) AS events, sum(events * failed) AS failed,
         (SELECT json_group_array(ms) FROM (
           SELECT CASE WHEN json_valid(properties) THEN json_extract(properties, '$.duration_ms') END AS ms
           FROM record AS r WHERE r.command_name = a.command_name AND recorded_at >= @since)
          WHERE typeof(ms) IN ('integer', 'real')) AS durations
       FROM activity AS a WHERE quarter >= @quarter GROUP BY command_name`,
    )
    .all({ since, quarter: Math.floor(since / QUARTER_MS) }) as {
    command_name: string;
    events: number;
    failed: number;
    durations: string;
  }[];
  return counted
    .map(({ durations, ...command }) => ({ ...command, ...timesOf(JSON.parse(durations) as number[]) }))
    .sort((a, b) => (b.p95_ms ?? -1) - (a.p95_ms ?? -1) || a.command_name.localeCompare(b.command_name));
}

function timesOf(all: readonly number[]) {
  const sorted = all.toSorted((a, b) => a - b);
  // The nearest rank: a value that did occur.
  const percentile = (share: number): number | null =>
    sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
  return { measured: sorted.length, p50_ms: percentile(0.5), p95_ms: percentile(0.95) };
}

/** The most that waited in each hour, oldest first. Hours without a change keep the length that the hour before ended with. */
function queueHours(spool: Spool, since: number, now: number) {
  const from = Math.floor(since / HOUR_MS);
  const until = Math.floor(now / HOUR_MS);
  const before = 'SELECT last FROM queue_length WHERE hour < ? ORDER BY hour DESC LIMIT 1';
  let length = (spool.statement(before).pluck().get(from) as number | undefined) ?? 0;
  const rows = spool.statement('SELECT hour, most, last FROM queue_length WHERE hour >= ?').all(from);
  type Change = { hour: number; most: number; last: number };
  const changes = new Map((rows as Change[]).map((row) => [row.hour, row]));
  const hours: { at: number; most: number }[] = [];
  for (let hour = from; hour <= until; hour += 1) {
    const change = changes.get(hour);
    hours.push({ at: hour * HOUR_MS, most: Math.max(length, change?.most ?? 0) });
    length = change?.last ?? length;
  }
  return hours;
}

/** The delays of the receipts. */
function deliveryOf(spool: Spool, since: number) {
  const column = (sql: string): unknown[] => spool.statement(sql).pluck().all(since);
  const delays = column(
    `SELECT max(0, settled_at - recorded_at) FROM record WHERE state = 'delivered' AND settled_at >= ?`,
  ) as number[];
  // How many arrived within each limit and not within the one before; the last has none.
  const within = [...LIMITS_MS, null].map((limit_ms, i) => {
    const above = LIMITS_MS[i - 1] ?? -1;
    return { limit_ms, records: delays.filter((ms) => ms > above && ms <= (limit_ms ?? Infinity)).length };
  });
  const outcomes = 'SELECT outcome, count(*) FROM attempt WHERE at >= ? GROUP BY outcome';
  return {
    ...timesOf(delays),
    longest_ms: delays.length === 0 ? null : Math.max(...delays),
    within,
    runs: column('SELECT count(*) FROM flusher_run WHERE started_at >= ?')[0] as number,
    attempts: Object.fromEntries(spool.statement(outcomes).raw().all(since) as [string, number][]),
  };
}
