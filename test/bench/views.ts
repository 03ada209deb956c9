/** What the views of usage cost with 10,000 records: wall time beyond that of bare Node, pair by pair. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { baseEnvironment, PROGRAM } from '../support/cli.ts';
import { openSandbox } from '../support/sandbox.ts';
import { seedSpool } from '../support/seed.ts';
import { type Case, inTurn, median } from './measure.ts';

const VIEWS: readonly (readonly string[])[] = [
  ['status'],
  ['list'],
  ['list', '--json'],
  ['list', '--limit', '50'],
  ['show', '9000'],
  ['preview', '--', 'secret', 'list'],
  ['stats'],
  ['doctor'],
  ['export'],
  ['export', '--format', 'csv'],
];

/** Those that are written as they are read: what counts for them is when they begin. */
const STREAMS = VIEWS.filter(([name]) => name === 'list' || name === 'export');

await benchViews(Number(process.env.BENCH_ROUNDS ?? 15));

async function benchViews(rounds: number): Promise<void> {
  const home = openSandbox();
  try {
    seedSpool(home, { records: 10_000, now: Date.now(), everyMs: 100_000, delivered: 500, quarantined: 20 });
    const env = baseEnvironment(home);
    const cases = new Map<string, Case>([['bare Node', { args: ['-e', '0'], env }]]);
    for (const view of VIEWS)
      cases.set(`usage ${view.join(' ')}`, { args: ['--', PROGRAM, 'usage', ...view], env });
    const samples = await inTurn(cases, rounds);
    const bare = samples.get('bare Node') ?? [];
    printRow(['views, 10,000 records', 'beyond Node', 'wall ratio']);
    for (const [name, own] of samples) {
      if (name === 'bare Node') continue;
      const nodes = own.map((sample, i) => sample.wallMs / (bare[i]?.wallMs ?? Number.NaN));
      const beyond = own.map((sample, i) => sample.wallMs - (bare[i]?.wallMs ?? Number.NaN));
      printRow([name, `${median(beyond).toFixed(0)} ms`, median(nodes).toFixed(2)]);
    }
    await benchFirstBytes(env, rounds);
  } finally {
    rmSync(home.home, { recursive: true, force: true });
  }
}

async function benchFirstBytes(env: Readonly<Record<string, string>>, rounds: number): Promise<void> {
  const samples = STREAMS.map((): number[] => []);
  const bare: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    bare.push(await firstByteMs(['-p', '0'], env));
    for (const [i, view] of STREAMS.entries())
      samples[i]?.push(await firstByteMs(['--', PROGRAM, 'usage', ...view], env));
  }
  printRow(['first byte of all 10,000', 'beyond Node', 'wall ratio']);
  for (const [i, own] of samples.entries()) {
    const beyond = own.map((ms, round) => ms - (bare[round] ?? Number.NaN));
    const ratio = own.map((ms, round) => ms / (bare[round] ?? Number.NaN));
    printRow([`usage ${STREAMS[i]?.join(' ')}`, `${median(beyond).toFixed(0)} ms`, median(ratio).toFixed(2)]);
  }
}

/** From the start of Node until it has written something into a pipe. */
async function firstByteMs(args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const started = performance.now();
  const running = spawn(process.execPath, [...args], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const closed = once(running, 'close');
  await once(running.stdout, 'readable');
  const took = performance.now() - started;
  running.stdout.resume();
  await closed;
  return took;
}

function printRow([name = '', ...cells]: readonly string[]): void {
  if (cells[0] === 'beyond Node') console.log();
  console.log(name.padEnd(34) + cells.map((cell) => cell.padStart(12)).join(''));
}
