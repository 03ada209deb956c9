/**
 * How fast and how big: draining 100,000 events against a server that answers after 0 and 150 ms, the memory of
 * a flusher with a hundred, and what one append costs in an empty spool and in one of a million records.
 */
import { rmSync } from 'node:fs';
import { askForFlusher } from '../../src/usage/append/wake.ts';
import { insertCapture, trim } from '../../src/usage/spool/records.ts';
import { installationOf, openSpool } from '../../src/usage/spool/spool.ts';
import { accountOf, startFlusher } from '../support/flusher.ts';
import { captureOf, fillSpool, MIGRATIONS } from '../support/queue.ts';
import { startQuickServer } from '../support/quick-server.ts';
import { openSandbox, type Sandbox } from '../support/sandbox.ts';

async function drain(records: number, latencyMs: number): Promise<void> {
  const home = openSandbox();
  const server = await startQuickServer(latencyMs);
  fillSpool(home.directory, records);
  const env = {
    ARCADE_POSTHOG_HOST: server.url,
    ARCADE_POSTHOG_API_KEY: 'phc_bench',
    ARCADE_USAGE_MAX_RECORDS: '2000000',
  };
  const { ms, peakMb } = await startFlusher(home, env).ended;
  const { delivered } = accountOf(home);
  const { requests, activeMs } = await server.close();
  const rate = Math.round(delivered / (activeMs / 1000));
  const inSeries = Math.round(delivered / requests / (latencyMs / 1000));
  console.log(
    `${records} waiting, answers after ${latencyMs} ms: ${delivered} delivered in ${ms} ms, ${rate}/s` +
      `${latencyMs > 0 ? ` (in series that latency allows ${inSeries}/s)` : ''}, ${Math.round(peakMb)} MB`,
  );
  rmSync(home.home, { recursive: true, force: true });
}

/** Median time of one append, in µs, of 2,000. */
function appendMicros(home: Sandbox): number {
  const spool = openSpool(home.directory, MIGRATIONS);
  const destination = { host: 'http://127.0.0.1:1', apiKey: 'phc_bench' };
  const times: number[] = [];
  for (let i = 0; i < 2_000; i += 1) {
    const started = performance.now();
    const now = Date.now();
    spool.transaction(() => {
      insertCapture(spool, captureOf(1, 'anon-1'), now);
      trim(spool, 10_000_000, 100, now);
      askForFlusher(spool, installationOf(spool), { destination, online: false, environment: null, now });
    });
    times.push(performance.now() - started);
  }
  spool.close();
  return (times.sort((a, b) => a - b)[1_000] ?? 0) * 1000;
}

await drain(100, 0);
await drain(100_000, 0);
await drain(100_000, 150);
const [empty, full] = [openSandbox(), openSandbox()];
fillSpool(empty.directory, 1);
fillSpool(full.directory, 1_000_000);
// In turn, so that what else this machine does meets both.
const pairs = Array.from({ length: 7 }, () => [appendMicros(empty), appendMicros(full)] as const);
const [few, many] = [0, 1].map((i) => pairs.map((pair) => pair[i] ?? 0).sort((a, b) => a - b)[3] ?? 0);
console.log(
  `one append: ${few?.toFixed(0)} µs in an empty spool, ${many?.toFixed(0)} µs beside 1,000,000 records`,
);
for (const home of [empty, full]) rmSync(home.home, { recursive: true, force: true });
