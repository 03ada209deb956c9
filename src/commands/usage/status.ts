/** `arcade usage status` */
import type { Run } from '../../invocation.ts';
import type { Settings } from '../../settings.ts';
import type { Paint } from '../../terminal/output.ts';
import { joined, type Safe, say, visible } from '../../terminal/visible.ts';
import { fieldLines, printText } from '../../terminal/wrap.ts';
import type { Status } from '../../usage/inspect/status.ts';
import { countSpilled } from '../../usage/spool/spill.ts';
import { type Overview, readOverview } from './overview.ts';
import { isBroken } from './reading.ts';
import { nextSender, type Sender } from './who.ts';
import { counted, digits, relativeTime, utcTime, withIsoTimes } from './words.ts';

/** Shows consent, destination, identity, counters, back-off and the last flusher, and why nothing is being sent. */
export const run: Run = async (invocation) => {
  const { output, settings } = invocation;
  const { seen, ...overview } = await readOverview(settings, await nextSender(invocation));
  const sender = overview.recording.on ? (seen ?? null) : null;
  const { directory } = settings;
  const shown = {
    ...overview,
    sender,
    spilled: directory === undefined ? 0 : countSpilled(directory).waiting,
  };
  if (invocation.json) output.json(documentOf(settings, shown));
  else {
    const paint = await output.paint('stdout');
    const rows = settingRows(settings, shown, paint);
    if (shown.status !== undefined) rows.push(...queueRows(shown.status, Date.now(), paint));
    for (const line of await rowLines(rows, output.width, paint)) output.line(line);
    output.line();
    await printText(output, visible(shown.why));
  }
  return isBroken(shown.store) ? 'SPOOL_UNUSABLE' : undefined;
};

interface Shown extends Overview {
  /** Null: recording is off, or fails. */
  readonly sender: Sender | null;
  readonly spilled: number;
}

/** The ledger before anything is recorded. */
export const NOTHING = { recorded: 0, delivered: 0, pending: 0, quarantined: 0, dropped: {}, purged: 0 };

/** What scripts rely on; the ledger of a store that cannot be read is null. */
function documentOf({ destination }: Settings, shown: Shown): unknown {
  const { store, status, sender, spilled } = shown;
  const { backoff = null, lastRun = null } = status ?? {};
  return withIsoTimes({
    consent: shown.consent,
    recording: shown.recording,
    destination: { host: destination.host, configured: destination.apiKey !== undefined },
    identity: {
      anon_id: status?.identity?.anonId ?? null,
      linked_principal_id: status?.identity?.principalId ?? null,
      state: stateOf(status?.identity),
    },
    next_event_as: sender,
    store,
    // Beside the ledger, which begins at the database.
    spilled,
    ledger: status?.ledger ?? (store.state === 'absent' ? NOTHING : null),
    oldest_pending_at: status?.oldestPendingAt ?? null,
    backoff,
    flusher: { running: status?.flusherIsRunning ?? false, last: lastRun },
    why: shown.why,
  });
}

function stateOf(identity: Status['identity'] | undefined): 'anonymous' | 'linked' | 'unresolved' {
  if (!identity || (identity.fingerprint === null && identity.principalId === null)) return 'anonymous';
  return identity.principalId !== null && identity.verified ? 'linked' : 'unresolved';
}

type Row = readonly [name: Safe, value: Safe];

/** Names with what is said of them, none wider than `width`. */
export async function rowLines(rows: readonly Row[], width: number | null, paint: Paint): Promise<Safe[]> {
  const lines = rows.map(([name, value]) => fieldLines(paint.bold(name), value, 15, width));
  return (await Promise.all(lines)).flat();
}

function settingRows({ destination: { apiKey, host } }: Settings, shown: Shown, paint: Paint): Row[] {
  const { sender, spilled } = shown;
  const { enabled, decided_by: decidedBy } = shown.consent;
  const { obstacle } = shown.recording;
  const state = enabled ? paint.green(say`on`) : paint.yellow(say`off`);
  const keyless = apiKey === undefined ? say` ${paint.yellow(say`(no project key)`)}` : '';
  return [
    [
      say`Recording`,
      enabled && obstacle !== null
        ? say`${paint.red(say`failing`)}: ${visible(obstacle)}`
        : say`${state} (${visible(decidedBy)})`,
    ],
    [say`Destination`, say`${visible(host)}${keyless}`],
    [say`Next event as`, sender?.words ?? (enabled ? say`not known` : say`no one (recording is off)`)],
    ...(spilled === 0
      ? []
      : [[say`Spilled`, say`${counted(spilled, 'event')}, until the database can be used`] as const]),
  ];
}

/** The counters, and how sending goes. */
export function queueRows(status: Status, now: number, paint: Paint): Row[] {
  const { ledger, oldestPendingAt, unbound, backoff, flusherIsRunning, lastRun } = status;
  const aside = [
    ...(oldestPendingAt === null ? [] : [say`the oldest ${relativeTime(oldestPendingAt, now)}`]),
    ...(unbound === 0 ? [] : [say`${digits(unbound)} for an account not known yet`]),
  ];
  const dropped = Object.entries(ledger.dropped).filter(([, number]) => number > 0);
  const reasons = dropped.map(([reason, number]) => say`${digits(number)} ${visible(reason)}`);
  return [
    [say`Recorded`, counted(ledger.recorded, 'record')],
    [say`  delivered`, digits(ledger.delivered)],
    [say`  pending`, joined([digits(ledger.pending), ...aside], say`, `)],
    [say`  quarantined`, ledger.quarantined === 0 ? say`0` : paint.red(digits(ledger.quarantined))],
    [say`  dropped`, reasons.length === 0 ? say`0` : paint.yellow(joined(reasons, say`, `))],
    ...(ledger.purged === 0 ? [] : [[say`  purged`, digits(ledger.purged)] as const]),
    [
      say`Back-off`,
      backoff === null
        ? say`none`
        : paint.yellow(
            say`until ${utcTime(backoff.until)} UTC, ${relativeTime(backoff.until, now)} (${visible(backoff.reason)})`,
          ),
    ],
    [say`Flusher`, flusherIsRunning ? paint.green(say`running`) : lastRunInWords(lastRun, now)],
  ];
}

function lastRunInWords(last: Status['lastRun'], now: number): Safe {
  if (last === null) return say`never`;
  const when = relativeTime(last.ended_at ?? last.started_at, now);
  return say`last ran ${when}: ${visible(last.outcome ?? 'killed')}, ${digits(last.delivered)} delivered`;
}
