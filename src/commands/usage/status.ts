/** `arcade usage status` */

import type { Invocation, Run } from '../../invocation.ts';
import type { Settings } from '../../settings.ts';
import type { Paint } from '../../terminal/output.ts';
import { type Safe, say, visible } from '../../terminal/visible.ts';
import { fieldLines, wrapped } from '../../terminal/wrap.ts';
import { readSnapshot, type StoreState } from '../../usage/inspect/snapshot.ts';
import { readStatus, type Status } from '../../usage/inspect/status.ts';
import { countSpilled } from '../../usage/spool/spill.ts';
import { isBroken } from './reading.ts';
import { consentOf, recordingOf, statusDocument } from './status-document.ts';
import { nextSender, type Sender } from './who.ts';
import { deliveryState } from './why.ts';
import { counted, digits, relativeTime, utcTime } from './words.ts';

/** Shows consent, destination, identity, counters, back-off and the last flusher, and why nothing is being sent. */
export const run: Run = async (invocation) => {
  const { output, settings } = invocation;
  const now = Date.now();
  const { store, status, ...seen } = await look(invocation, now);
  const sender = recordingOf(settings, store, status).on ? seen.sender : null;
  const why = deliveryState(settings, store, status, now);
  if (invocation.json) {
    output.json(statusDocument(settings, { store, status, sender, why }));
  } else {
    const paint = await output.paint('stdout');
    for (const line of await lines(invocation, { store, status, sender, now }, paint)) output.line(line);
    output.line();
    for (const line of await wrapped(visible(why), output.width)) output.line(line);
  }
  return isBroken(store) ? 'SPOOL_UNUSABLE' : undefined;
};

interface Seen {
  readonly store: StoreState;
  readonly status: Status | undefined;
  readonly sender: Sender | null;
}

async function look(invocation: Invocation, now: number): Promise<Seen> {
  const { settings } = invocation;
  const sender = await nextSender(invocation);
  const { store, value } = await readSnapshot(settings, (copy) => ({
    status: readStatus(copy, settings, now),
    sender: sender(copy),
  }));
  return { store, status: store.state === 'ok' ? value?.status : undefined, sender: value?.sender ?? null };
}

async function lines(
  { settings, output }: Invocation,
  seen: Seen & { now: number },
  paint: Paint,
): Promise<Safe[]> {
  const { status, sender, now } = seen;
  const { apiKey } = settings.destination;
  const host = visible(settings.destination.host);
  const rows: [string, string][] = [
    ['Recording', recordingInWords(settings, seen, paint)],
    ['Destination', apiKey === undefined ? `${host} ${paint.yellow(say`(no project key)`)}` : host],
    ['Next event as', sender?.words ?? 'nobody (nothing is recorded)'],
  ];
  const spilled = settings.directory === undefined ? 0 : countSpilled(settings.directory).waiting;
  if (spilled > 0) rows.push(['Spilled', `${counted(spilled, 'event')}, until the database can be used`]);
  if (status !== undefined) rows.push(...counters(status, now, paint), ...sendingRows(status, now, paint));
  return (
    await Promise.all(
      rows.map(([name, value]) => fieldLines(paint.bold(name as Safe), value as Safe, 15, output.width)),
    )
  ).flat();
}

function recordingInWords(settings: Settings, { store, status }: Seen, paint: Paint): string {
  const { enabled, decided_by: decidedBy } = consentOf(settings, status);
  const { obstacle } = recordingOf(settings, store, status);
  if (!enabled) return `${paint.yellow(say`off`)} (${decidedBy})`;
  return obstacle === null
    ? `${paint.green(say`on`)} (${decidedBy})`
    : `${paint.red(say`failing`)}: ${visible(obstacle)}`;
}

function counters(
  { ledger, oldestPendingAt, unbound }: Status,
  now: number,
  paint: Paint,
): [string, string][] {
  const dropped = Object.values(ledger.dropped).reduce((sum, number) => sum + number, 0);
  const aside = [
    ...(oldestPendingAt === null ? [] : [`the oldest ${relativeTime(oldestPendingAt, now)}`]),
    ...(unbound === 0 ? [] : [`${unbound} of them of an account still to be found out`]),
  ];
  return [
    ['Recorded', counted(ledger.recorded, 'record')],
    ['  delivered', ledger.delivered.toLocaleString('en')],
    ['  pending', [ledger.pending.toLocaleString('en'), ...aside].join(', ')],
    ['  quarantined', ledger.quarantined === 0 ? '0' : paint.red(digits(ledger.quarantined))],
    ['  dropped', dropped === 0 ? '0' : paint.yellow(visible(inReasons(ledger.dropped)))],
    ...(ledger.purged === 0
      ? []
      : ([['  purged', ledger.purged.toLocaleString('en')]] as [string, string][])),
  ];
}

function sendingRows(
  { backoff, flusherIsRunning, lastRun }: Status,
  now: number,
  paint: Paint,
): [string, string][] {
  const waits =
    backoff === null
      ? 'none'
      : paint.yellow(
          say`until ${utcTime(backoff.until)} UTC, ${relativeTime(backoff.until, now)} (${visible(backoff.reason)})`,
        );
  return [
    ['Back-off', waits],
    ['Flusher', flusherIsRunning ? paint.green(say`running`) : lastRunInWords(lastRun, now)],
  ];
}

function lastRunInWords(last: Status['lastRun'], now: number): string {
  if (last === null) return 'has never run';
  const when = relativeTime(last.ended_at ?? last.started_at, now);
  return `last ran ${when}: ${visible(last.outcome ?? 'was killed')}, ${last.delivered.toLocaleString('en')} delivered`;
}

function inReasons(dropped: Readonly<Record<string, number>>): string {
  const reasons = Object.entries(dropped).filter(([, number]) => number > 0);
  return reasons.map(([reason, number]) => `${number.toLocaleString('en')} ${reason}`).join(', ');
}
