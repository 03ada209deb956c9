/** Checks of the store: each says that all is well, or what is wrong and what to do. */
import type { Settings } from '../../settings.ts';
import { LAST_TIME } from '../event/wire.ts';
import { currentIdentity } from '../identity/identities.ts';
import { type BackoffReason, backoffOf, postHogAt } from '../spool/backoff.ts';
import { readCounter, readLedger, UNCOUNTED } from '../spool/ledger.ts';
import { isOptedOut } from '../spool/opt-out.ts';
import { isSound, type Spool, sharedFile } from '../spool/spool.ts';
import { readUsageJson } from '../spool/usage-json.ts';
import { checkFiles, checkLock, checkRoom, checkSetAside, checkSpilled } from './doctor-files.ts';
import { type Checked, type Finding, passed } from './finding.ts';
import { obstacleOf } from './obstacles.ts';
import { readSnapshot } from './snapshot.ts';
import { flusherFault, keepsRecords, lastRunOf, readStatus, type Status } from './status.ts';

/** Where and when the doctor looks. */
export interface Circumstances {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly platform: NodeJS.Platform;
}

/** Checks the store and all that is beside it. Changes nothing. */
export async function checkStore(settings: Settings, { now, platform }: Circumstances): Promise<Checked[]> {
  const { directory } = settings;
  if (directory === undefined) return [obstacleOf({ kind: 'no home' }, '')];
  const { store, value } = await readSnapshot(settings, (spool) => contents(spool, settings, now));
  const files = [
    ...checkFiles(directory, platform),
    checkRoom(directory),
    ...checkSpilled(directory),
    ...checkSetAside(directory),
    ...checkLock(directory, now, value?.runningSince),
  ];
  switch (store.state) {
    case 'ok':
      return [...(value?.checked ?? []), ...files];
    case 'absent':
      return [passed('spool', 'There is no spool yet; the first command makes it.'), ...files];
    case 'foreign':
      // The files say why.
      return [...notErased(directory), ...files];
    default: {
      const { state, message, advice } = store;
      return [
        { code: `spool-${state}`, severity: 'error', message, advice },
        ...notErased(directory),
        ...files,
      ];
    }
  }
}

/** Beside a store that cannot be read. */
function notErased(directory: string): Finding[] {
  return isOptedOut(directory) ? [NOT_ERASED] : [];
}

interface Contents {
  readonly checked: Checked[];
  /** When the last flusher run began, if it has not ended. */
  readonly runningSince: number | undefined;
}

function contents(spool: Spool, settings: Settings, now: number): Contents {
  const run = lastRunOf(spool);
  return {
    checked: [
      checkIntegrity(spool),
      checkConservation(spool),
      checkGauges(spool),
      checkClock(spool, now),
      checkIdentity(spool),
      checkQuarantine(spool),
      checkRefusal(spool, settings),
      checkFlusher(readStatus(spool, settings, now), settings, now),
      ...checkErased(spool),
    ],
    runningSince: run?.ended_at === null ? run.started_at : undefined,
  };
}

const NOT_ERASED: Finding = {
  code: 'not-erased',
  severity: 'warning',
  message: 'Recording is switched off here, but what was recorded before may still be in the usage spool.',
  advice: 'Once the spool can be opened, `arcade usage disable` erases it.',
};

/** Whether `usage disable` came to its end. */
function checkErased(spool: Spool): Checked[] {
  if (!isOptedOut(spool.directory)) return [];
  if (!keepsRecords(spool))
    return [passed('not-erased', 'Recording is switched off here, and no event is kept.')];
  const message = 'Recording is switched off here, but what was recorded before is still there.';
  return [{ ...NOT_ERASED, message, advice: '`arcade usage disable` erases it.' }];
}

function checkFlusher(status: Status, { destination }: Settings, now: number): Checked {
  const fault = destination.apiKey === undefined ? null : flusherFault(status, now);
  if (fault === null) return passed('flusher', 'There is no sign of a flusher that was ended early.');
  return {
    code: 'flusher-dies',
    severity: 'warning',
    message: fault,
    advice:
      '`arcade usage flush` sends the events now; make it the last step of a container or a service. `arcade usage doctor --network` starts a flusher and says how that goes.',
  };
}

const DAMAGED =
  'The next command that meets the damage sets the file aside and saves what can be read; `arcade usage export` first, if you want a copy.';

function checkIntegrity(spool: Spool): Checked {
  const orphans = (spool.pragma('foreign_key_check') as unknown[]).length;
  const message = !isSound(spool)
    ? 'The database is damaged.'
    : orphans > 0 && `${orphans} rows refer to rows that are not there.`;
  if (message) return { code: 'integrity', severity: 'error', message, advice: DAMAGED };
  return passed('integrity', 'The database is sound.');
}

function checkConservation(spool: Spool): Checked {
  const { recorded, delivered, pending, quarantined, dropped, purged } = readLedger(spool);
  const lost = Object.values(dropped).reduce((sum, number) => sum + number, 0);
  const sum = delivered + pending + quarantined + lost + purged;
  const terms = `${delivered} delivered + ${pending} pending + ${quarantined} quarantined + ${lost} dropped + ${purged} purged`;
  if (sum === recorded) {
    const uncounted = readCounter(spool, UNCOUNTED);
    const all = `${recorded} recorded = ${terms}.`;
    if (uncounted === 0) return passed('conservation', `Every record is accounted for: ${all}`);
    const message = `Of ${uncounted === 1 ? 'a damaged database' : `${uncounted} damaged databases`} it is not known how many records were lost with them. All others are accounted for: ${all}`;
    const advice = 'Nothing can be done about them; commands and later records are not concerned.';
    return { code: 'uncounted', severity: 'info', message, advice };
  }
  return {
    code: 'conservation',
    severity: 'error',
    message: `${recorded} recorded is not ${terms}, which is ${sum}.`,
    advice: 'The counters do not add up: please report it, with what `arcade usage status --json` says.',
  };
}

function checkGauges(spool: Spool): Checked {
  const count = spool.statement('SELECT count(*) FROM record WHERE state = ?').pluck();
  const wrong = ['pending', 'quarantined'].filter((state) => readCounter(spool, state) !== count.get(state));
  if (wrong.length === 0) return passed('gauges', 'The counters agree with the records.');
  return {
    code: 'gauges',
    severity: 'error',
    message: `The counter of ${wrong.join(' and ')} records does not agree with the records themselves.`,
    advice: 'Please report it, with what `arcade usage status --json` says.',
  };
}

/** A minute is what a clock that is being corrected may be off. */
const CLOCK_MS = 60_000;

function checkClock(spool: Spool, now: number): Checked {
  const { at } = spool.statement('SELECT max(recorded_at) AS at FROM record').get() as { at: number | null };
  if (at === null || at <= now + CLOCK_MS) return passed('clock', 'The clock has not gone back.');
  return {
    code: 'clock',
    severity: 'warning',
    message: `The latest event is from ${new Date(Math.min(at, LAST_TIME)).toISOString()}, which this clock has not reached yet.`,
    advice: 'Set the clock of this machine, or let the network set it; times are recorded as it tells them.',
  };
}

function checkIdentity(spool: Spool): Checked {
  const current = currentIdentity(spool);
  const shared = readUsageJson(sharedFile(spool.directory));
  if (current === null) return passed('identity', 'There is no identity yet; the first command makes one.');
  if (shared === undefined) {
    return {
      code: 'identity',
      severity: 'info',
      message:
        'usage.json is missing or cannot be understood; other Arcade programs then use an id of their own.',
      advice: 'The next command writes it again, unless recording is off.',
    };
  }
  const same = shared.anonId === current.anonId && shared.principalId === current.principalId;
  if (same) return passed('identity', 'usage.json says what the database says.');
  return {
    code: 'identity',
    severity: 'info',
    message: 'usage.json says something else than the database: another Arcade program has changed it.',
    advice: 'The next command follows it. `arcade usage identity` shows both.',
  };
}

/** Being offline passes by itself; a key that PostHog rejects, or another server in its place, does not. */
function checkRefusal(spool: Spool, { destination }: Settings): Checked {
  const backoff = backoffOf(spool, postHogAt(spool, destination));
  const found = backoff === null ? undefined : REFUSALS[backoff.reason];
  if (found === undefined) return passed('refused', 'The destination has not rejected anything.');
  const [what, advice] = found;
  return { code: 'refused', severity: 'warning', message: `${what}: nothing is delivered.`, advice };
}

const NOT_POSTHOG = [
  "Something else answers in PostHog's place, or it rejects everything",
  'Sign in to the network you are on; `arcade usage doctor --network` looks closer.',
] as const;
const REFUSALS: Readonly<Partial<Record<BackoffReason, readonly [string, string]>>> = {
  unauthorized: ['PostHog does not accept the project key', 'Check ARCADE_POSTHOG_API_KEY, if you set it.'],
  proxy: ['The address of the proxy cannot be used', 'Check HTTPS_PROXY and HTTP_PROXY.'],
  portal: NOT_POSTHOG,
  rejected: NOT_POSTHOG,
};

function checkQuarantine(spool: Spool): Checked {
  const number = readCounter(spool, 'quarantined');
  if (number === 0) return passed('quarantine', 'No record is quarantined.');
  return {
    code: 'quarantine',
    severity: 'info',
    message: `PostHog refused ${number} record${number === 1 ? '' : 's'} for good.`,
    advice: 'See `arcade usage list --state quarantined`; then `usage requeue` or `usage discard`.',
  };
}
