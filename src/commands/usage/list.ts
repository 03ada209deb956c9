/** `arcade usage list` */
import { tableLines } from '../../cli/table.ts';
import { usageError } from '../../errors.ts';
import { listRecords, type RecordState, type RecordSummary } from '../../usage/inspect.ts';
import type { Invocation, Run } from '../command.ts';
import { isoTime, readSpool, relativeTime } from './reading.ts';

const DEFAULT_LIMIT = 10_000;

/** Lists records, oldest first. */
export const run: Run = async (invocation) => {
  const { output, options } = invocation;
  const filter = { state: readState(options.state), limit: readLimit(options.limit) };
  const records = readSpool(invocation, (spool) => listRecords(spool, filter)) ?? [];
  if (options.json === true) {
    output.json({
      records: records.map((record) => ({ ...record, recorded_at: isoTime(record.recorded_at) })),
    });
  } else if (records.length === 0) {
    output.line('There are no such records.');
  } else {
    await printTable(output, records);
  }
};

async function printTable(output: Invocation['output'], records: readonly RecordSummary[]): Promise<void> {
  const now = Date.now();
  const paint = await output.paint('stdout');
  const rows = records.map((record) => [
    String(record.id),
    record.state,
    record.kind === 'alias' ? 'alias' : (record.command_name ?? record.event),
    record.event === 'CLI execution failed' ? 'failed' : record.kind === 'alias' ? '' : 'succeeded',
    record.distinct_id ?? '(not known yet)',
    relativeTime(record.recorded_at, now),
    String(record.attempts),
    record.reason ?? '',
  ]);
  const headings = ['ID', 'State', 'What', 'Outcome', 'Sent as', 'Recorded', 'Tries', 'Reason'];
  for (const line of tableLines(headings, rows, { width: output.width, paint })) output.line(line);
}

function readState(option: string | true | undefined): RecordState | null {
  if (option === undefined) return null;
  if (option === 'pending' || option === 'quarantined' || option === 'delivered') return option;
  throw usageError('--state is one of pending, quarantined and delivered.');
}

function readLimit(option: string | true | undefined): number {
  if (option === undefined) return DEFAULT_LIMIT;
  const limit = Number(option);
  if (!Number.isSafeInteger(limit) || limit < 1) throw usageError('--limit is a whole number from 1.');
  return limit;
}
