/** `arcade usage show` */
import { UserError } from '../../errors.ts';
import { postHogEvent } from '../../infra/posthog.ts';
import { type Attempt, findRecord, type RecordDetails } from '../../usage/inspect.ts';
import type { Run } from '../command.ts';
import { isoTime, readSpool } from './reading.ts';

/** Shows one record: its payload as it goes on the wire, and each try. */
export const run: Run = async (invocation) => {
  const { output, options, positionals } = invocation;
  const found = readSpool(invocation, (spool) => findRecord(spool, positionals[0] ?? ''));
  if (found === undefined) {
    throw new UserError('NOT_FOUND', 'There is no such record.', {
      hint: 'See `arcade usage list` for their ids.',
    });
  }
  const payload = await postHogEvent(found.wire);
  if (options.json === true) {
    output.json({
      record: { ...found.record, recorded_at: isoTime(found.record.recorded_at) },
      payload,
      attempts: found.attempts.map((attempt) => ({ ...attempt, at: isoTime(attempt.at) })),
    });
    return;
  }
  const paint = await output.paint('stdout');
  output.line(paint.bold(heading(found)));
  output.line(JSON.stringify(payload, null, 2));
  for (const line of describeAttempts(found.attempts)) output.line(line);
};

function heading({ record }: RecordDetails): string {
  const reason = record.reason === null ? '' : ` (${record.reason})`;
  return `Record ${record.id}: ${record.kind}, ${record.state}${reason}, recorded ${isoTime(record.recorded_at)}`;
}

function describeAttempts(attempts: readonly Attempt[]): string[] {
  if (attempts.length === 0) return ['Not tried yet.'];
  return attempts.map(
    ({ at, outcome, status, duration_ms }) =>
      `${isoTime(at)}  ${outcome}${status === null ? '' : ` (${status})`} after ${duration_ms} ms`,
  );
}
