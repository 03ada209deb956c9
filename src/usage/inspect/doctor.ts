/** Checks of the store: each says that all is well, or what is wrong and what to do. */
import type { Settings } from '../../settings.ts';
import { LAST_TIME } from '../event/wire.ts';
import { type BackoffReason, backoffOf, postHogAt } from '../spool/backoff.ts';
import { error, type Finding, info, passed, warning } from '../spool/finding.ts';
import { readCounter, UNCOUNTED } from '../spool/ledger.ts';
import { isOptedOut } from '../spool/place.ts';
import { installationOf, isSound, type Spool, sharedFile } from '../spool/spool.ts';
import { readUsageJson } from '../spool/usage-json.ts';
import { checkFiles, checkLock, checkSetAside, checkSpilled } from './doctor-files.ts';
import { NO_HOME, roomObstacle } from './obstacles.ts';
import { readSnapshot } from './snapshot.ts';
import { backoffInWords, flusherFault, readStatus, type Status } from './status.ts';

/** Checks the store and all that is beside it. Changes nothing. `now` is ms since the epoch. */
export async function checkStore(settings: Settings, now: number): Promise<Finding[]> {
  const { directory } = settings;
  if (directory === undefined) return [NO_HOME];
  const { store, value } = await readSnapshot(settings, (spool) => {
    const status = readStatus(spool, settings, now);
    return { checked: checkContents(spool, settings, status, now), lastRun: status.lastRun };
  });
  const files = [
    ...checkFiles(directory, process.platform),
    roomObstacle(directory) ?? passed('room', 'There is room for more events.'),
    ...checkSpilled(directory),
    ...checkSetAside(directory),
    checkLock(directory, now, value?.lastRun ?? null),
  ];
  const loads = passed('native-module', `better-sqlite3 loads in Node ${process.versions.node}.`);
  if (store.state === 'ok') return [loads, ...(value?.checked ?? []), ...files];
  if (store.state === 'absent')
    return [loads, passed('spool', 'There is no spool yet; the first command makes it.'), ...files];
  const notErased = isOptedOut(directory) ? [NOT_ERASED] : [];
  if (store.state === 'no sqlite') return [store, ...notErased, ...files];
  // Of a foreign one the files say why.
  return [loads, ...(store.state === 'foreign' ? [] : [store]), ...notErased, ...files];
}

function checkContents(spool: Spool, settings: Settings, status: Status, now: number): Finding[] {
  return [
    checkIntegrity(spool),
    checkConservation(spool, status),
    checkGauges(spool),
    checkClock(spool, now),
    checkIdentity(spool, status),
    checkQuarantine(status),
    checkRefusal(spool, settings),
    checkFlusher(status, settings, now),
    ...checkErased(spool, status),
  ];
}

const NOT_ERASED = warning(
  'not-erased',
  'Recording is switched off here, but what was recorded before may still be in the usage spool.',
  'Once the spool can be opened, `arcade usage disable` erases it.',
);

/** Whether `usage disable` came to its end. */
function checkErased({ directory }: Spool, { keepsRecords }: Status): Finding[] {
  if (!isOptedOut(directory)) return [];
  if (!keepsRecords) return [passed('not-erased', 'Recording is switched off here, and no event is kept.')];
  const message = 'Recording is switched off here, but what was recorded before is still there.';
  return [warning('not-erased', message, '`arcade usage disable` erases it.')];
}

function checkFlusher(status: Status, { destination }: Settings, now: number): Finding {
  const fault = destination.apiKey === undefined ? null : flusherFault(status, now);
  if (fault === null) return passed('flusher', 'No flusher was ended early.');
  return warning(
    'flusher-dies',
    fault,
    '`arcade usage flush` sends the events now; make it the last step of a container or a service. `arcade usage doctor --network` starts a flusher and says how that goes.',
  );
}

function checkIntegrity(spool: Spool): Finding {
  const orphans = (spool.pragma('foreign_key_check') as unknown[]).length;
  if (orphans === 0 && isSound(spool)) return passed('integrity', 'The database is sound.');
  return error(
    'integrity',
    orphans > 0 ? `${orphans} rows refer to rows that are not there.` : 'The database is damaged.',
    'The next command that meets the damage sets the file aside and saves what can be read; `arcade usage export` first, if you want a copy.',
  );
}

function checkConservation(spool: Spool, { ledger }: Status): Finding {
  const { recorded, delivered, pending, quarantined, dropped, purged } = ledger;
  const lost = Object.values(dropped).reduce((sum, number) => sum + number, 0);
  const sum = delivered + pending + quarantined + lost + purged;
  const terms = `${delivered} delivered + ${pending} pending + ${quarantined} quarantined + ${lost} dropped + ${purged} purged`;
  if (sum !== recorded)
    return error('conservation', `${recorded} recorded is not ${terms}, which is ${sum}.`, REPORT_IT);
  const uncounted = readCounter(spool, UNCOUNTED);
  const all = `${recorded} recorded = ${terms}.`;
  if (uncounted === 0) return passed('conservation', `Every record is accounted for: ${all}`);
  return info(
    'uncounted',
    `Of ${uncounted === 1 ? 'a damaged database' : `${uncounted} damaged databases`} it is not known how many records were lost with them. All others are accounted for: ${all}`,
    'Nothing can be done about them; commands and later records are not affected.',
  );
}

const REPORT_IT = 'Please report it with the output of `arcade usage status --json`.';

function checkGauges(spool: Spool): Finding {
  const gauges = `SELECT name FROM ledger WHERE name IN ('pending', 'quarantined')
    AND value <> (SELECT count(*) FROM record WHERE state = name)`;
  const wrong = spool.statement(gauges).pluck().all();
  if (wrong.length === 0) return passed('gauges', 'The counters agree with the records.');
  const message = `The counter of ${wrong.join(' and ')} records does not agree with the records themselves.`;
  return error('gauges', message, REPORT_IT);
}

/** A minute is what a clock that is being corrected may be off. */
const CLOCK_MS = 60_000;

function checkClock(spool: Spool, now: number): Finding {
  const latest = spool.statement('SELECT max(recorded_at) FROM record').pluck().get() as number | null;
  if (latest === null || latest <= now + CLOCK_MS) return passed('clock', 'The clock has not gone back.');
  return warning(
    'clock',
    `The latest event is from ${new Date(Math.min(latest, LAST_TIME)).toISOString()}, which is in the future.`,
    'Set the clock of this machine, or let the network set it; events carry its time.',
  );
}

function checkIdentity(spool: Spool, { identity }: Status): Finding {
  if (identity === null) return passed('identity', 'There is no identity yet; the first command makes one.');
  if (installationOf(spool).export_failed_at !== null) {
    return warning(
      'identity',
      'usage.json could not be written; other Arcade programs may still use the account or the id that it names.',
      'Delete it, or whatever stands in its place; the next command writes it again.',
    );
  }
  const shared = readUsageJson(sharedFile(spool.directory));
  if (shared === undefined) {
    return info(
      'identity',
      'usage.json is missing or cannot be parsed; other Arcade programs then use an id of their own.',
      'The next command writes it again, unless recording is off.',
    );
  }
  if (shared.anonId === identity.anonId && shared.principalId === identity.principalId)
    return passed('identity', 'usage.json agrees with the database.');
  return info(
    'identity',
    'usage.json differs from the database: another Arcade program has changed it.',
    'The next command follows it. `arcade usage identity` shows both.',
  );
}

/** Being offline passes by itself; a key that PostHog rejects, or another server in its place, does not. */
function checkRefusal(spool: Spool, { destination }: Settings): Finding {
  const backoff = backoffOf(spool, postHogAt(spool, destination));
  const advice = backoff === null ? undefined : ADVICE[backoff.reason];
  if (backoff === null || advice === undefined)
    return passed('refused', 'The destination has not rejected anything.');
  return warning('refused', `${backoffInWords(backoff)} Nothing is delivered.`, advice);
}

const LOOK_CLOSER =
  'Sign in to the network you are on; `arcade usage doctor --network` tests the connection.';
const ADVICE: Readonly<Partial<Record<BackoffReason, string>>> = {
  unauthorized: 'Check ARCADE_POSTHOG_API_KEY, if you set it.',
  proxy: 'Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY.',
  portal: LOOK_CLOSER,
  rejected: LOOK_CLOSER,
};

function checkQuarantine({ ledger: { quarantined } }: Status): Finding {
  if (quarantined === 0) return passed('quarantine', 'No record is quarantined.');
  return info(
    'quarantine',
    `PostHog permanently rejected ${quarantined} record${quarantined === 1 ? '' : 's'}.`,
    'See `arcade usage list --state quarantined`; then `usage requeue` or `usage discard`.',
  );
}
