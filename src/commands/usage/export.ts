/** `arcade usage export` */

import { postHogEvents } from '../../infra/net/posthog.ts';
import type { Run } from '../../invocation.ts';
import { compactJson, joined, type Safe, say, visible } from '../../terminal/visible.ts';
import { eachRecordInFull, type RecordInFull } from '../../usage/inspect/records.ts';
import type { Spool } from '../../usage/spool/spool.ts';
import { type Frame, streamSpool } from './reading.ts';
import { isoTime } from './words.ts';

/** Records for which posthog-node is asked at once. */
const AT_ONCE = 100;
/** The first of them soon. */
const AT_FIRST = 10;

type Format = 'ndjson' | 'csv' | 'json';

/** Writes every record as it is read: with what the spool knows of it, and the event as it goes on the wire. */
export const run: Run = async (invocation) => {
  const format = invocation.json ? 'json' : (invocation.options.format ?? 'ndjson');
  return await streamSpool(invocation, FRAMES[format], (spool) => parts(spool, format));
};

async function* parts(spool: Spool, format: Format): AsyncGenerator<Safe> {
  let group: RecordInFull[] = [];
  let lead = say``;
  let wanted = AT_FIRST;
  for (const found of eachRecordInFull(spool)) {
    group.push(found);
    if (group.length < wanted) continue;
    yield say`${lead}${await textOf(group, format)}`;
    lead = format === 'json' ? say`,` : say``;
    group = [];
    wanted = AT_ONCE;
  }
  if (group.length > 0) yield say`${lead}${await textOf(group, format)}`;
}

async function textOf(group: readonly RecordInFull[], format: Format): Promise<Safe> {
  const events = await postHogEvents(group.map(({ wire }) => wire));
  const lines = group.map((found, i) => {
    const row = rowOf(found, events[i]);
    return format === 'csv'
      ? joined(
          COLUMNS.map((column) => csvCell(row[column])),
          say`,`,
        )
      : compactJson(row);
  });
  return joined(lines, format === 'json' ? say`\n,` : say`\n`);
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

const FRAMES: Readonly<Record<Format, Frame>> = {
  ndjson: { isJson: false },
  csv: { begin: COLUMNS.join(',') as Safe, isJson: false },
  json: { begin: say`{"records":[`, end: say`]}`, isJson: true },
};

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
