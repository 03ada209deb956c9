/** Tries a destination step by step, without sending it anything that it would keep. */
import { lookup } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { tlsOptions } from './certificates.ts';
import { failureOf, IN_WORDS } from './failure.ts';
import { openNetwork, unlessAborted } from './network.ts';
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
  /** How long each step may take. */
  readonly limitMs: number;
}

/** Tries name, connection, encryption and answer, until one of them fails. Never rejects. */
export async function probe({ host, apiKey, proxy, limitMs }: Target): Promise<Probe> {
  const url = new URL(host);
  const { hostname, port, protocol } = proxy ?? url;
  const isSecure = protocol === 'https:';
  const name = hostname.replace(/^\[|\]$/g, '');
  const address = { host: name, port: Number(port) || (isSecure ? 443 : 80) };
  const via = proxy === undefined ? '' : ' (the proxy)';
  const steps: Step[] = [];
  const run = async (step: Step['name'], what: string, work: (signal: AbortSignal) => Promise<string>) => {
    const started = performance.now();
    const signal = AbortSignal.timeout(limitMs);
    const outcome = await unlessAborted(signal, work(signal)).then(
      (result) => ({ ok: true, result }),
      (error: unknown) => ({ ok: false, result: describe(error) }),
    );
    steps.push({ name: step, what, ...outcome, durationMs: Math.round(performance.now() - started) });
    return outcome.ok;
  };
  let asked: Omit<Probe, 'steps'> = { answer: null, clockAheadMs: null };
  const ask = async (signal: AbortSignal): Promise<string> => {
    asked = await askWithoutEvent(url, apiKey, signal);
    return `status ${asked.answer?.status}`;
  };
  void (
    (await run('DNS', name + via, () => resolve(name))) &&
    (await run('TCP', `${name}:${address.port}${via}`, (signal) => tryTcp({ ...address, signal }))) &&
    (!isSecure || (await run('TLS', name + via, (signal) => tryTls({ ...address, signal })))) &&
    (await run('HTTP', `POST ${url.origin}/batch/ without an event`, ask))
  );
  return { steps, ...asked };
}

async function resolve(name: string): Promise<string> {
  const found = await lookup(name, { all: true });
  return found.map(({ address }) => address).join(', ');
}

interface Address {
  readonly host: string;
  readonly port: number;
  readonly signal: AbortSignal;
}

function tryTcp(address: Address): Promise<string> {
  const socket = connect(address);
  return opened(socket, 'connect', () => `connected to ${socket.remoteAddress}`);
}

function tryTls(address: Address): Promise<string> {
  // An address is no server name (RFC 6066, 3), and Node 26 throws at one.
  const servername = isIP(address.host) === 0 ? { servername: address.host } : {};
  const socket = connectTls({ ...address, ...servername, ...tlsOptions() });
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
  return new Promise((done, fail) => {
    socket.once('error', fail);
    socket.once(event, () => {
      done(describeIt());
      socket.destroy();
    });
  });
}

/** A batch of no events: PostHog refuses it in its own words, which is all that is asked of it. */
async function askWithoutEvent(url: URL, apiKey: string, signal: AbortSignal): Promise<Omit<Probe, 'steps'>> {
  const network = openNetwork();
  try {
    const { answer, date } = await openEndpoint(network).post(`${url.href.replace(/\/+$/, '')}/batch/`, {
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ api_key: apiKey, batch: [] }),
      signal,
    });
    const at = Date.parse(date ?? '');
    return { answer, clockAheadMs: Number.isNaN(at) ? null : Date.now() - at };
  } finally {
    network.close();
  }
}

function describe(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return IN_WORDS[failureOf(error)] + (typeof code === 'string' ? ` (${code})` : '');
}
