/** What the views of usage cost with 10,000 records: wall time beyond that of bare Node, pair by pair. */
import { rmSync } from 'node:fs';
import { baseEnvironment, PROGRAM } from '../support/cli.ts';
import { openSandbox } from '../support/sandbox.ts';
import { seedSpool } from '../support/seed.ts';
import { type Case, inTurn, median } from './measure.ts';

const VIEWS: readonly (readonly string[])[] = [
  ['status'],
  ['list', '--limit', '50'],
  ['list', '--json'],
  ['show', '9000'],
  ['preview', '--', 'secret', 'list'],
  ['stats'],
  ['doctor'],
  ['export'],
];

/** Measures and prints them. */
export async function benchViews(rounds: number): Promise<void> {
  const home = openSandbox();
  try {
    seedSpool(home, { records: 10_000, now: Date.now(), everyMs: 100_000, delivered: 500, quarantined: 20 });
    const env = baseEnvironment(home);
    const cases = new Map<string, Case>([['bare Node', { args: ['-e', '0'], env }]]);
    for (const view of VIEWS)
      cases.set(`usage ${view.join(' ')}`, { args: ['--', PROGRAM, 'usage', ...view], env });
    const samples = await inTurn(cases, rounds);
    const bare = samples.get('bare Node') ?? [];
    console.log(
      `\n${'views, 10,000 records'.padEnd(34)}${'beyond Node'.padStart(12)}${'wall ratio'.padStart(12)}`,
    );
    for (const [name, own] of samples) {
      if (name === 'bare Node') continue;
      const nodes = own.map((sample, i) => sample.wallMs / (bare[i]?.wallMs ?? Number.NaN));
      const beyond = own.map((sample, i) => sample.wallMs - (bare[i]?.wallMs ?? Number.NaN));
      const cells = [`${median(beyond).toFixed(0)} ms`, median(nodes).toFixed(2)];
      console.log(name.padEnd(34) + cells.map((cell) => cell.padStart(12)).join(''));
    }
  } finally {
    rmSync(home.home, { recursive: true, force: true });
  }
}
