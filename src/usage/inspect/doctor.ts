/** Checks of the store: each says that all is well, or what is wrong and what to do. */
import { join } from 'node:path';
import { FLUSHER, type Settings } from '../../settings.ts';
import { LAST_TIME } from '../event/wire.ts';
import { setAsideFiles } from '../spool/aside.ts';
import { error, type Finding, info, passed, warning } from '../spool/finding.ts';
import { readCounter, UNCOUNTED } from '../spool/ledger.ts';
import { currentUser, placeProblems } from '../spool/place.ts';
import { countSpilled, MAX_SPILLED } from '../spool/spill.ts';
import { installationOf, isSound, type Spool, sharedFile } from '../spool/spool.ts';
import { readUsageJson } from '../spool/usage-json.ts';
import { NO_HOME, roomObstacle } from './obstacles.ts';
import { readSnapshot } from './snapshot.ts';
import { deliveryOf, isFlusherAlive, leftByDisable, readStatus, type Status } from './status.ts';

/** Checks the store and all that is beside it. Changes nothing. `now` is ms since the epoch. */
export async function checkStore(settings: Settings, now: number): Promise<Finding[]> {
  const { directory } = settings;
  if (directory === undefined) return [NO_HOME];
  const { store, value } = await readSnapshot(settings, (spool) => {
    const status = readStatus(spool, settings, now);
    return { status, contents: CHECKS.map((check) => check({ spool, status, settings, now })) };
  });
  const { status, contents = [] } = store.state === 'ok' && value !== undefined ? value : {};
  const findings = [...contents];
  if (store.state !== 'no sqlite')
    findings.push(passed('native-module', `better-sqlite3 loads in Node ${process.versions.node}.`));
  if (store.state === 'absent')
    findings.push(passed('spool', 'There is no spool yet; the first command makes it.'));
  // Of a foreign one the files say why.
  if ('advice' in store && store.state !== 'foreign') findings.push(store);
  const left = leftByDisable(settings, store, status);
  if (left !== undefined) findings.push(left);
  return [
    ...findings,
    ...checkFiles(directory, process.platform),
    roomObstacle(directory) ?? passed('room', 'There is room for more events.'),
    ...checkSpilled(directory),
    ...checkSetAside(directory),
    checkLock(directory, now, status?.lastRun ?? null),
  ];
}

interface Seen {
  readonly spool: Spool;
  readonly status: Status;
  readonly settings: Settings;
  readonly now: number;
}

/** What is checked of the database itself. */
const CHECKS: readonly ((seen: Seen) => Finding)[] = [
  checkIntegrity,
  checkConservation,
  checkGauges,
  checkClock,
  checkIdentity,
  checkQuarantine,
  ({ status, settings, now }) => deliveryOf(status, settings, now),
];

function checkIntegrity({ spool }: Seen): Finding {
  const orphans = (spool.pragma('foreign_key_check') as unknown[]).length;
  if (orphans === 0 && isSound(spool)) return passed('integrity', 'The database is sound.');
  return error(
    'integrity',
    orphans > 0 ? `${orphans} rows refer to rows that are not there.` : 'The database is damaged.',
    'The next command that meets the damage sets the file aside and saves what can be read; `arcade usage export` first, if you want a copy.',
  );
}

function checkConservation({ spool, status }: Seen): Finding {
  const { recorded, delivered, pending, quarantined, dropped, purged } = status.ledger;
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

function checkGauges({ spool }: Seen): Finding {
  const gauges = `SELECT name FROM ledger WHERE name IN ('pending', 'quarantined')
    AND value <> (SELECT count(*) FROM record WHERE state = name)`;
  const wrong = spool.statement(gauges).pluck().all();
  if (wrong.length === 0) return passed('gauges', 'The counters agree with the records.');
  const message = `The counter of ${wrong.join(' and ')} records does not agree with the records themselves.`;
  return error('gauges', message, REPORT_IT);
}

/** A minute is what a clock that is being corrected may be off. */
const CLOCK_MS = 60_000;

function checkClock({ spool, now }: Seen): Finding {
  const latest = spool.statement('SELECT max(recorded_at) FROM record').pluck().get() as number | null;
  if (latest === null || latest <= now + CLOCK_MS) return passed('clock', 'The clock has not gone back.');
  return warning(
    'clock',
    `The latest event is from ${new Date(Math.min(latest, LAST_TIME)).toISOString()}, which is in the future.`,
    'Set the clock of this machine, or let the network set it; events carry its time.',
  );
}

function checkIdentity({ spool, status: { identity } }: Seen): Finding {
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

function checkQuarantine({ status }: Seen): Finding {
  const { quarantined } = status.ledger;
  if (quarantined === 0) return passed('quarantine', 'No record is quarantined.');
  return info(
    'quarantine',
    `PostHog permanently rejected ${quarantined} record${quarantined === 1 ? '' : 's'}.`,
    'See `arcade usage list --state quarantined`; then `usage requeue` or `usage discard`.',
  );
}

/** Whether the files belong to this user and are closed to others. `platform`: as `process.platform`. */
export function checkFiles(directory: string, platform: NodeJS.Platform): Finding[] {
  try {
    const found = placeProblems(directory, currentUser());
    if (found.length > 0) return found.map(({ finding }) => finding);
  } catch {
    // The store cannot be read either, and says why.
    return [];
  }
  if (platform !== 'win32') return [passed('files', 'Only you have access to the files.')];
  return [
    info(
      'files',
      'Who else may open the files is not checked on Windows.',
      'Keep ARCADE_WORK_DIR inside your user profile, which Windows closes to other users.',
    ),
  ];
}

/** What the database could not take in time. */
function checkSpilled(directory: string): Finding[] {
  const { waiting, bad } = countSpilled(directory);
  const findings = [passed('spill', `Events that wait in files for the database: ${waiting}.`)];
  if (waiting >= MAX_SPILLED) {
    const message = `${waiting} events wait in files because the database cannot be used; no more are recorded.`;
    const advice = 'Fix the other findings first; the next commands then add these events to the database.';
    findings.push(error('spill-full', message, advice));
  }
  if (bad > 0) {
    const message = `Files in ${join(directory, 'spill')} that are not events of this program, renamed to .bad: ${bad}.`;
    findings.push(warning('spill-bad', message, 'Inspect them if you like, then delete them.'));
  }
  return findings;
}

/** What earlier damage has left. */
function checkSetAside(directory: string): Finding[] {
  let names: string[];
  try {
    names = setAsideFiles(directory);
  } catch {
    return [];
  }
  if (names.length === 0) return [];
  return [
    info(
      'set-aside',
      `A damaged database was set aside: ${names.join(', ')}.`,
      'What can be read of one called `damaged` is recovered by the next flusher; what cannot is counted as dropped. Delete them if you do not want to look into them.',
    ),
  ];
}

/** Whether what holds usage.lock can be a flusher: that of the last run, if it has not ended. */
function checkLock(directory: string, now: number, run: Status['lastRun']): Finding {
  if (!isFlusherAlive(directory)) return passed('lock', 'No flusher is running.');
  if (run?.ended_at === null && now - run.started_at <= FLUSHER.budgetMs * 2)
    return passed('lock', 'A flusher is running.');
  return warning(
    'lock-stuck',
    'Another process has held usage.lock for longer than a flusher can run; nothing is sent meanwhile.',
    'It is free again when that process ends: a long `arcade usage flush --timeout`, or a stopped one.',
  );
}
