/** Runs a history on one machine and says what came of it. */

import type { WireRecord } from '../../src/infra/posthog.ts';
import { append } from '../../src/usage/append.ts';
import { drain } from '../../src/usage/drain.ts';
import { readLedger } from '../../src/usage/ledger.ts';
import type { InForce, Whose } from '../../src/usage/resolve.ts';
import { seenBy } from './edges.ts';
import { Killed, type Life, lifeOf, mortal } from './mortal.ts';
import { type Change, createOracle, type Oracle } from './oracle.ts';
import { pythonCommand, pythonLogin, pythonLogout, pythonStartsAfresh } from './python.ts';
import { randomFrom } from './random.ts';
import { openSink, type Sink } from './sink.ts';
import type { Login, Step } from './steps.ts';
import {
  accountId,
  accountOfLogin,
  glimpse,
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
  /** The requests that PostHog saw. */
  readonly log: readonly string[];
}

interface Run {
  readonly world: World;
  readonly sink: Sink;
  readonly oracle: Oracle;
  readonly counts: Map<string, number>;
  readonly random: () => number;
  events: number;
}

const DESTINATION = { host: 'http://posthog.test', apiKey: undefined };
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
    events: 0,
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
  return { violations: [...new Set(violations)], counts: run.counts, log: sink.log };
}

const DRAIN: Step = { do: 'drain', shell: 0, impatient: true };
const FINALE: readonly Step[] = [
  { do: 'posthog', is: 'up' },
  { do: 'arcade', is: 'up' },
  { do: 'command', shell: 0, resolvable: true },
  DRAIN,
  { do: 'remove' },
  DRAIN,
];

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
      record(run, { login: loginIn(world, step.shell), change: null, ...step });
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
    case 'replace':
      world.file = step.as;
      break;
    case 'remove':
      world.file = null;
      break;
    case 'corrupt':
      world.file = 'corrupt';
      break;
    case 'refresh':
      break; // Every reading of the file sees another token, see `accountOfLogin`.
    case 'python command':
      pythonCommand(world, sink);
      break;
    case 'python login':
      pythonLogin(world, sink, step.as);
      break;
    case 'python logout':
      pythonLogout(world);
      break;
    case 'python starts afresh':
      pythonStartsAfresh(world, sink, step.as);
      break;
    case 'usage.json':
      tamper(run, step.becomes);
      break;
    case 'posthog':
      world.posthog = step.is;
      break;
    case 'arcade':
      world.arcade = step.is;
      break;
    case 'clock':
      world.now = Math.max(START / 2, world.now + step.byMs);
      break;
    case 'lose usage.db':
      // A usage.json from before, without the database that knows it, would join accounts in anybody's hands.
      if (isFromBefore(world)) writeShared(world, world.texts.at(-1) ?? '');
      world.loseDatabase();
      run.oracle.lostDatabase();
      break;
  }
  noteAliases(run, step);
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

interface Recording {
  readonly login: Login | null | undefined;
  readonly change: Change;
  readonly known?: boolean;
  readonly resolvable: boolean;
  readonly kill?: number;
  readonly meanwhile?: readonly Step[];
}

/** One command's append, in a process that others may overtake and that may be killed. */
function record(run: Run, recording: Recording): void {
  const { world, oracle } = run;
  const { login, change, known = true, resolvable } = recording;
  run.events += 1;
  const label = run.events;
  const now = world.now;
  const account = accountOfLogin(login);
  const others = [...(recording.meanwhile ?? [])];
  const life = lifeOf(recording.kill);
  const signedIn = change === 'login' && typeof account === 'string' && login;
  let before = glimpse(world);
  const spool = mortal(world.commands, life, {
    between: () => void takeNow(run, others.shift()),
    begins: () => {
      before = glimpse(world);
      count(
        run,
        `edge ${seenBy(world.commands, account, signedIn && known ? accountId(signedIn.who) : null)}`,
      );
    },
    committed: () => undefined,
  });
  try {
    append(spool, {
      name: 'CLI execution succeeded',
      properties: {
        command_name: change ?? 'secret.list',
        cli_version: '1.0.0',
        runtime_language: 'node',
        runtime_version: '20',
        os_type: 'Linux',
        os_release: '6',
        duration_ms: 1,
        device_start_timestamp: label,
        device_end_timestamp: label,
      },
      credentials: { account, resolvable: resolvable && login !== null },
      change: signedIn
        ? { kind: 'login', account, principalId: known ? accountId(signedIn.who) : null }
        : change === 'logout'
          ? { kind: 'logout' }
          : null,
      destination: DESTINATION,
      maxRecords: 10_000,
      online: false,
      now,
      showNotice: () => undefined,
    });
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
    count(run, 'a command killed');
  }
  const after = glimpse(world);
  if (isRecorded(world, label)) {
    const told = change === 'login' && !known ? null : change;
    oracle.recorded(label, login, {
      text: before.text,
      now,
      change: told,
      resolvable,
      anonId: understood(after.text)?.anonId ?? null,
    });
    if (after.inode !== before.inode) wrote(run, before.text, after.text, true);
  } else {
    oracle.killed(before.text, after.text);
  }
}

/** Notes the aliases that there are by now. After a crash, or with others about, nobody can tell what was known. */
function noteAliases({ world, sink, counts }: Run, step: Step): void {
  const disturbed = 'meanwhile' in step || counts.has('a command killed') || counts.has('a flusher killed');
  const sql = `SELECT uuid FROM record WHERE kind = 'alias' AND state = 'pending'`;
  for (const { uuid } of world.commands.statement(sql).all() as { uuid: string }[]) {
    sink.aliasRecorded(uuid, disturbed);
  }
}

function wrote({ world, oracle }: Run, before: string, after: string, byCommand: boolean): void {
  oracle.wrote(before, after, byCommand);
  world.texts.push(after);
}

/** Appends are not asynchronous; what others do meanwhile must not be, either. */
function takeNow(run: Run, step: Step | undefined): void {
  if (step !== undefined && step.do !== 'drain') {
    count(run, 'others act in the middle of a command');
    void take(run, step);
  }
}

function isRecorded({ commands }: World, label: number): boolean {
  const sql = `SELECT 1 FROM record WHERE json_extract(properties, '$.device_start_timestamp') = ?`;
  return commands.statement(sql).get(label) !== undefined;
}

async function drainOnce(run: Run, step: Extract<Step, { do: 'drain' }>): Promise<void> {
  const { world, sink, oracle } = run;
  const others = [...(step.meanwhile ?? [])];
  const life = lifeOf(step.kill);
  const ending = oracle.drains(sink.moment());
  ending.reads(loginIn(world, step.shell));
  let before = glimpse(world);
  let asked: Login | null = null;
  const meanwhile = async (): Promise<void> => {
    const next = others.shift();
    if (next === undefined) return;
    count(run, 'others act in the middle of a drain');
    await take(run, next);
  };
  const spool = mortal(world.flusher, life, {
    between: () => noteAliases(run, step),
    begins: () => {
      before = glimpse(world);
    },
    committed: () => {
      const after = glimpse(world);
      if (after.inode !== before.inode) wrote(run, before.text, after.text, false);
      before = after;
    },
  });
  const credentials = async (): Promise<InForce> => {
    await meanwhile();
    const inForce = loginIn(world, step.shell);
    ending.reads(inForce);
    return {
      account: accountOfLogin(inForce),
      ask: async () => {
        if (!inForce) return { kind: 'no answer' };
        oracle.asks(inForce);
        await meanwhile();
        const whose = answerOf(world, inForce);
        count(run, `asked: ${whose.kind}`);
        asked = inForce;
        oracle.answered(inForce, whose.kind, glimpse(world).text, world.now);
        return whose;
      },
    };
  };
  const deliver = async (
    records: readonly WireRecord[],
  ): ReturnType<typeof sink.receive> extends infer A ? Promise<A> : never => {
    life.live();
    const answer = sink.receive(records);
    count(run, `answer: ${answer.kind}`);
    await meanwhile();
    life.live();
    return answer;
  };
  try {
    const outcome = await drain({
      spool,
      destination: { host: 'http://posthog.test', apiKey: 'phc_model' },
      deliverer: { deliver, close: () => undefined },
      resolving: { credentials, now: () => world.now, random: run.random },
      ignoreBackoff: step.impatient,
      leftMs: () => 60_000,
      now: () => world.now,
      random: run.random,
      onDelivered: () => undefined,
    });
    count(run, `drain: ${outcome}`);
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
    count(run, 'a flusher killed');
  }
  finish(run, { life, before: before.text, asked });
  ending.ends({
    killed: life.killed,
    asked: asked !== null,
    impatient: step.impatient,
    now: world.now,
    isThere: (label) => isRecorded(world, label),
  });
}

function finish({ world, oracle }: Run, end: { life: Life; before: string; asked: Login | null }): void {
  if (!end.life.killed) return;
  oracle.killed(end.before, glimpse(world).text);
  if (end.asked !== null && oracle.isKnown(end.asked)) oracle.forgetsPerhaps(end.asked);
}

function answerOf(world: World, login: Login): Whose {
  if (world.arcade === 'down') return { kind: 'no answer' };
  if (world.arcade === 'refusing') return { kind: 'refused' };
  return { kind: 'principal', principalId: accountId(login.who) };
}

/** The conservation law, and at the end that nothing is left and nothing came twice. */
function conserved({ world, sink }: Run, atTheEnd: boolean): string[] {
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
  // A clock that is set ahead by years makes events too old to be sent.
  const lost = gone - (dropped.expired ?? 0);
  if (pending + quarantined + lost > 0)
    wrong.push(`left: ${pending} pending, ${quarantined} refused, ${lost} lost`);
  const labels = sink.stored().flatMap((event) => event.properties.device_start_timestamp ?? []);
  if (new Set(labels).size !== labels.length) wrong.push('an event was stored twice');
  return wrong;
}

function count({ counts }: Run, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}
