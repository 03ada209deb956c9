/** Tries a destination step by step, without sending it anything that it would keep. */
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type Destination, LIMITS } from '../../settings.ts';
import { tlsOptions } from './certificates.ts';
import { failureOf, IN_WORDS } from './failure.ts';
import { unlessAborted, useNetworkVariables } from './network.ts';
import { type Answer, openEndpoint } from './posthog.ts';
import { type NetworkVariables, proxyFor } from './proxy.ts';

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

/**
 * Tries name, connection, encryption and answer, until one of them fails; each may take as long as connecting may.
 * Rejects with UnusableProxy.
 */
export async function probe(destination: Destination, variables: NetworkVariables): Promise<Probe> {
  useNetworkVariables(variables);
  const url = new URL(destination.host);
  const proxy = proxyFor(url, variables)?.url;
  const via = proxy === undefined ? '' : ' (the proxy)';
  const { hostname, port, protocol } = proxy ?? url;
  const host = hostname.replace(/^\[|\]$/g, '');
  const isSecure = protocol === 'https:';
  const address = { host, port: Number(port) || (isSecure ? 443 : 80) };
  // An address is no server name (RFC 6066, 3), and Node 26 throws at one.
  const tls = { ...tlsOptions(variables), ...(isIP(host) === 0 ? { servername: host } : {}) };
  let socket: Socket | undefined;
  const connect = async (): Promise<string> => {
    socket = isSecure ? connectTls({ ...address, ...tls }) : connectTcp(address);
    socket.on('error', () => undefined); // One that comes when its step is over.
    await once(socket, 'connect');
    return `connected to ${socket.remoteAddress}`;
  };
  let asked: Omit<Probe, 'steps'> = { answer: null, clockAheadMs: null };
  const ask = async (signal: AbortSignal): Promise<string> => {
    asked = await askWithoutEvent(url, destination, signal);
    return `status ${asked.answer?.status}`;
  };
  const { steps, run } = openSteps();
  const isOpen =
    (await run('DNS', host + via, () => resolve(host))) &&
    (await run('TCP', `${host}:${address.port}${via}`, connect)) &&
    (!isSecure || (await run('TLS', host + via, () => encrypted(socket as TLSSocket))));
  socket?.destroy();
  if (isOpen) await run('HTTP', `POST ${url.origin}/batch/ without an event`, ask);
  return { steps, ...asked };
}

function openSteps() {
  const steps: Step[] = [];
  const run = async (name: Step['name'], what: string, work: (signal: AbortSignal) => Promise<string>) => {
    const started = performance.now();
    const signal = AbortSignal.timeout(LIMITS.connectMs);
    const outcome = await unlessAborted(signal, work(signal)).then(
      (result) => ({ ok: true, result }),
      (error: unknown) => ({ ok: false, result: describe(error) }),
    );
    steps.push({ name, what, ...outcome, durationMs: Math.round(performance.now() - started) });
    return outcome.ok;
  };
  return { steps, run };
}

async function resolve(name: string): Promise<string> {
  const found = await lookup(name, { all: true });
  return found.map(({ address }) => address).join(', ');
}

async function encrypted(socket: TLSSocket): Promise<string> {
  await once(socket, 'secureConnect');
  const { issuer } = socket.getPeerCertificate();
  return `${socket.getProtocol()}, certificate of ${issuer?.O ?? issuer?.CN ?? 'an unknown issuer'}`;
}

/** A batch of no events: PostHog refuses it in its own words, which is all that is asked of it. */
async function askWithoutEvent(
  url: URL,
  { apiKey = '' }: Destination,
  signal: AbortSignal,
): Promise<Omit<Probe, 'steps'>> {
  const { answer, date } = await openEndpoint()(`${url.href.replace(/\/+$/, '')}/batch/`, {
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ api_key: apiKey, batch: [] }),
    signal,
  });
  const at = Date.parse(date ?? '');
  return { answer, clockAheadMs: Number.isNaN(at) ? null : Date.now() - at };
}

function describe(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return IN_WORDS[failureOf(error)] + (typeof code === 'string' ? ` (${code})` : '');
}
