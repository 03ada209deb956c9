/** Runs histories with real processes, and asks the same oracle what came of them. */
import { stampOf } from '../../src/usage/spool/usage-json.ts';
import { told } from './campaign.ts';
import { realHistoryOf } from './generator.ts';
import { createOracle, type Oracle } from './oracle.ts';
import { drainWith, type Ended, logInAs, run } from './real-processes.ts';
import type { RecordedAlias } from './real-sink.ts';
import { credentialsText, keyOf, letOthersAct, openRealWorld, type RealWorld, WHOSE } from './real-world.ts';
import { FINALE, type Login, type Step, type StepOf } from './steps.ts';
import {
  type Glimpse,
  glimpse,
  identityIn,
  loginIn,
  sharedPath,
  shellLogin,
  understood,
  writeShared,
} from './world.ts';

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

/** Runs the steps, then lets everything be well, gives one more command and drains. */
async function runRealHistory(steps: readonly Step[], seed: number): Promise<RealOutcome> {
  const world = await openRealWorld(seed);
  const stage: Stage = { world, oracle: createOracle(), labels: [], wrong: [], deaths: 0, spilled: false };
  try {
    for (const step of [...steps, ...FINALE]) await take(stage, step);
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

async function take(stage: Stage, step: Step): Promise<void> {
  const { world } = stage;
  switch (step.do) {
    case 'command':
      return await command(stage, step);
    case 'login':
      return world.arcade === 'up'
        ? await login(stage, step)
        : await letOthersAct(world, { do: 'replace', as: step.as });
    case 'logout':
      return world.file === 'corrupt' ? undefined : await logout(stage, step);
    case 'drain':
      return await drain(stage, step);
    case 'usage.json':
      // What another program has just told us through the file must not be lost.
      if (isOurs(world)) writeShared(world, step.becomes === 'garbage' ? '{' : '');
      return;
    case 'clock':
    case 'reset':
    case 'lose usage.db':
    case 'copy the machine':
      throw new Error(`not with real processes: ${step.do}`);
    default:
      return await letOthersAct(world, step);
  }
}

async function command(stage: Stage, { shell, many = 1, kill }: StepOf<'command'>): Promise<void> {
  const key = keyIn(shell);
  const login = loginIn(stage.world, shell);
  await recording(stage, { login, change: null, fromEnvironment: key !== undefined }, () =>
    Promise.all(
      Array.from({ length: many }, () => run(stage.world, { args: ['secret', 'list'], key, kill })),
    ),
  );
}

async function login(stage: Stage, { as, kill }: StepOf<'login'>): Promise<void> {
  const before = credentialsText(stage.world);
  await recording(stage, { login: as, change: 'login' }, async () => {
    const ended = await logInAs(stage.world, as, kill);
    if (!ended.killed && ended.exitCode !== 0) stage.wrong.push(`no login: ${ended.stderr}`);
    // Killed before it had stored them, it has changed nothing.
    if (!ended.killed || credentialsText(stage.world) !== before) stage.world.file = as;
    return [ended];
  });
}

async function logout(stage: Stage, { kill }: StepOf<'logout'>): Promise<void> {
  const before = loginIn(stage.world, 0);
  await recording(stage, { login: before, change: 'logout' }, async () => [
    await run(stage.world, { args: ['logout'], kill }),
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

async function drain(stage: Stage, { shell, impatient, kill }: StepOf<'drain'>): Promise<void> {
  const { world, oracle } = stage;
  const { arcade } = world.servers;
  const login = loginIn(world, shell);
  const ending = oracle.drains(world.sink.moment(), shell !== 0);
  ending.reads(login, Date.now());
  const before = glimpse(world);
  const requests = arcade.requests.length;
  const { killed } = await drainWith(world, { key: keyIn(shell), kill, impatient });
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
  oracle.became(identityIn(world));
  if (after.inode !== before.inode && isOurs(world)) oracle.exported(after.text);
}

/** Whether usage.json is as a transaction of ours has left it. */
function isOurs(world: RealWorld): boolean {
  const [row] = world.rows<{ export_stamp: string | null }>('SELECT export_stamp FROM installation');
  return row?.export_stamp != null && row.export_stamp === stampOf(sharedPath(world));
}

const keyIn = (shell: 0 | 1 | 2): string | undefined => (shell === 0 ? undefined : keyOf(shellLogin(shell)));

/** The conservation law, and that nothing is left. */
function left(world: RealWorld): string[] {
  const sql = `SELECT value FROM ledger WHERE name IN ('delivered', 'recorded') ORDER BY name`;
  const [delivered, recorded] = world.rows<{ value: number }>(sql).map(({ value }) => value);
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
      if (outcome.violations.length > 0) failures.push(told(`seed ${seed}`, outcome.violations, steps));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { failures, events, deaths };
}
