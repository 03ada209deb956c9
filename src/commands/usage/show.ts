/** `arcade usage show` */

import { UserError } from '../../errors.ts';
import { postHogEvent } from '../../infra/net/posthog.ts';
import type { Run } from '../../invocation.ts';
import type { Paint } from '../../terminal/output.ts';
import { compactJson, type Safe, say, visible } from '../../terminal/visible.ts';
import { type Attempt, findRecord, type RecordDetails } from '../../usage/inspect/status.ts';
import { printEvent } from './event-lines.ts';
import { readSpool } from './reading.ts';
import { isoTime, relativeTime, shortly, utcTime } from './words.ts';

/** Shows one record: its payload as it goes on the wire, and each try. */
export const run: Run = async (invocation) => {
  const { output, positionals } = invocation;
  const id = positionals[0] ?? '';
  const { value: found, absence } = await readSpool(invocation, (spool) => findRecord(spool, id));
  if (absence !== null) throw new UserError('NO_SUCH_RECORD', `There is no record ${id}. ${absence}`);
  if (found === undefined) {
    throw new UserError('NO_SUCH_RECORD', `There is no record ${id}.`, {
      hint: 'See `arcade usage list` for their ids.',
    });
  }
  const payload = await postHogEvent(found.wire);
  if (invocation.json) {
    output.json({
      record: { ...found.record, recorded_at: isoTime(found.record.recorded_at) },
      payload,
      attempts: found.attempts.map((attempt) => ({ ...attempt, at: isoTime(attempt.at) })),
    });
    return undefined;
  }
  const now = Date.now();
  const paint = await output.paint('stdout');
  for (const line of head(found, now, paint)) output.line(line as Safe);
  output.line();
  printEvent(output, payload, paint);
  output.line();
  output.line(paint.dim(say`On the wire: ${Buffer.byteLength(JSON.stringify(payload))} bytes`));
  output.line(paint.dim(compactJson(payload)));
  output.line();
  for (const line of describeAttempts(found, now, paint)) output.line(line as Safe);
  return undefined;
};

function head(found: RecordDetails, now: number, paint: Paint): string[] {
  const { id, kind, state, reason, recorded_at: at } = found.record;
  const colour = { delivered: paint.green, quarantined: paint.red, pending: paint.yellow }[state];
  const why = reason === null ? '' : ` (${visible(reason)})`;
  return [
    `${paint.bold(say`Record ${id}`)}  ${kind}, ${colour(visible(state))}${why}`,
    `Recorded  ${utcTime(at)} UTC, ${relativeTime(at, now)}`,
    `Sent as   ${identityInWords(found)}`,
  ];
}

function identityInWords({ record, wire, personless }: RecordDetails): string {
  if (record.kind === 'alias') {
    return `the account ${visible(record.distinct_id ?? '')}, to which it joins the anonymous id ${visible(String(wire.properties.alias))}`;
  }
  if (record.distinct_id === null) return 'an account still to be found out; Arcade is asked when it is sent';
  const sentAs = visible(record.distinct_id);
  return personless ? `the anonymous id ${sentAs}` : `the account ${sentAs}`;
}

function describeAttempts({ attempts, record }: RecordDetails, now: number, paint: Paint): string[] {
  if (attempts.length === 0) {
    return [
      record.state === 'delivered' ? 'How it was delivered is no longer kept.' : 'It was not tried yet.',
    ];
  }
  const line = ({ at, outcome, status, duration_ms }: Attempt): string => {
    const colour = outcome === 'accepted' ? paint.green : paint.red;
    const answer = status === null ? 'no answer' : `status ${status}`;
    return `  ${utcTime(at)}  ${colour(visible(outcome).padEnd(12) as Safe)}  ${answer.padEnd(10)}  after ${shortly(duration_ms)}, ${relativeTime(at, now)}`;
  };
  return [paint.bold(say`Tries`), ...attempts.map(line)];
}
