/** `arcade usage status` */
import type { Paint } from '../../cli/output.ts';
import type { Settings } from '../../settings.ts';
import { readStatus, type Status } from '../../usage/inspect.ts';
import type { Run } from '../command.ts';
import { isoTime, readSpool, relativeTime } from './reading.ts';
import { whyNothingIsSent } from './why.ts';

/** Shows consent, destination, identity, counters, back-off and the last flusher, and why nothing is being sent. */
export const run: Run = async (invocation) => {
  const { output, settings, options } = invocation;
  const now = Date.now();
  const status = readSpool(invocation, (spool) => readStatus(spool, settings, now));
  const why = whyNothingIsSent(settings, status, now);
  if (options.json === true) {
    output.json(document(settings, status, why));
    return;
  }
  for (const line of lines(settings, status, now, await output.paint('stdout'))) output.line(line);
  output.line();
  output.line(why);
};

function consentOf(settings: Settings, status: Status | undefined): { enabled: boolean; decided_by: string } {
  const { enabled, decidedBy } = settings.consent;
  if (enabled && status?.consent === false) return { enabled: false, decided_by: 'usage disable' };
  return { enabled, decided_by: decidedBy };
}

function stateOf(status: Status | undefined): 'anonymous' | 'linked' | 'unresolved' {
  const identity = status?.identity;
  if (!identity || (identity.fingerprint === null && identity.principalId === null)) return 'anonymous';
  return identity.principalId !== null && identity.verified ? 'linked' : 'unresolved';
}

function document(settings: Settings, status: Status | undefined, why: string): unknown {
  const { destination } = settings;
  const run = status?.lastRun;
  return {
    consent: consentOf(settings, status),
    destination: { host: destination.host, configured: destination.apiKey !== undefined },
    identity: {
      anon_id: status?.identity?.anonId ?? null,
      linked_principal_id: status?.identity?.principalId ?? null,
      state: stateOf(status),
    },
    ledger: status?.ledger ?? {
      recorded: 0,
      delivered: 0,
      pending: 0,
      quarantined: 0,
      dropped: {},
      purged: 0,
    },
    backoff: status?.backoff
      ? {
          since: isoTime(status.backoff.since),
          until: isoTime(status.backoff.until),
          reason: status.backoff.reason,
        }
      : null,
    flusher: {
      running: status?.flusherIsRunning ?? false,
      last: run
        ? {
            started_at: isoTime(run.started_at),
            ended_at: run.ended_at === null ? null : isoTime(run.ended_at),
            outcome: run.outcome,
            delivered: run.delivered,
          }
        : null,
    },
    why,
  };
}

function lines(settings: Settings, status: Status | undefined, now: number, paint: Paint): string[] {
  const consent = consentOf(settings, status);
  const { destination } = settings;
  const rows: [string, string][] = [
    ['Recording', `${consent.enabled ? paint.green('on') : paint.yellow('off')} (${consent.decided_by})`],
    [
      'Destination',
      destination.apiKey === undefined ? `${destination.host} (no project key)` : destination.host,
    ],
    ['Next event as', sender(status)],
  ];
  if (status !== undefined) {
    const { ledger, oldestPendingAt, backoff, lastRun } = status;
    const oldest = oldestPendingAt === null ? '' : `, the oldest ${relativeTime(oldestPendingAt, now)}`;
    rows.push(
      ['Recorded', String(ledger.recorded)],
      ['Delivered', String(ledger.delivered)],
      ['Pending', `${ledger.pending}${oldest}`],
      ['Quarantined', String(ledger.quarantined)],
      ['Dropped', inReasons(ledger.dropped)],
      ['Purged', String(ledger.purged)],
      ['Back-off', backoff === null ? 'none' : `until ${isoTime(backoff.until)} (${backoff.reason})`],
      ['Flusher', flusher(status.flusherIsRunning, lastRun, now)],
    );
  }
  return rows.map(([name, value]) => `${paint.dim(name.padEnd(14))}${value}`);
}

function sender(status: Status | undefined): string {
  const identity = status?.identity;
  if (!identity) return 'nobody yet';
  switch (stateOf(status)) {
    case 'linked':
      return `${identity.principalId}, the account that is logged in`;
    case 'unresolved':
      return 'the account that is logged in, once Arcade has said which';
    default:
      return `${identity.anonId}, anonymous`;
  }
}

function inReasons(dropped: Readonly<Record<string, number>>): string {
  const reasons = Object.entries(dropped).filter(([, number]) => number > 0);
  return reasons.length === 0 ? '0' : reasons.map(([reason, number]) => `${number} (${reason})`).join(', ');
}

function flusher(running: boolean, last: Status['lastRun'], now: number): string {
  if (running) return 'running';
  if (last === null) return 'has never run';
  const when = relativeTime(last.ended_at ?? last.started_at, now);
  return `last run ${when}: ${last.outcome ?? 'killed'}, ${last.delivered} delivered`;
}
