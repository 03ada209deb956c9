/** How fast a full spool drains and how big its flusher grows, and what one append costs beside a million records. */
import { rmSync } from 'node:fs';
import { askForFlusher } from '../../src/usage/append/wake.ts';
import { insertCapture, trim } from '../../src/usage/spool/records.ts';
import { accountOf, startFlusher } from '../support/flusher.ts';
import { captureOf, fillSpool, makeSpool } from '../support/queue.ts';
import { startQuickServer } from '../support/quick-server.ts';
import { openSandbox, type Sandbox } from '../support/sandbox.ts';

export interface Drained {
  readonly delivered: number;
  /** From the start of the flusher's process to its end. */
  readonly ms: number;
  readonly requests: number;
  /** From the first request to the last answer. */
  readonly activeMs: number;
  readonly peakMb: number;
}

/** One flusher's whole life with so many records pending, and a server that answers after `latencyMs`. */
export async function benchDrain(records: number, latencyMs: number): Promise<Drained> {
  const home = openSandbox();
  const server = await startQuickServer(latencyMs);
  try {
    fillSpool(home.directory, records);
    const env = {
      ARCADE_POSTHOG_HOST: server.url,
      ARCADE_POSTHOG_API_KEY: 'phc_bench',
      ARCADE_USAGE_MAX_RECORDS: '2000000',
    };
    const { ms, peakMb } = await startFlusher(home, env).ended;
    return { delivered: accountOf(home).delivered, ms, peakMb, ...(await server.close()) };
  } finally {
    rmSync(home.home, { recursive: true, force: true });
  }
}

/** What one append costs beside a million records, as ratios to one beside none; in turn, for other work meets both. */
export function benchAppend(): number[] {
  const [empty, full] = [openSandbox(), openSandbox()];
  try {
    fillSpool(empty.directory, 1);
    fillSpool(full.directory, 1_000_000);
    return Array.from({ length: 7 }, () => {
      const few = appendMicros(empty);
      return appendMicros(full) / few;
    });
  } finally {
    for (const home of [empty, full]) rmSync(home.home, { recursive: true, force: true });
  }
}

/** Median time of one append, in µs, of 2,000. */
function appendMicros(home: Sandbox): number {
  const spool = makeSpool(home.directory);
  const destination = { host: 'http://127.0.0.1:1', apiKey: 'phc_bench' };
  const times: number[] = [];
  for (let i = 0; i < 2_000; i += 1) {
    const started = performance.now();
    const now = Date.now();
    spool.transaction(() => {
      insertCapture(spool, captureOf(1, 'anon-1'), now);
      trim(spool, 10_000_000, 100, now);
      askForFlusher(spool, { destination, online: false, environment: null, now });
    });
    times.push(performance.now() - started);
  }
  spool.close();
  return (times.sort((a, b) => a - b)[1_000] ?? 0) * 1000;
}
