/**
 * Every speed goal in one run: what a command costs, what recording adds to it, what the flusher costs. Ratios are
 * taken pair by pair within the run; absolute times belong to the machine. `--json` prints one document, `--readme` the table
 * for README; BENCH_ROUNDS sets the number of pairs (25). Ends with 1 when a goal is missed.
 */
import { cpus } from 'node:os';
import { LEAN } from '../../src/infra/os/detached.ts';
import { type Arcade, startArcade } from '../support/arcade.ts';
import { arcade, baseEnvironment, PROGRAM } from '../support/cli.ts';
import { FLUSHER_PROGRAM } from '../support/flusher.ts';
import { type PostHog, startPostHog } from '../support/posthog.ts';
import { fillSpool } from '../support/queue.ts';
import { openSandbox, removeHome, type Sandbox } from '../support/sandbox.ts';
import { until } from '../support/until.ts';
import { type Case, inTurn, type Sample, spreadOf } from './measure.ts';
import { benchAppend, benchDrain } from './throughput.ts';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 25);

interface Row {
  readonly what: string;
  readonly value: number;
  readonly spread: readonly [low: number, high: number] | null;
  readonly unit: 'x' | 'ms' | 'MB' | 'events';
  readonly goal: number;
  readonly met: boolean;
}

const rows: Row[] = [];
const started = performance.now();
await benchCommands();
await benchFlusher();
const drained = await benchDrain(100_000, 150);
rows.push(atLeast('drain, answers after 150 ms: events in 10 s', drained.delivered, 'events', 81_000));
rows.push(atMost('drain, answers after 150 ms: peak memory', [drained.peakMb], 'MB', 150));
rows.push(atMost('append beside 1,000,000 records / beside none', benchAppend(), 'x', 1.1));
print();
process.exitCode = rows.every(({ met }) => met) ? 0 : 1;

async function benchCommands(): Promise<void> {
  const servers = await Promise.all([startArcade(), startArcade({ latencyMs: 50 }), startPostHog()]);
  const [quick, slow, posthog] = servers;
  const [atOnce, waiting] = [signedIn(quick), signedIn(slow)];
  try {
    const [nowTracked, tracked] = [environment(atOnce, quick), environment(waiting, slow)];
    const untracked = { ...tracked, ARCADE_USAGE_TRACKING: '0' };
    const sending = sendingTo(posthog, tracked);
    const before = (): Promise<void> => noFlusher(waiting, sending);
    const [list, whoami] = [command('secret', 'list'), command('whoami')];
    const samples = await inTurn(
      new Map<string, Case>([
        ['node', { args: ['-e', '0'], env: tracked }],
        ['version', { args: command('--version'), env: tracked }],
        ['help', { args: command('--help'), env: tracked }],
        ['list', { args: list, env: nowTracked }],
        ['list, untracked', { args: list, env: untracked }],
        ['list, tracked', { args: list, env: tracked }],
        ['list, flusher', { args: list, env: sending, before }],
        ['whoami, untracked', { args: whoami, env: untracked, before }],
        ['whoami, tracked', { args: whoami, env: tracked }],
        ['whoami, flusher', { args: whoami, env: sending, before }],
      ]),
      ROUNDS,
    );
    const ratio = (one: string, other: string, figure: 'wallMs' | 'cpuMs'): number[] =>
      ratios(samples.get(one), samples.get(other), figure);
    const memory = (samples.get('list') ?? []).map(({ peakMb }) => peakMb);
    rows.push(
      atMost('secret list, engine at once / bare Node: wall', ratio('list', 'node', 'wallMs'), 'x', 3),
      atMost('secret list, engine at once / bare Node: CPU', ratio('list', 'node', 'cpuMs'), 'x', 3),
      atMost('secret list: peak memory', memory, 'MB', 60),
      atMost('--version / bare Node: wall', ratio('version', 'node', 'wallMs'), 'x', 1.35),
      atMost('--help / bare Node: wall', ratio('help', 'node', 'wallMs'), 'x', 1.5),
    );
    for (const [name, wall, flusherWall] of [
      ['secret list, engine after 50 ms', 1.05, 1.12],
      ['whoami', 1.15, 1.6],
    ] as const) {
      const short = name === 'whoami' ? name : 'list';
      const [base, plain, flusher] = ['untracked', 'tracked', 'flusher'].map((kind) => `${short}, ${kind}`);
      const wallOf = (one = ''): number[] => ratio(one, base ?? '', 'wallMs');
      rows.push(atMost(`${name}, tracked / untracked: wall`, wallOf(plain), 'x', wall));
      rows.push(atMost(`${name}, with a flusher to start: wall`, wallOf(flusher), 'x', flusherWall));
    }
    rows.push(
      atMost(
        'secret list, tracked / untracked: own CPU',
        ratio('list, tracked', 'list, untracked', 'cpuMs'),
        'x',
        1.25,
      ),
      atMost(
        'secret list, with a flusher to start: own CPU',
        ratio('list, flusher', 'list, untracked', 'cpuMs'),
        'x',
        1.6,
      ),
    );
  } finally {
    await Promise.all(servers.map((server) => server.close()));
    await Promise.all([removeHome(atOnce), removeHome(waiting)]);
  }
}

async function benchFlusher(): Promise<void> {
  const [posthog, home] = [await startPostHog(), openSandbox()];
  try {
    const env = sendingTo(posthog, baseEnvironment(home));
    const before = (): void => fillSpool(home.directory, 1);
    const samples = await inTurn(
      new Map([['', { args: [...LEAN, '--', FLUSHER_PROGRAM], env, before }]]),
      ROUNDS,
    );
    const own = samples.get('') ?? [];
    rows.push(
      atMost(
        'flusher, one event: CPU',
        own.map(({ cpuMs }) => cpuMs),
        'ms',
        120,
      ),
    );
    rows.push(
      atMost(
        'flusher, one event: peak memory',
        own.map(({ peakMb }) => peakMb),
        'MB',
        65,
      ),
    );
  } finally {
    await posthog.close();
    await removeHome(home);
  }
}

function command(...words: string[]): string[] {
  return ['--', PROGRAM, ...words];
}

function signedIn(server: Arcade): Sandbox {
  const [home, user] = [openSandbox(), server.user('A')];
  home.signIn(server, user, { expiresInSeconds: 86_400 });
  return home;
}

function environment(home: Sandbox, server: Arcade): Record<string, string> {
  return { ...baseEnvironment(home), ARCADE_URL: server.url };
}

function sendingTo(posthog: PostHog, env: Readonly<Record<string, string>>): Record<string, string> {
  return { ...env, ...posthog.env };
}

/** Sends what is pending and waits for the last flusher to end, so that the next command has one to start. */
async function noFlusher(home: Sandbox, env: Readonly<Record<string, string>>): Promise<void> {
  await until(
    async () => {
      const { stdout } = await arcade(home, ['usage', 'status', '--json'], { env });
      const { flusher, ledger } = JSON.parse(stdout) as {
        flusher: { running: boolean };
        ledger: { pending: number };
      };
      if (ledger.pending > 0 && !flusher.running) await arcade(home, ['usage', 'flush'], { env });
      return !flusher.running && ledger.pending === 0;
    },
    { what: 'the flusher to end', timeoutMs: 30_000 },
  );
}

function ratios(
  one: readonly Sample[] = [],
  other: readonly Sample[] = [],
  figure: 'wallMs' | 'cpuMs',
): number[] {
  return one.map((sample, round) => sample[figure] / (other[round]?.[figure] ?? Number.NaN));
}

function atMost(what: string, values: readonly number[], unit: Row['unit'], goal: number): Row {
  const { median, low, high } = spreadOf(values);
  return {
    what,
    value: median,
    spread: values.length > 1 ? [low, high] : null,
    unit,
    goal,
    met: median <= goal,
  };
}

function atLeast(what: string, value: number, unit: Row['unit'], goal: number): Row {
  return { what, value, spread: null, unit, goal, met: value >= goal };
}

function print(): void {
  const [cpu] = cpus();
  const machine = `Node ${process.versions.node}, ${cpus().length} x ${cpu?.model ?? 'unknown'}`;
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ machine, rounds: ROUNDS, rows }, null, 2));
    return;
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(`${machine}; medians of ${ROUNDS} pairs, half of which lie in the range; ${seconds} s\n`);
  const isShort = process.argv.includes('--readme');
  console.log(isShort ? '| what | figure |' : '| what | figure | range | goal | |');
  console.log(isShort ? '| --- | ---: |' : '| --- | ---: | --- | ---: | --- |');
  for (const { what, value, spread, unit, goal, met } of rows) {
    const range = spread === null ? '' : spread.map((end) => inUnit(end, unit)).join(' to ');
    const judged = isShort ? '' : ` ${range} | ${inUnit(goal, unit)} | ${met ? 'met' : 'MISSED'} |`;
    console.log(`| ${what} | ${inUnit(value, unit)} |${judged}`);
  }
}

function inUnit(value: number, unit: Row['unit']): string {
  if (unit === 'x') return `x ${value.toFixed(2)}`;
  return `${Math.round(value).toLocaleString('en-US')} ${unit}`;
}
