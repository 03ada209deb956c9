/** `arcade usage preview -- COMMAND…` */

import { recordedCode } from '../../errors.ts';
import { postHogEvent } from '../../infra/net/posthog.ts';
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
  readonly command: CommandName;
  /** Null: these arguments cannot succeed. */
  readonly succeeded: Event | null;
  readonly failed: Event;
  /** Recorded beside a success, for an account that has not logged in here yet. */
  readonly alias: Event | null;
  readonly sentAs: Safe;
  readonly remarks: ReadonlyMap<string, Safe>;
}

/** Shows what a command would record, without running it. */
export const run: Run = async (invocation) => {
  const line = invocation.readLine(invocation.positionals);
  if (line.error !== undefined && line.words === null) throw line.error;
  const name = say`\`arcade${line.words ? say` ${visible(line.words)}` : ''}\``;
  const preview = line.event === null ? null : await previewOf(invocation, line.event, line);
  const { command = null, succeeded = null, failed = null, alias = null } = preview ?? {};
  const stand_ins = preview === null ? [] : standIns(preview);
  await respond(invocation, { command_name: command, succeeded, failed, alias, stand_ins }, async () => {
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
    succeeded: previewCapture(copy, settings, { ...around, failure: null }),
    failed: previewCapture(copy, settings, { ...around, failure: options.error ?? wrong ?? 'UNEXPECTED' }),
  }));
  const { succeeded, failed } = value;
  return {
    command,
    succeeded: wrong === undefined ? await postHogEvent(succeeded.capture) : null,
    failed: await postHogEvent(failed.capture),
    alias: wrong === undefined && succeeded.alias !== undefined ? await postHogEvent(succeeded.alias) : null,
    sentAs: logsIn
      ? say`the account that logs in (a failure: as before login)`
      : senderOf(failed.capture).words,
    remarks:
      failed.capture.distinctId === NEW_ID
        ? new Map([...RUN_SPECIFIC, ['distinct_id', say`generated at random`]])
        : RUN_SPECIFIC,
  };
}

function standIns({ remarks, succeeded, failed }: Preview): string[] {
  const properties = new Set(
    Object.keys({ ...(succeeded?.properties as object), ...(failed.properties as object) }),
  );
  return [...remarks.keys()].map((name) => (properties.has(name) ? `properties.${name}` : name));
}

/** `name` is the command by its words alone: its arguments may hold a secret. */
async function print({ output, options }: Invocation, preview: Preview, name: Safe): Promise<void> {
  const paint = await output.paint('stdout');
  const { succeeded, failed, alias, sentAs, remarks, command } = preview;
  await printText(output, say`${name} would record one event, as ${sentAs}.`);
  const note = say`Nothing was run, sent or written. Fields marked with an arrow differ between runs.`;
  await printText(output, paint.dim(note));
  output.line();
  if (succeeded === null) {
    output.line(paint.bold(say`It cannot succeed with these arguments.`));
  } else {
    output.line(paint.bold(paint.green(say`If it succeeds`)));
    printEvent(
      output,
      succeeded,
      paint,
      command === 'login' && succeeded.distinct_id === null ? loginRemarks(remarks) : remarks,
    );
  }
  if (alias !== null) {
    output.line();
    output.line(paint.bold(say`Also recorded if this account is new on this machine`));
    printEvent(output, alias, paint, aliasRemarks(alias));
  }
  output.line();
  const chosen = options.error === undefined ? say` (--error CODE chooses how)` : '';
  output.line(paint.bold(paint.red(say`If it fails${chosen}`)));
  printEvent(output, failed, paint, remarks);
}

function loginRemarks(remarks: ReadonlyMap<string, Safe>): ReadonlyMap<string, Safe> {
  return new Map([...remarks, ['distinct_id', say`the account, with its org_id and project_id`]]);
}

function aliasRemarks(alias: Event): ReadonlyMap<string, Safe> {
  const drawn = (alias.properties as Event).alias === NEW_ID;
  return new Map([
    ['uuid', say`generated when recorded`],
    ['timestamp', say`when it is recorded`],
    ['distinct_id', say`the account`],
    ['alias', drawn ? say`the anonymous id, generated at random` : say`the anonymous id of this machine`],
  ]);
}
