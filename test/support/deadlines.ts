/** Everything that can hold a flusher up, each ready to be tried: by the tests once, by the table many times. */

import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server } from 'node:net';
import { arcade } from './cli.ts';
import {
  accountOf,
  BLACK_HOLE,
  DEAD_NAME_SERVER,
  type Ended,
  type Started,
  startFlusher,
} from './flusher.ts';
import type { Fault } from './posthog/faults.ts';
import { type PostHog, startPostHog } from './posthog.ts';
import { fillSpool } from './queue.ts';
import { openSandbox, removeHome, type Sandbox } from './sandbox.ts';
import { until } from './until.ts';

interface Place {
  readonly home: Sandbox;
  readonly posthog: PostHog;
  readonly env: Readonly<Record<string, string>>;
  /** Something that listens on loopback, accepts, and never says a word. */
  readonly silent: string;
}

type Obstacle = (place: Place) => Started | Promise<Started>;

export interface Verdict extends Ended {
  /** Events that PostHog does not have once the obstacle is gone. */
  readonly lost: number;
  /** Copies on the wire, and what PostHog counts twice. */
  readonly copies: number;
  readonly duplicates: number;
}

const faulty =
  (fault: Fault): Obstacle =>
  ({ home, posthog, env }) => {
    posthog.fault(fault, Number.POSITIVE_INFINITY);
    return startFlusher(home, env);
  };

const to =
  (host: string, more: Readonly<Record<string, string>> = {}, inside?: string): Obstacle =>
  ({ home, env, silent }) => {
    const filled = Object.entries({ ...env, ...more, ARCADE_POSTHOG_HOST: host });
    return startFlusher(
      home,
      Object.fromEntries(filled.map(([name, value]) => [name, value.replace('SILENT', silent)])),
      inside,
    );
  };

/** Those that need namespaces of their own. */
export const SECLUDED: Readonly<Record<string, Obstacle>> = {
  'name server silent': to('https://posthog.example', {}, DEAD_NAME_SERVER),
  'SYN dropped': to('https://10.9.9.9', {}, BLACK_HOLE),
  'disk full': async ({ home, env }) => {
    const inside = `mount -t tmpfs -o size=1m tmpfs "$HOME/small"
cp -r "$HOME/.arcade" "$HOME/small/"
dd if=/dev/zero of="$HOME/small/fill" 2> /dev/null || true
ip link set lo up`;
    mkdirSync(`${home.home}/small`);
    return startFlusher(home, { ...env, ARCADE_WORK_DIR: `${home.home}/small` }, inside);
  },
};

export const OBSTACLES: Readonly<Record<string, Obstacle>> = {
  'TLS handshake stalled': to('https://SILENT'),
  'headers never': faulty({ kind: 'hang' }),
  'headers one byte a second': faulty({ kind: 'slow-headers' }),
  'body one byte a second': faulty({ kind: 'trickle' }),
  'endless 503, Retry-After a day': faulty({ kind: 'status', status: 503, retryAfter: '86400' }),
  'endless 429, Retry-After a date': faulty({
    kind: 'status',
    status: 429,
    retryAfter: new Date(Date.now() + 3600_000).toUTCString(),
  }),
  'proxy hangs (CONNECT)': to('https://posthog.example', { HTTPS_PROXY: 'http://SILENT' }),
  'proxy hangs (plain)': to('http://posthog.example', { HTTP_PROXY: 'http://SILENT' }),
  'acknowledgement lost': faulty({ kind: 'lost-ack' }),
  'database lock held': async ({ home, env }) => {
    const held = home.hold();
    const started = startFlusher(home, env);
    void started.ended.then(() => held.close());
    return started;
  },
  'database lock held from the answer on': async ({ home, posthog, env }) => {
    posthog.fault({ kind: 'delay', ms: 200 });
    const started = startFlusher(home, env);
    await requested(posthog, started);
    const held = home.hold();
    void started.ended.then(() => held.close());
    return started;
  },
  'stopped for 9 s (SIGSTOP, SIGCONT)': async ({ home, posthog, env }) => {
    posthog.fault({ kind: 'hang' }, Number.POSITIVE_INFINITY);
    const at = performance.now();
    const started = startFlusher(home, env);
    await requested(posthog, started);
    signal(started.pid, 'SIGSTOP');
    await until(() => performance.now() - at > 9_000, { what: 'nine seconds' });
    signal(started.pid, 'SIGCONT');
    return started;
  },
};

/** Waits for the first request; on a very busy machine the flusher's time may be up before it. */
async function requested(posthog: PostHog, started: Started): Promise<void> {
  let ended = false;
  void started.ended.then(() => {
    ended = true;
  });
  await until(() => ended || posthog.requests.length > 0, { what: 'the request', timeoutMs: 30_000 });
}

/** On a very busy machine its time may be up before its request has been seen: then it has ended. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Tries one obstacle with `records` events in a home of its own; then takes it away and counts. */
export async function tryObstacle(obstacle: Obstacle, records: number): Promise<Verdict> {
  const home = openSandbox();
  const posthog = await startPostHog();
  const silent = await startSilent();
  const env = posthog.env;
  try {
    fillSpool(home.directory, records);
    const { port } = silent.server.address() as AddressInfo;
    const started = await obstacle({ home, posthog, env, silent: `127.0.0.1:${port}` });
    const ended = await started.ended;
    posthog.clearFaults();
    await arcade(home, ['usage', 'flush'], { env });
    const { recorded, delivered, pending } = accountOf(home);
    const stored = posthog.stored();
    return {
      ...ended,
      lost: records - new Set(stored.map(({ uuid }) => uuid)).size + (recorded - delivered - pending),
      copies: posthog.duplicates(),
      duplicates: stored.length - new Set(stored.map(({ uuid }) => uuid)).size,
    };
  } finally {
    await Promise.all([posthog.close(), silent.close()]);
    await removeHome(home);
  }
}

async function startSilent(): Promise<{ server: Server; close: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
