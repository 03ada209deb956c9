/**
 * What telemetry costs a command: `arcade secret list` against an engine that answers after 50 ms, tracked and
 * untracked in turn, as ratios of one run. Absolute times are this machine's; the ratios are the result.
 */
import { cpus } from 'node:os';
import { contextOf } from '../support/arcade/accounts.ts';
import { startArcade } from '../support/arcade.ts';
import { arcade, baseEnvironment, PROGRAM } from '../support/cli.ts';
import { startPostHog } from '../support/posthog.ts';
import { openSandbox, removeHome } from '../support/sandbox.ts';
import { until } from '../support/until.ts';
import { type Case, inTurn, median, type Sample } from './measure.ts';
import { benchViews } from './views.ts';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 15);

const [server, posthog] = await Promise.all([startArcade({ latencyMs: 50 }), startPostHog()]);
const home = openSandbox();
const user = server.user('A');
home.signInWithTokens({
  tokens: server.issueTokens(user, { expiresInSeconds: 86_400 }),
  email: user.email,
  coordinatorUrl: server.coordinator.url,
  context: contextOf(user),
});

const env = { ...baseEnvironment(home), ARCADE_URL: server.url, ARCADE_POSTHOG_HOST: posthog.url };
const sending = { ...env, ARCADE_POSTHOG_API_KEY: 'phc_bench' };
const list = ['--', PROGRAM, 'secret', 'list'];

/** Sends what waits and sees the last flusher out, so that the next command has one to start. */
async function noFlusher(): Promise<void> {
  await until(
    async () => {
      const { stdout } = await arcade(home, ['usage', 'status', '--json'], { env: sending });
      const { flusher, ledger } = JSON.parse(stdout) as {
        flusher: { running: boolean };
        ledger: { pending: number };
      };
      if (ledger.pending > 0 && !flusher.running) await arcade(home, ['usage', 'flush'], { env: sending });
      return !flusher.running && ledger.pending === 0;
    },
    { what: 'the flusher to end', timeoutMs: 30_000 },
  );
}

const cases = new Map<string, Case>([
  ['bare Node', { args: ['-e', '0'], env }],
  ['arcade --version', { args: ['--', PROGRAM, '--version'], env }],
  ['untracked', { args: list, env: { ...env, ARCADE_USAGE_TRACKING: '0' } }],
  ['tracked, no flusher to start', { args: list, env }],
  ['tracked, with a flusher to start', { args: list, env: sending, before: noFlusher }],
]);

try {
  await arcade(home, ['secret', 'list'], { env });
  const samples = await inTurn(cases, ROUNDS);
  report(samples);
  await benchViews(ROUNDS);
} finally {
  await Promise.all([server.close(), posthog.close()]);
  await removeHome(home);
}

function report(samples: ReadonlyMap<string, readonly Sample[]>): void {
  const untracked = samples.get('untracked') ?? [];
  const row = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(34) : cell.padStart(12))).join('');
  console.log(
    `Node ${process.versions.node}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, medians of ${ROUNDS} rounds\n`,
  );
  console.log(row(['', 'wall ms', 'CPU ms', 'wall ratio', 'CPU ratio']));
  for (const [name, own] of samples) {
    const ratio = (what: keyof Sample): string =>
      median(own.map((sample, i) => sample[what] / (untracked[i]?.[what] ?? Number.NaN))).toFixed(2);
    const cost = (what: keyof Sample): string => median(own.map((sample) => sample[what])).toFixed(0);
    console.log(row([name, cost('wallMs'), cost('cpuMs'), ratio('wallMs'), ratio('cpuMs')]));
  }
  console.log(
    '\nRatios are to "untracked", pair by pair. CPU is the command\'s own, without the flusher it starts.',
  );
}
