/** Tries a destination step by step, without sending it anything that it would keep. */
import { lookup } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { tlsOptions } from './certificates.ts';
import { failureOf } from './failure.ts';
import { openNetwork } from './network.ts';
import { type Answer, openEndpoint } from './posthog.ts';

interface Step {
  readonly name: 'DNS' | 'TCP' | 'TLS' | 'HTTP';
  readonly ok: boolean;
  /** What was tried. */
  readonly what: string;
  /** What came of it: an address, a protocol, the kind of a failure. */
  readonly result: string;
  readonly durationMs: number;
}

export interface Probe {
  readonly steps: readonly Step[];
  /** Null when no answer came. */
  readonly answer: Answer | null;
  /** By how much this machine's clock is ahead of the server's; null when that is not known. */
  readonly clockAheadMs: number | null;
}

interface Target {
  readonly host: string;
  readonly apiKey: string;
  /** The proxy that is used for it, if any. */
  readonly proxy: URL | undefined;
  readonly limitMs: number;
}

/** Tries name, connection, encryption and answer, until one of them fails. Never rejects. */
export async function probe({ host, apiKey, proxy, limitMs }: Target): Promise<Probe> {
  const url = new URL(host);
  const first = proxy ?? url;
  const port = Number(first.port) || (first.protocol === 'https:' ? 443 : 80);
  const name = first.hostname.replace(/^\[|\]$/g, '');
  const steps: Step[] = [];
  const run = async (step: Step['name'], what: string, work: () => Promise<string>): Promise<boolean> => {
    const started = performance.now();
    const outcome = await limited(work(), limitMs).then(
      (result) => ({ ok: true, result }),
      (error: unknown) => ({ ok: false, result: describe(error) }),
    );
    steps.push({ name: step, what, ...outcome, durationMs: Math.round(performance.now() - started) });
    return outcome.ok;
  };
  const via = proxy === undefined ? '' : ' (the proxy)';
  let answer: Answer | null = null;
  let clockAheadMs: number | null = null;
  const askIt = async (): Promise<string> => {
    const asked = await ask(url, apiKey, limitMs);
    ({ answer, clockAheadMs } = asked);
    return `status ${asked.answer.status}`;
  };
  const done =
    (await run('DNS', name + via, () => resolve(name))) &&
    (await run('TCP', `${name}:${port}${via}`, () => tryTcp(name, port))) &&
    (first.protocol !== 'https:' || (await run('TLS', name + via, () => tryTls(name, port)))) &&
    (await run('HTTP', `POST ${url.origin}/batch/ without an event`, askIt));
  return { steps, answer: done ? answer : null, clockAheadMs };
}

async function resolve(name: string): Promise<string> {
  const found = await lookup(name, { all: true });
  return found.map(({ address }) => address).join(', ');
}

function tryTcp(host: string, port: number): Promise<string> {
  const socket = connect({ host, port });
  return opened(socket, 'connect', () => `connected to ${socket.remoteAddress}`);
}

function tryTls(host: string, port: number): Promise<string> {
  const socket = connectTls({
    host,
    port,
    // An address is no server name (RFC 6066, 3), and Node 26 throws at one.
    ...(isIP(host) === 0 && { servername: host }),
    ...tlsOptions(),
  });
  return opened(socket, 'secureConnect', () => {
    const { issuer } = socket.getPeerCertificate();
    return `${socket.getProtocol()}, certificate of ${issuer?.O ?? issuer?.CN ?? 'an unknown issuer'}`;
  });
}

/** What there is to say of a connection once it is open; it is then closed. */
function opened(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  describeIt: () => string,
): Promise<string> {
  socket.unref();
  return new Promise((done, fail) => {
    socket.once('error', fail);
    socket.once(event, () => {
      done(describeIt());
      socket.destroy();
    });
  });
}

/** A batch of no events: PostHog refuses it in its own words, which is all that is asked of it. */
async function ask(
  url: URL,
  apiKey: string,
  limitMs: number,
): Promise<{ answer: Answer; clockAheadMs: number | null }> {
  const network = openNetwork();
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), limitMs);
  try {
    const { answer, date } = await openEndpoint(network).post(`${url.href.replace(/\/+$/, '')}/batch/`, {
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ api_key: apiKey, batch: [] }),
      signal: limit.signal,
    });
    const at = Date.parse(date ?? '');
    return { answer, clockAheadMs: Number.isNaN(at) ? null : Date.now() - at };
  } finally {
    clearTimeout(timer);
    network.close();
  }
}

function limited<T>(work: Promise<T>, limitMs: number): Promise<T> {
  return new Promise((done, fail) => {
    const timer = setTimeout(
      () => fail(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })),
      limitMs,
    );
    work.then(done, fail).finally(() => clearTimeout(timer));
  });
}

function describe(error: unknown): string {
  const reasons = {
    dns: 'the name cannot be resolved',
    refused: 'the connection was refused',
    lost: 'the connection was cut',
    tls: 'no trusted certificate',
    'not tls': 'it does not speak TLS',
    timeout: 'no answer in time',
    other: 'it failed',
  };
  const { code } = error as NodeJS.ErrnoException;
  const aside = typeof code === 'string' ? ` (${code})` : '';
  return reasons[failureOf(error)] + aside;
}
