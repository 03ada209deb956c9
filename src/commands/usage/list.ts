/** `arcade usage list` */

import { usageError } from '../../errors.ts';
import type { Invocation, Run } from '../../invocation.ts';
import {
  type Column,
  fitColumns,
  measureOf,
  type RowLayout,
  rowLine,
  safeCell,
} from '../../terminal/cells.ts';
import type { Paint } from '../../terminal/output.ts';
import { compactJson, joined, type Safe, say, visible } from '../../terminal/visible.ts';
import { wrapped } from '../../terminal/wrap.ts';
import {
  countRecords,
  eachRecord,
  type Filter,
  type RecordState,
  type RecordSummary,
} from '../../usage/inspect/records.ts';
import type { Spool } from '../../usage/spool/spool.ts';
import { streamSpool } from './reading.ts';
import { readSince } from './since.ts';
import { counted, isoTime, relativeTime } from './words.ts';

const ON_A_SCREEN = 50;

/** Lists records, oldest first, each as it is read. */
export const run: Run = async (invocation) => {
  const { output, options } = invocation;
  const now = Date.now();
  const isJson = invocation.json;
  const filter: Filter = {
    state: options.state ?? null,
    command: options.command === undefined ? null : readCommand(invocation, options.command),
    since: options.since === undefined ? 0 : readSince(options.since, now),
    limit: options.limit ?? (isJson || output.width === null ? null : ON_A_SCREEN),
  };
  if (isJson) {
    return await streamSpool(invocation, { begin: say`{"records":[`, end: say`]}`, isJson }, (spool) =>
      grouped(jsonOf(spool, filter)),
    );
  }
  const paint = await output.paint('stdout');
  return await streamSpool(invocation, { isJson, empty: say`No matching records.` }, (spool) =>
    table(spool, filter, { output, paint, now }),
  );
};

function* jsonOf(spool: Spool, filter: Filter): Generator<Safe> {
  let lead = say`  `;
  for (const record of eachRecord(spool, filter)) {
    yield say`${lead}${compactJson({ ...record, recorded_at: isoTime(record.recorded_at) })}`;
    lead = say` ,`;
  }
}

const AT_ONCE = 250;

/** Some lines at a time: written one by one they would take longer than reading them does. */
function* grouped(lines: Iterable<Safe>): Generator<Safe> {
  let group: Safe[] = [];
  for (const line of lines) {
    group.push(line);
    if (group.length < AT_ONCE) continue;
    yield joined(group, say`\n`);
    group = [];
  }
  if (group.length > 0) yield joined(group, say`\n`);
}

interface Showing {
  readonly output: Invocation['output'];
  readonly paint: Paint;
  readonly now: number;
}

async function* table(spool: Spool, filter: Filter, { output, paint, now }: Showing): AsyncGenerator<Safe> {
  const records = [...eachRecord(spool, filter)];
  if (records.length === 0) return;
  const rows = records.map((record) => cellsOf(record, now, output.unicode));
  const layout = await layoutOf(rows, output);
  const lines = rows.map((row, i) =>
    rowLine(row, layout, (cell, column) => {
      if (column === STATE) return inColour(cell, records[i]?.state ?? 'pending', paint);
      return column === SENT_AS ? paint.dim(cell) : cell;
    }),
  );
  yield* grouped([paint.bold(rowLine(HEADINGS, layout)), ...lines]);
  if (output.width === null || filter.limit === null) return;
  const found = countRecords(spool, filter);
  if (found === records.length) return;
  const note = say`Showing the last ${records.length} of ${counted(found, 'record')}; use --limit for more.`;
  for (const line of await wrapped(note, output.width)) output.note(paint.dim(line));
}

const HEADINGS = [
  'ID',
  'State',
  'What',
  'Outcome',
  'Recorded',
  'Sent as',
  'Reason',
  'Attempts',
] as readonly string[] as readonly Safe[];
const STATE = 1;
const SENT_AS = 5;
const RIGHT: ReadonlySet<number> = new Set([0, 7]);
/** What a narrow terminal need not show, and how little of it is of use, by the column: these are shown whole or not. */
const WHOLE = Number.POSITIVE_INFINITY;
const LEAST: Readonly<Record<number, number>> = { 3: WHOLE, 4: WHOLE, 5: 9, 6: 10, 7: WHOLE };

/** Every width is known before the first line is written. */
async function layoutOf(
  rows: readonly (readonly Safe[])[],
  { unicode, width }: Invocation['output'],
): Promise<RowLayout> {
  const measure = await measureOf(rows.flat());
  const columns = HEADINGS.map((heading, i): Column => {
    const widest = rows.reduce((most, row) => Math.max(most, measure.widthOf(row[i] ?? '')), 0);
    const natural = i >= STATE && widest === 0 ? 0 : Math.max(heading.length, widest);
    const least = LEAST[i];
    return least === undefined ? { width: natural } : { width: natural, least };
  });
  const widths = width === null ? columns.map((column) => column.width) : fitColumns(columns, width);
  return { widths, measure, right: RIGHT, unicode };
}

function cellsOf(record: RecordSummary, now: number, unicode: boolean): Safe[] {
  const { id, kind, state, command_name, event, distinct_id, recorded_at, attempts, reason } = record;
  const mark = unicode ? { pending: say`○ `, quarantined: say`✗ `, delivered: say`● ` }[state] : say``;
  return [
    say`${id}`,
    say`${mark}${visible(state)}`,
    safeCell(kind === 'alias' ? 'alias' : (command_name ?? event)),
    kind === 'alias' ? say`` : event === 'CLI execution failed' ? say`failed` : say`succeeded`,
    relativeTime(recorded_at, now),
    safeCell(distinct_id ?? '(not known yet)'),
    safeCell(reason ?? ''),
    say`${attempts}`,
  ];
}

function inColour(cell: Safe, state: RecordState, paint: Paint): Safe {
  if (state === 'delivered') return paint.green(cell);
  return state === 'quarantined' ? paint.red(cell) : paint.yellow(cell);
}

/** As it is typed, or as it is recorded. */
function readCommand({ readLine }: Invocation, option: string): string {
  const words = option.trim().split(/[\s.]+/);
  const { event } = readLine(words);
  if (event === words.join('.')) return event;
  throw usageError('--command must be a command that records usage, such as secret.list.');
}
