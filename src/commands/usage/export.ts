/** `arcade usage export` */
import { type Run, respond } from '../../invocation.ts';
import { compactJson, joined, type Safe, say, visible } from '../../terminal/visible.ts';
import { readSpool, recordsAsSent } from './reading.ts';
import { isoTime } from './words.ts';

/** Writes every record: with what the spool knows of it, and the event as it goes on the wire. */
export const run: Run = async (invocation) => {
  const { output, options } = invocation;
  const { value, absence } = await readSpool(invocation, recordsAsSent);
  if (absence !== null) output.note(absence);
  const records = value.map(({ record, settledAt, payload }) => ({
    ...record,
    recorded_at: isoTime(record.recorded_at),
    settled_at: settledAt === null ? null : isoTime(settledAt),
    payload,
  }));
  await respond(invocation, { records }, () => {
    const lines =
      options.format === 'csv'
        ? [COLUMNS, ...records.map((record) => COLUMNS.map((column) => csvCell(record[column])))].map(
            (cells) => cells.join(',') as Safe,
          )
        : records.map(compactJson);
    if (lines.length > 0) output.line(joined(lines, say`\n`));
  });
  return undefined;
};

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

/**
 * Quoted by RFC 4180, with control characters escaped; a cell that a spreadsheet would run as a formula is
 * made text, also one that begins where a spreadsheet splits at semicolons.
 */
function csvCell(value: unknown): Safe {
  if (value === null || value === undefined) return say``;
  const text =
    typeof value === 'object' ? compactJson(value) : joined(String(value).split('\n').map(visible), say`\n`);
  const inert = text.replace(/((?:^|;)\s*)(?=[=+\-@])/g, "$1'") as Safe;
  return /[",\r\n]/.test(inert) ? say`"${inert.replaceAll('"', '""') as Safe}"` : inert;
}
