/** `arcade usage export` */
import type { Run } from '../../invocation.ts';
import { compactJson, joined, type Safe, say, visible } from '../../terminal/visible.ts';
import { SUMMARY } from '../../usage/inspect/records.ts';
import { readSpool, recordsAsSent } from './reading.ts';
import { withIsoTimes } from './words.ts';

/**
 * Writes every record: with what the spool knows of it, and the event as it goes on the wire. Lines are written as they
 * are read, so that a spool of any size can be exported; a document only whole.
 */
export const run: Run = async (invocation) => {
  const { json, output, options } = invocation;
  const isCsv = options.format === 'csv';
  let waiting: Safe[] = isCsv ? [COLUMNS.join(',') as Safe] : [];
  const { absence } = await readSpool(invocation, async (spool) => {
    for await (const group of recordsAsSent(spool)) {
      const rows = group.map(({ record, payload }) => withIsoTimes({ ...record, payload }));
      waiting.push(...rows.map(isCsv ? csvRow : compactJson));
      if (json) continue;
      output.line(joined(waiting, say`\n`));
      waiting = [];
      if (!output.isOpen) return;
    }
  });
  if (absence !== null) output.note(absence);
  const rest = joined(waiting, json ? say`,\n` : say`\n`);
  if (json) output.line(say`{"records":[${rest}]}`);
  else if (rest !== '') output.line(rest);
  return undefined;
};

const COLUMNS = [...SUMMARY.split(', '), 'payload'];

function csvRow(row: unknown): Safe {
  return COLUMNS.map((column) => csvCell((row as Record<string, unknown>)[column])).join(',') as Safe;
}

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
