/** `arcade usage export` */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { compactJson } from '../../cli/output.ts';
import { usageError } from '../../errors.ts';
import { postHogEvents } from '../../infra/posthog.ts';
import { eachRecordInFull, type RecordInFull } from '../../usage/inspect.ts';
import type { Invocation, Run } from '../command.ts';
import { openLines } from './lines.ts';
import { readSpoolSlowly } from './reading.ts';
import { isoTime } from './words.ts';

/** Records for which posthog-node is asked at once. */
const AT_ONCE = 100;

type Format = 'ndjson' | 'csv' | 'json';

/** Writes every record as it is read: with what the spool knows of it, and the event as it goes on the wire. */
export const run: Run = async (invocation) => {
  const { output, options } = invocation;
  const format = readFormat(options.format, options.json === true);
  const write = openWriter(invocation, format);
  const begin = (): void => {
    if (format === 'csv') output.line(COLUMNS.join(','));
    if (format === 'json') output.line('{"records":[');
  };
  let begun = false;
  await readSpoolSlowly(invocation, async (spool) => {
    // Only once the store is open: one that cannot be read leaves nothing half-said.
    begun = true;
    begin();
    let group: RecordInFull[] = [];
    for (const found of eachRecordInFull(spool)) {
      group.push(found);
      if (group.length < AT_ONCE) continue;
      await write(group);
      group = [];
      // A stream tells in the next turn that nobody reads any more.
      await nextTurn();
      if (!output.isOpen) return;
    }
    await write(group);
  });
  if (!begun) begin();
  if (format === 'json') output.line(']}');
  return undefined;
};

function openWriter(
  { output }: Invocation,
  format: Format,
): (group: readonly RecordInFull[]) => Promise<void> {
  let first = true;
  return async (group) => {
    if (group.length === 0) return;
    const events = await postHogEvents(group.map(({ wire }) => wire));
    const lines = openLines(output);
    for (const [i, found] of group.entries()) {
      const row = rowOf(found, events[i]);
      if (format === 'csv') lines.line(COLUMNS.map((column) => csvCell(row[column])).join(','));
      else lines.line((format === 'json' && !first ? ',' : '') + compactJson(row));
      first = false;
    }
    lines.end();
  };
}

const COLUMNS = [
  'id',
  'uuid',
  'kind',
  'event',
  'command_name',
  'state',
  'distinct_id',
  'recorded_at',
  'settled_at',
  'attempts',
  'reason',
  'payload',
] as const;

function rowOf(
  { record, settledAt }: RecordInFull,
  payload: unknown,
): Record<(typeof COLUMNS)[number], unknown> {
  return {
    ...record,
    recorded_at: isoTime(record.recorded_at),
    settled_at: settledAt === null ? null : isoTime(settledAt),
    payload,
  };
}

/** RFC 4180; a cell that a spreadsheet would take for a formula is no formula in it. */
function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? compactJson(value) : String(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function readFormat(option: string | true | undefined, json: boolean): Format {
  if (json && option !== undefined) throw usageError('--json and --format exclude one another.');
  if (json) return 'json';
  if (option === undefined || option === 'ndjson') return 'ndjson';
  if (option === 'csv') return 'csv';
  throw usageError('--format is ndjson or csv.');
}
