/** `arcade usage show` */

import { postHogEvent } from '../../infra/net/posthog.ts';
import type { Run } from '../../invocation.ts';
import type { Paint } from '../../terminal/output.ts';
import { compactJson, type Safe, say, visible } from '../../terminal/visible.ts';
import { type Attempt, findRecord, type RecordDetails } from '../../usage/inspect/records.ts';
import { printEvent } from './event-lines.ts';
import { readSpool } from './reading.ts';
import { noSuchRecord } from './records.ts';
import { senderOf } from './who.ts';
import { attemptInWords, relativeTime, utcTime, withIsoTimes } from './words.ts';

/** Shows one record: its payload as it goes on the wire, and each try. */
export const run: Run = async (invocation) => {
  const { output, positionals } = invocation;
  const id = positionals[0] ?? '';
  const { value: found, absence } = await readSpool(invocation, (spool) => findRecord(spool, id));
  if (absence !== null) output.note(absence);
  if (found === undefined) throw noSuchRecord(id);
  const payload = await postHogEvent(found.wire);
  if (invocation.json) {
    output.json(withIsoTimes({ record: found.record, payload, attempts: found.attempts }));
    return undefined;
  }
  const now = Date.now();
  const paint = await output.paint('stdout');
  for (const line of head(found, now, paint)) output.line(line);
  output.line();
  printEvent(output, payload, paint);
  output.line();
  output.line(paint.dim(say`On the wire: ${Buffer.byteLength(JSON.stringify(payload))} bytes`));
  output.line(paint.dim(compactJson(payload)));
  output.line();
  for (const line of describeAttempts(found, now, paint)) output.line(line);
  return undefined;
};

function head(found: RecordDetails, now: number, paint: Paint): Safe[] {
  const { id, kind, state, reason, recorded_at: at } = found.record;
  const color = { delivered: paint.green, quarantined: paint.red, pending: paint.yellow }[state];
  const why = reason === null ? '' : say` (${visible(reason)})`;
  return [
    say`${paint.bold(say`Record ${id}`)}  ${visible(kind)}, ${color(visible(state))}${why}`,
    say`Recorded  ${utcTime(at)} UTC, ${relativeTime(at, now)}`,
    say`Sent as   ${identityInWords(found)}`,
  ];
}

function identityInWords({ record, wire }: RecordDetails): Safe {
  if (record.kind === 'capture') return senderOf(wire).words;
  const anonymous = visible(String(wire.properties.alias));
  return say`the account ${visible(wire.distinctId)}, linking the anonymous id ${anonymous} to it`;
}

function describeAttempts({ attempts, record }: RecordDetails, now: number, paint: Paint): Safe[] {
  if (attempts.length === 0)
    return [
      record.state === 'delivered' ? say`Delivery details are no longer stored.` : say`Not attempted yet.`,
    ];
  const line = (attempt: Attempt): Safe =>
    say`  ${utcTime(attempt.at)}  ${attemptInWords(attempt, now, paint)}`;
  return [paint.bold(say`Attempts`), ...attempts.map(line)];
}
