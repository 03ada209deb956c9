/** `arcade usage list` */
import { usageError } from '../../errors.ts';
import { type Invocation, type Run, respond } from '../../invocation.ts';
import { type Column, printTable } from '../../terminal/table.ts';
import { type Safe, say } from '../../terminal/visible.ts';
import { wrapped } from '../../terminal/wrap.ts';
import { countRecords, eachRecord, type Filter, type RecordSummary } from '../../usage/inspect/records.ts';
import { readSpool } from './reading.ts';
import { counted, outcomeOf, relativeTime, whatOf, withIsoTimes } from './words.ts';

const ON_A_SCREEN = 50;

/** Lists records, oldest first. */
export const run: Run = async (invocation) => {
  const { output, options, json } = invocation;
  const now = Date.now();
  const filter: Filter = {
    state: options.state ?? null,
    command: options.command === undefined ? null : readCommand(invocation, options.command),
    since: options.since === undefined ? 0 : readSince(options.since, now),
    limit: options.limit ?? (json || output.width === null ? null : ON_A_SCREEN),
  };
  const { value, absence } = await readSpool(invocation, (spool) => ({
    records: [...eachRecord(spool, filter)],
    found: countRecords(spool, filter),
  }));
  if (absence !== null) output.note(absence);
  const { records, found } = value;
  await respond(invocation, withIsoTimes({ records }), async () => {
    if (absence !== null) return;
    if (records.length === 0) output.line(say`No matching records.`);
    else await printRecords(invocation, records, now);
    if (output.width === null || found === records.length) return;
    const note = say`Showing the last ${records.length} of ${counted(found, 'record')}; use --limit for more.`;
    const { dim } = await output.paint('stdout');
    for (const line of await wrapped(note, output.width)) output.note(dim(line));
  });
  return undefined;
};

/** Shown as a whole or not at all. */
const WHOLE = Number.POSITIVE_INFINITY;

async function printRecords(
  { output }: Invocation,
  records: readonly RecordSummary[],
  now: number,
): Promise<void> {
  const { dim, green, red, yellow } = await output.paint('stdout');
  const colors = { pending: yellow, quarantined: red, delivered: green };
  const marks = output.unicode ? { pending: '○ ', quarantined: '✗ ', delivered: '● ' } : undefined;
  const inColor = (cell: Safe, row: number): Safe => colors[records[row]?.state ?? 'pending'](cell);
  const columns: (Column | string)[] = [
    { heading: 'ID', right: true },
    { heading: 'State', style: inColor },
    'What',
    { heading: 'Outcome', least: WHOLE },
    { heading: 'Recorded', least: WHOLE },
    { heading: 'Sent as', least: 9, style: (cell) => dim(cell) },
    { heading: 'Reason', least: 10 },
    { heading: 'Attempts', least: WHOLE, right: true },
  ];
  const rows = records.map((record) => [
    String(record.id),
    `${marks?.[record.state] ?? ''}${record.state}`,
    whatOf(record),
    outcomeOf(record),
    relativeTime(record.recorded_at, now),
    record.distinct_id ?? '(not known yet)',
    record.reason ?? '',
    String(record.attempts),
  ]);
  await printTable(output, columns, rows);
}

/** As it is typed, or as it is recorded. */
function readCommand({ readLine }: Invocation, option: string): string {
  const words = option.trim().split(/[\s.]+/);
  const { event } = readLine(words);
  if (event === words.join('.')) return event;
  throw usageError('--command must be a command that records usage, such as secret.list.');
}

const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** The moment that `--since` names, ms since the epoch: so long ago, or a date of the local calendar, as in `stats`. */
export function readSince(option: string, now: number): number {
  const text = option.trim();
  const ago = /^(\d+(?:\.\d+)?)\s*([smhdw])$/i.exec(text);
  if (ago !== null) return now - Number(ago[1]) * (UNITS_MS[(ago[2] ?? '').toLowerCase()] ?? 0);
  // JavaScript reads a date without a time as UTC, and one with a time as local.
  const at = isDay(text.slice(0, 10)) ? Date.parse(text.length === 10 ? `${text}T00:00` : text) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw usageError('--since must be a duration such as 30m, 12h, 2d or 1w, or a date such as 2026-01-31.');
}

/** JavaScript reads the 30th of February as the 2nd of March. */
function isDay(text: string): boolean {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(text) : Number.NaN;
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}
