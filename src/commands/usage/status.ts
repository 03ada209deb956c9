/** `arcade usage status` */

import type { Invocation, Run } from '../../invocation.ts';
import type { Settings } from '../../settings.ts';
import type { Paint } from '../../terminal/output.ts';
import { joined, type Safe, say, visible } from '../../terminal/visible.ts';
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
  const rows: Row[] = [
    [say`Recording`, recordingInWords(settings, seen, paint)],
    [say`Destination`, apiKey === undefined ? say`${host} ${paint.yellow(say`(no project key)`)}` : host],
    [say`Next event as`, sender?.words ?? say`no one (recording is off)`],
  ];
  const spilled = settings.directory === undefined ? 0 : countSpilled(settings.directory).waiting;
  if (spilled > 0)
    rows.push([say`Spilled`, say`${counted(spilled, 'event')}, until the database can be used`]);
  if (status !== undefined) rows.push(...counters(status, now, paint), ...sendingRows(status, now, paint));
  return (
    await Promise.all(rows.map(([name, value]) => fieldLines(paint.bold(name), value, 15, output.width)))
  ).flat();
}

type Row = readonly [name: Safe, value: Safe];

function recordingInWords(settings: Settings, { store, status }: Seen, paint: Paint): Safe {
  const { enabled, decided_by: decidedBy } = consentOf(settings, status);
  const { obstacle } = recordingOf(settings, store, status);
  if (!enabled) return say`${paint.yellow(say`off`)} (${visible(decidedBy)})`;
  return obstacle === null
    ? say`${paint.green(say`on`)} (${visible(decidedBy)})`
    : say`${paint.red(say`failing`)}: ${visible(obstacle)}`;
}

function counters({ ledger, oldestPendingAt, unbound }: Status, now: number, paint: Paint): Row[] {
  const dropped = Object.values(ledger.dropped).reduce((sum, number) => sum + number, 0);
  const aside = [
    ...(oldestPendingAt === null ? [] : [say`the oldest ${relativeTime(oldestPendingAt, now)}`]),
    ...(unbound === 0 ? [] : [say`${digits(unbound)} for an account not known yet`]),
  ];
  return [
    [say`Recorded`, counted(ledger.recorded, 'record')],
    [say`  delivered`, digits(ledger.delivered)],
    [say`  pending`, joined([digits(ledger.pending), ...aside], say`, `)],
    [say`  quarantined`, ledger.quarantined === 0 ? say`0` : paint.red(digits(ledger.quarantined))],
    [say`  dropped`, dropped === 0 ? say`0` : paint.yellow(visible(inReasons(ledger.dropped)))],
    ...(ledger.purged === 0 ? [] : [[say`  purged`, digits(ledger.purged)] as const]),
  ];
}

function sendingRows({ backoff, flusherIsRunning, lastRun }: Status, now: number, paint: Paint): Row[] {
  const waits =
    backoff === null
      ? say`none`
      : paint.yellow(
          say`until ${utcTime(backoff.until)} UTC, ${relativeTime(backoff.until, now)} (${visible(backoff.reason)})`,
        );
  return [
    [say`Back-off`, waits],
    [say`Flusher`, flusherIsRunning ? paint.green(say`running`) : lastRunInWords(lastRun, now)],
  ];
}

function lastRunInWords(last: Status['lastRun'], now: number): Safe {
  if (last === null) return say`never`;
  const when = relativeTime(last.ended_at ?? last.started_at, now);
  return say`last ran ${when}: ${visible(last.outcome ?? 'killed')}, ${digits(last.delivered)} delivered`;
}

function inReasons(dropped: Readonly<Record<string, number>>): string {
  const reasons = Object.entries(dropped).filter(([, number]) => number > 0);
  return reasons.map(([reason, number]) => `${number.toLocaleString('en')} ${reason}`).join(', ');
}
