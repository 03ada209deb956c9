/** Runs histories with real processes, and asks the same oracle what came of them. */
import { stampOf } from '../../src/usage/spool/usage-json.ts';
import { createOracle, type Oracle } from './oracle.ts';
import { pythonCommand, pythonLogin, pythonLogout, pythonStartsAfresh } from './python.ts';
import { drainWith, type Ended, logInAs, run } from './real-processes.ts';
import type { RecordedAlias } from './real-sink.ts';
import { type RealStep, realHistoryOf } from './real-steps.ts';
import {
  credentialsText,
  keyOf,
  openRealWorld,
  type RealWorld,
  setArcade,
  setPostHog,
  WHOSE,
  writeCredentials,
} from './real-world.ts';
import { FINALE, type Login, type Step } from './steps.ts';
import { type Glimpse, glimpse, loginIn, sharedPath, understood, writeShared } from './world.ts';

interface Stage {
  readonly world: RealWorld;
  readonly oracle: Oracle;
  /** The uuids of the events, by their numbers. */
  readonly labels: string[];
  readonly wrong: string[];
  deaths: number;
  /** The machine was too busy for a command to have the database in time: who its event belongs to is for other tests. */
  spilled: boolean;
}

interface RealOutcome {
  readonly spilled: boolean;
  readonly violations: readonly string[];
  /** How many processes were killed. */
  readonly deaths: number;
  readonly events: number;
}

const plain = (step: Step): RealStep => ({ step, killAt: '', many: 1 });
/** Runs the steps, then lets everything be well, gives one more command and drains. */
async function runRealHistory(steps: readonly RealStep[], seed: number): Promise<RealOutcome> {
  const world = await openRealWorld(seed);
  const stage: Stage = { world, oracle: createOracle(), labels: [], wrong: [], deaths: 0, spilled: false };
  try {
    for (const step of [...steps, ...FINALE.map(plain)]) await take(stage, step);
    const { sink, servers } = world;
    const ids = new Map(servers.posthog.stored().map((event) => [event.uuid, event.distinct_id]));
    const aliases = world.rows<RecordedAlias>(
      `SELECT uuid, distinct_id, recorded_at FROM record WHERE kind = 'alias'`,
    );
    const judged = stage.oracle.judge(sink, (label) => ids.get(stage.labels[label] ?? ''));
    const violations = [...stage.wrong, ...left(world), ...sink.wrong(aliases), ...judged];
    const { deaths, labels, spilled } = stage;
    return { violations: [...new Set(violations)], deaths, events: labels.length, spilled };
  } finally {
    await world.close();
  }
}

async function take(stage: Stage, real: RealStep): Promise<void> {
  const { world } = stage;
  const { step } = real;
  switch (step.do) {
    case 'command':
      await command(stage, step.shell, real);
      break;
    case 'login':
      if (world.arcade === 'up') await login(stage, step.as, real);
      else writeCredentials(world, step.as);
      break;
    case 'logout':
      if (world.file !== 'corrupt') await logout(stage, real);
      break;
    case 'drain':
      await drain(stage, step, real);
      break;
    case 'replace':
      writeCredentials(world, step.as);
      break;
    case 'remove':
      writeCredentials(world, null);
      break;
    case 'corrupt':
      writeCredentials(world, 'corrupt');
      break;
    case 'posthog':
      await setPostHog(world, step.is);
      break;
    case 'arcade':
      await setArcade(world, step.is);
      break;
    case 'usage.json':
      // What another program has just told us through the file must not be lost.
      if (isOurs(world)) writeShared(world, step.becomes === 'garbage' ? '{' : '');
      break;
    default:
      others(world, step);
  }
  await world.sink.settled();
}

/** The other program; what it does with the credentials is done to the file. */
function others(world: RealWorld, step: Step): void {
  const { file } = world;
  if (step.do === 'python command') pythonCommand(world, world.sink);
  if (step.do === 'python login') pythonLogin(world, world.sink, step.as);
  if (step.do === 'python logout') pythonLogout(world);
  if (step.do === 'python starts afresh') pythonStartsAfresh(world, world.sink, step.as);
  if (world.file !== file) writeCredentials(world, world.file);
}

async function command(stage: Stage, shell: 0 | 1 | 2, { killAt, many }: RealStep): Promise<void> {
  const key = keyIn(shell);
  const login = loginIn(stage.world, shell);
  await recording(stage, { login, change: null, fromEnvironment: key !== undefined }, () =>
    Promise.all(
      Array.from({ length: many }, () => run(stage.world, { args: ['secret', 'list'], key, killAt })),
    ),
  );
}

async function login(stage: Stage, as: Login, { killAt }: RealStep): Promise<void> {
  const before = credentialsText(stage.world);
  await recording(stage, { login: as, change: 'login' }, async () => {
    const ended = await logInAs(stage.world, as, killAt);
    if (!ended.killed && ended.exitCode !== 0) stage.wrong.push(`no login: ${ended.stderr}`);
    // Killed before it had stored them, it has changed nothing.
    if (!ended.killed || credentialsText(stage.world) !== before) stage.world.file = as;
    return [ended];
  });
}

async function logout(stage: Stage, { killAt }: RealStep): Promise<void> {
  const before = loginIn(stage.world, 0);
  await recording(stage, { login: before, change: 'logout' }, async () => [
    await run(stage.world, { args: ['logout'], killAt }),
  ]);
  if (credentialsText(stage.world) === '') stage.world.file = null;
}

interface Recording {
  readonly login: Login | null | undefined;
  readonly change: 'login' | 'logout' | null;
  readonly fromEnvironment?: boolean;
}

/** Tells the oracle of the events that some processes have recorded, and of what they left in usage.json. */
async function recording(
  stage: Stage,
  { login, change, fromEnvironment = false }: Recording,
  work: () => Promise<Ended[]>,
): Promise<void> {
  const { world, oracle } = stage;
  const before = glimpse(world);
  const known = new Set(captures(world).map(({ uuid }) => uuid));
  const ended = await work();
  stage.deaths += ended.filter(({ killed }) => killed).length;
  stage.spilled ||= world.home.spilled().length > 0;
  const after = glimpse(world);
  const events = captures(world).filter(({ uuid }) => !known.has(uuid));
  if (events.length < ended.filter(({ killed }) => !killed).length)
    stage.wrong.push('an event was not recorded');
  let { text } = before;
  for (const { uuid, recorded_at } of events) {
    const label = stage.labels.push(uuid) - 1;
    // Killed before its export, a command leaves usage.json one identity behind.
    const anonId = ended.some(({ killed }) => killed) ? null : (understood(after.text)?.anonId ?? null);
    oracle.recorded(label, login, {
      text,
      now: recorded_at,
      change,
      resolvable: true,
      fromEnvironment,
      anonId,
    });
    // What the first of them wrote is no news to the others.
    noteExport(stage, before, after);
    text = after.text;
  }
  noteExport(stage, before, after);
}

const captures = (world: RealWorld) =>
  world.rows<{ uuid: string; recorded_at: number }>(
    `SELECT uuid, recorded_at FROM record WHERE kind = 'capture' ORDER BY id`,
  );

async function drain(
  stage: Stage,
  { shell, impatient }: Extract<Step, { do: 'drain' }>,
  { killAt }: RealStep,
): Promise<void> {
  const { world, oracle } = stage;
  const { arcade } = world.servers;
  const login = loginIn(world, shell);
  const ending = oracle.drains(world.sink.moment(), shell !== 0);
  ending.reads(login, Date.now());
  const before = glimpse(world);
  const requests = arcade.requests.length;
  const { killed } = await drainWith(world, { key: keyIn(shell), killAt, impatient });
  const asked = arcade.requests.slice(requests).some(({ path }) => WHOSE.test(path));
  const now = Date.now();
  if (asked && login) {
    oracle.asks(login);
    oracle.answered(login, world.arcade === 'up' ? 'principal' : 'refused', before.text, now);
  }
  const after = glimpse(world);
  if (isOurs(world)) oracle.follows(before.text);
  noteExport(stage, before, after);
  if (killed) {
    stage.deaths += 1;
    if (asked && login && oracle.isKnown(login)) oracle.forgetsPerhaps(login);
  }
  const there = new Set(captures(world).map(({ uuid }) => uuid));
  ending.ends({
    killed,
    // Of a server that is down nobody can tell whether it was asked.
    asked: asked || world.arcade === 'down',
    impatient,
    now,
    isThere: (label) => there.has(stage.labels[label] ?? ''),
  });
}

/** Tells the oracle who events are sent as now, and of a usage.json that says so. */
function noteExport({ world, oracle }: Stage, before: Glimpse, after: Glimpse): void {
  const [row] = world.rows(
    'SELECT anon_id, principal_id AS linked_principal_id FROM identity WHERE retired_at IS NULL',
  );
  oracle.became(understood(JSON.stringify(row ?? null)));
  if (after.inode !== before.inode && isOurs(world)) oracle.exported(after.text);
}

/** Whether usage.json is as a transaction of ours has left it. */
function isOurs(world: RealWorld): boolean {
  const [row] = world.rows<{ export_stamp: string | null }>('SELECT export_stamp FROM installation');
  return row?.export_stamp != null && row.export_stamp === stampOf(sharedPath(world));
}

const keyIn = (shell: 0 | 1 | 2): string | undefined =>
  shell === 0 ? undefined : keyOf(shell === 1 ? { who: 'B', via: 'key 1' } : { who: 'C', via: 'key 2' });

/** The conservation law, and that nothing is left. */
function left(world: RealWorld): string[] {
  const ledger = new Map(
    world
      .rows<{ name: string; value: number }>('SELECT name, value FROM ledger')
      .map((row) => [row.name, row.value]),
  );
  const [recorded, delivered] = [ledger.get('recorded'), ledger.get('delivered')];
  return recorded === delivered ? [] : [`${recorded} recorded, ${delivered} delivered`];
}

interface RealCampaign {
  readonly failures: readonly string[];
  readonly events: number;
  readonly deaths: number;
}

const AT_ONCE = 5;
/** More of a history whose commands spilled. */
const TRIES = 4;

/** Runs the histories of the seeds from `first`. */
export async function runRealCampaign(first: number, histories: number): Promise<RealCampaign> {
  const failures: string[] = [];
  let [next, events, deaths] = [first, 0, 0];
  const worker = async (): Promise<void> => {
    while (next < first + histories) {
      const seed = next;
      next += 1;
      const steps = realHistoryOf(seed);
      let outcome = await runRealHistory(steps, seed);
      for (let again = 0; outcome.spilled && again < TRIES; again += 1)
        outcome = await runRealHistory(steps, seed);
      events += outcome.events;
      deaths += outcome.deaths;
      if (outcome.violations.length > 0) failures.push(told(seed, outcome.violations, steps));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { failures, events, deaths };
}

function told(seed: number, violations: readonly string[], steps: readonly RealStep[]): string {
  return [`seed ${seed}:`, ...violations, ...steps.map((step) => `  ${JSON.stringify(step)},`)].join('\n');
}
