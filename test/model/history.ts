/** Runs a history on one machine and says what came of it. */

import { readLedger } from '../../src/usage/spool/ledger.ts';
import { countSpilled } from '../../src/usage/spool/spill.ts';
import { record, reset } from './command.ts';
import { drainOnce } from './flusher.ts';
import { createOracle } from './oracle.ts';
import { actAsOther } from './others.ts';
import { randomFrom } from './random.ts';
import { count, type Run } from './run.ts';
import { openSink, type Sink } from './sink.ts';
import { FINALE, type Step } from './steps.ts';
import {
  accountId,
  glimpse,
  identityIn,
  loginIn,
  openWorld,
  understood,
  type World,
  writeShared,
} from './world.ts';

export interface Outcome {
  readonly violations: readonly string[];
  /** How often each thing happened. */
  readonly counts: ReadonlyMap<string, number>;
}

const START = Date.UTC(2026, 0, 1);

/** Runs the steps, then lets everything be well, gives one more command and drains. */
export async function runHistory(steps: readonly Step[], seed: number): Promise<Outcome> {
  const world = openWorld(START);
  const sink = openSink(world, seed);
  const run: Run = {
    world,
    sink,
    oracle: createOracle(),
    counts: new Map(),
    random: randomFrom(seed),
    act: (step) => take(run, step),
    events: 0,
    spilled: new Set(),
  };
  const violations: string[] = [];
  try {
    for (const step of steps) await take(run, step);
    for (const step of FINALE) await take(run, step);
    violations.push(...conserved(run, true), ...sink.violations, ...run.oracle.judge(sink, sentAs(sink)));
  } catch (error) {
    violations.push(`it broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  } finally {
    world.close();
  }
  return { violations: [...new Set(violations)], counts: run.counts };
}

/** Under which id each event, by its number, has reached PostHog. */
function sentAs(sink: Sink): (label: number) => string | undefined {
  const ids = new Map(
    sink.stored().map((event) => [event.properties.device_start_timestamp, event.distinct_id] as const),
  );
  return (label) => ids.get(label);
}

async function take(run: Run, step: Step): Promise<void> {
  const { world, sink } = run;
  count(run, step.do === 'posthog' || step.do === 'arcade' ? `${step.do} ${step.is}` : step.do);
  world.now += 1000;
  switch (step.do) {
    case 'command':
      record(run, {
        login: loginIn(world, step.shell),
        change: null,
        fromEnvironment: step.shell !== 0,
        ...step,
      });
      break;
    case 'login':
      world.file = step.as;
      if (step.tracked) record(run, { login: step.as, change: 'login', resolvable: true, ...step });
      break;
    case 'logout': {
      const login = loginIn(world, 0);
      world.file = null;
      if (step.tracked) record(run, { login, change: 'logout', resolvable: true, ...step });
      break;
    }
    case 'drain':
      await drainOnce(run, step);
      break;
    case 'reset':
      reset(run);
      break;
    case 'usage.json':
      tamper(run, step.becomes);
      break;
    case 'clock':
      world.now = Math.max(START / 2, world.now + step.byMs);
      break;
    case 'lose usage.db':
      // A usage.json from before, without the database that knows it, would join accounts in anybody's hands.
      if (isFromBefore(world)) writeShared(world, world.texts.at(-1) ?? '');
      // One that was too old when it was taken in was dropped at once, and the count of that is lost.
      if (countSpilled(world.directory).waiting === 0) run.spilled.clear();
      world.loseDatabase();
      run.oracle.lostDatabase();
      break;
    case 'copy the machine':
      world.copyMachine();
      // Without an identity nothing remembers where its anon_id was drawn.
      if (identityIn(world) !== null) run.oracle.copied();
      break;
    default:
      actAsOther(world, sink, step);
  }
  run.oracle.violations.push(...conserved(run, false));
}

function isFromBefore(world: World): boolean {
  const { text } = glimpse(world);
  return (
    understood(text)?.anonId.startsWith('account-of-') === true || world.texts.slice(0, -1).includes(text)
  );
}

/** What another program has just told us through the file must not be lost: nobody else could know it. */
function tamper(run: Run, becomes: Extract<Step, { do: 'usage.json' }>['becomes']): void {
  const { world } = run;
  const { text } = glimpse(world);
  if (text !== '' && text !== world.texts.at(-1) && understood(text) !== null) return;
  const earlier = world.texts[Math.floor(run.random() * world.texts.length)] ?? '';
  const known = (['A', 'B', 'C'] as const).find((who) => run.oracle.isKnown({ who, via: 'oauth' }));
  const account =
    known === undefined ? '' : JSON.stringify({ anon_id: accountId(known), linked_principal_id: null });
  writeShared(
    world,
    { garbage: '{"anon_id": ', nothing: '', 'an earlier one': earlier, 'an account': account }[becomes],
  );
}

/** The conservation law, and at the end that nothing is left and nothing came twice. */
function conserved({ world, sink, spilled }: Run, atTheEnd: boolean): string[] {
  const { recorded, delivered, pending, quarantined, dropped, purged } = readLedger(world.commands);
  const gone = Object.values(dropped).reduce((sum, each) => sum + each, 0);
  const rows = world.commands.statement(`SELECT count(*) AS n FROM record WHERE state = 'pending'`).get() as {
    n: number;
  };
  const wrong: string[] = [];
  if (recorded !== delivered + pending + quarantined + gone + purged || rows.n !== pending) {
    wrong.push(`not conserved: ${recorded}, ${delivered}, ${pending} of ${rows.n}, ${quarantined}, ${gone}`);
  }
  if (!atTheEnd) return wrong;
  const { waiting, bad } = countSpilled(world.directory);
  if (waiting + bad > 0 || (spilled.size > 0 && (dropped.expired ?? 0) === 0))
    wrong.push(`never taken in: ${waiting} files, ${bad} bad, events ${[...spilled]}`);
  // A clock that is set ahead by years makes events too old to be sent.
  const lost = gone - (dropped.expired ?? 0);
  if (pending + quarantined + lost > 0)
    wrong.push(`left: ${pending} pending, ${quarantined} refused, ${lost} lost`);
  const labels = sink.stored().flatMap((event) => event.properties.device_start_timestamp ?? []);
  if (new Set(labels).size !== labels.length) wrong.push('an event was stored twice');
  return wrong;
}
