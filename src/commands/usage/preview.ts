/** `arcade usage preview -- COMMAND…` */

import { recordedCode } from '../../errors.ts';
import { postHogEvent, type WireRecord } from '../../infra/net/posthog.ts';
import { type Invocation, type LineReading, type Run, respond } from '../../invocation.ts';
import { credentialsSeen } from '../../telemetry/record.ts';
import { type Safe, say, visible } from '../../terminal/visible.ts';
import { printText } from '../../terminal/wrap.ts';
import { NEW_ID, previewCapture } from '../../usage/append/preview.ts';
import type { CommandName } from '../../usage/event/event.ts';
import { printEvent } from './event-lines.ts';
import { readSpool } from './reading.ts';
import { senderOf } from './who.ts';

type Event = Readonly<Record<string, unknown>>;

/** Values that only a run can have, by the name of their field. */
const RUN_SPECIFIC: ReadonlyMap<string, Safe> = new Map([
  ['uuid', say`generated when recorded`],
  ['timestamp', say`when it is recorded`],
  ['duration_ms', say`how long the command took`],
  ['device_start_timestamp', say`start time (monotonic clock)`],
  ['device_end_timestamp', say`end time`],
]);

interface Preview {
  /** Null: these arguments cannot succeed. */
  readonly succeeded: Event | null;
  readonly failed: Event;
  /** Recorded beside a success, for an account that has not logged in here yet. */
  readonly alias: Event | null;
  readonly sentAs: Safe;
}

/** Shows what a command would record, without running it. */
export const run: Run = async (invocation) => {
  const line = invocation.readLine(invocation.positionals);
  if (line.error !== undefined && line.words === null) throw line.error;
  const { event: command } = line;
  const preview = command === null ? null : await previewOf(invocation, command, line);
  const { succeeded = null, failed = null, alias = null } = preview ?? {};
  const stand_ins = failed === null ? [] : standIns(failed);
  await respond(invocation, { command_name: command, succeeded, failed, alias, stand_ins }, async () => {
    // The command by its words alone: its arguments may hold a secret.
    const name = say`\`arcade${line.words ? say` ${visible(line.words)}` : ''}\``;
    if (preview === null) invocation.output.line(say`${name} records nothing.`);
    else await print(invocation, preview, name);
  });
  return undefined;
};

async function previewOf(invocation: Invocation, command: CommandName, line: LineReading): Promise<Preview> {
  const { settings, credentials, options } = invocation;
  const { seen, context } = await credentialsSeen(credentials, line.connection, settings);
  const wrong = line.error === undefined ? undefined : recordedCode(line.error.code);
  // A login that is there stays, unless --force says otherwise; beside ARCADE_API_KEY none counts.
  const isSignedIn = typeof seen.account === 'string' && !invocation.positionals.includes('--force');
  const logsIn = command === 'login' && wrong === undefined && settings.apiKey === undefined && !isSignedIn;
  const around = { command, credentials: seen, context, logsIn };
  const { value } = await readSpool(invocation, (copy) => ({
    succeeded: wrong === undefined ? previewCapture(copy, settings, { ...around, failure: null }) : undefined,
    failed: previewCapture(copy, settings, { ...around, failure: options.error ?? wrong ?? 'UNEXPECTED' }),
  }));
  const eventOf = async (wire: WireRecord | undefined) =>
    wire === undefined ? null : await postHogEvent(wire);
  const { succeeded, failed } = value;
  return {
    succeeded: await eventOf(succeeded?.capture),
    failed: await postHogEvent(failed.capture),
    alias: await eventOf(succeeded?.alias),
    sentAs: logsIn
      ? say`the account that logs in (a failure: as before login)`
      : senderOf(failed.capture).words,
  };
}

/** What is said of an event's fields that differ from one run to the next, by the name of the field. */
function remarksOf({ event, distinct_id: id, properties }: Event): ReadonlyMap<string, Safe> {
  const { alias, command_name, error_code } = properties as Event;
  const remarks = new Map(RUN_SPECIFIC);
  if (event === '$create_alias') {
    const drawn = alias === NEW_ID ? say`, generated at random` : say` of this machine`;
    remarks.set('distinct_id', say`the account`).set('alias', say`the anonymous id${drawn}`);
  } else if (id === NEW_ID) {
    remarks.set('distinct_id', say`generated at random`);
  } else if (id === null && command_name === 'login' && error_code === undefined) {
    remarks.set('distinct_id', say`the account, with its org_id and project_id`);
  }
  return remarks;
}

function standIns(failed: Event): string[] {
  const properties = failed.properties as Event;
  return [...remarksOf(failed).keys()].map((name) => (name in properties ? `properties.${name}` : name));
}

async function print({ output, options }: Invocation, preview: Preview, name: Safe): Promise<void> {
  const paint = await output.paint('stdout');
  const { succeeded, failed, alias, sentAs } = preview;
  const show = (title: Safe, event: Event | null): void => {
    output.line();
    output.line(paint.bold(title));
    if (event !== null) printEvent(output, event, paint, remarksOf(event));
  };
  await printText(output, say`${name} would record one event, as ${sentAs}.`);
  const note = say`Nothing was run, sent or written. Fields marked with an arrow differ between runs.`;
  await printText(output, paint.dim(note));
  if (succeeded === null) show(say`It cannot succeed with these arguments.`, null);
  else show(paint.green(say`If it succeeds`), succeeded);
  if (alias !== null) show(say`Also recorded if this account is new on this machine`, alias);
  const chosen = options.error === undefined ? say` (--error CODE chooses how)` : '';
  show(paint.red(say`If it fails${chosen}`), failed);
}
