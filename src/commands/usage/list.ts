/** `arcade usage list` */
import { compactJson, type Paint } from '../../cli/output.ts';
import { tableLines } from '../../cli/table.ts';
import { usageError } from '../../errors.ts';
import {
  countRecords,
  eachRecord,
  type Filter,
  type RecordState,
  type RecordSummary,
} from '../../usage/inspect.ts';
import type { Spool } from '../../usage/spool.ts';
import type { Invocation, Run } from '../command.ts';
import { openLines, printLines } from './lines.ts';
import { readPositive, readSince } from './options.ts';
import { readSpool } from './reading.ts';
import { counted, isoTime, relativeTime } from './words.ts';

const ALL = Number.MAX_SAFE_INTEGER;
const ON_A_SCREEN = 50;

/** Lists records, oldest first. */
export const run: Run = async (invocation) => {
  const { output, options } = invocation;
  const now = Date.now();
  const json = options.json === true;
  const filter: Filter = {
    state: readState(options.state),
    command: typeof options.command === 'string' ? options.command : null,
    since: readSince(options.since, now) ?? 0,
    limit: readPositive(options.limit, '--limit') ?? (json || output.width === null ? ALL : ON_A_SCREEN),
  };
  const paint = await output.paint('stdout');
  if (json) writeJson(invocation, filter);
  else
    readSpool(invocation, (spool) => writeTable(spool, filter, { output, paint, now })) ?? output.line(NONE);
  return undefined;
};

const NONE = 'There are no such records.';

/** One record a line, so that a long list is written as it is read. */
function writeJson(invocation: Invocation, filter: Filter): void {
  const { output } = invocation;
  const lines = openLines(output);
  let first = true;
  lines.line('{"records":[');
  readSpool(invocation, (spool) => {
    for (const record of eachRecord(spool, filter)) {
      if (!output.isOpen) return;
      lines.line(
        (first ? '  ' : ' ,') + compactJson({ ...record, recorded_at: isoTime(record.recorded_at) }),
      );
      first = false;
    }
  });
  lines.line(']}');
  lines.end();
}

interface Showing {
  readonly output: Invocation['output'];
  readonly paint: Paint;
  readonly now: number;
}

function writeTable(spool: Spool, filter: Filter, { output, paint, now }: Showing): true {
  const records = [...eachRecord(spool, filter)];
  if (records.length === 0) {
    output.line(NONE);
    return true;
  }
  const { width, unicode } = output;
  const rows = records.map((record) => cellsOf(record, now, unicode));
  const style = (cell: string, column: number, row: number): string =>
    column === 1 ? inColour(cell, records[row]?.state, paint) : column === 4 ? paint.dim(cell) : cell;
  const right = new Set([0, 6]);
  printLines(output, tableLines(HEADINGS, rows, { width, paint, unicode, right, style }));
  const found = countRecords(spool, filter);
  if (found > records.length && width !== null) {
    output.note(
      paint.dim(`The last ${records.length} of ${counted(found, 'record')}; --limit N shows more.`),
    );
  }
  return true;
}

const HEADINGS = ['ID', 'State', 'What', 'Outcome', 'Sent as', 'Recorded', 'Tries', 'Reason'];

function cellsOf(record: RecordSummary, now: number, unicode: boolean): string[] {
  const { id, kind, state, command_name, event, distinct_id, recorded_at, attempts, reason } = record;
  const mark = unicode ? { pending: '○ ', quarantined: '✗ ', delivered: '● ' }[state] : '';
  return [
    String(id),
    mark + state,
    kind === 'alias' ? 'alias' : (command_name ?? event),
    kind === 'alias' ? '' : event === 'CLI execution failed' ? 'failed' : 'succeeded',
    distinct_id ?? '(not known yet)',
    relativeTime(recorded_at, now),
    String(attempts),
    reason ?? '',
  ];
}

function inColour(cell: string, state: RecordState | undefined, paint: Paint): string {
  if (state === 'delivered') return paint.green(cell);
  return state === 'quarantined' ? paint.red(cell) : paint.yellow(cell);
}

function readState(option: string | true | undefined): RecordState | null {
  if (option === undefined) return null;
  if (option === 'pending' || option === 'quarantined' || option === 'delivered') return option;
  throw usageError('--state is one of pending, quarantined and delivered.');
}
