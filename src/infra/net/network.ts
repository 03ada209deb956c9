/** The one way to the network: Node's own client, or undici where a proxy is set. One limit holds for every wait. */
import { LIMITS } from '../../settings.ts';
import { tlsOptions } from './certificates.ts';
import { type NetworkVariables, proxyFor } from './proxy.ts';

/** What a server said. Redirects are answers. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  /** What `Retry-After` asks for. */
  readonly retryAfterMs: number | undefined;
  readonly location: string | undefined;
  readonly date: string | undefined;
  /** Its body, cut off beyond LIMITS.answerBytes. */
  readonly text: string;
}

export interface Exchange {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly headers: Record<string, string>;
  readonly body: string | Buffer | null;
  /** Ends the exchange, the reading of the body included; besides, connecting has a limit of its own. */
  readonly signal: AbortSignal;
}

/** One way of sending, by the connections that it keeps for further requests. */
export type Way = (url: URL, exchange: Exchange) => Promise<Head>;

/** An answer of which the body is still to be read. */
interface Head {
  readonly statusCode?: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: AsyncIterable<Buffer>;
}

let onWaiting: (() => void) | undefined;
let isAnswered = false;

/**
 * Calls `listener` once, right after the next request has been written: the process then has nothing to do but wait.
 * Returns whether any answer has come since.
 */
export function watchNetwork(listener: () => void): () => boolean {
  onWaiting = listener;
  isAnswered = false;
  return () => isAnswered;
}

/** Notes that a request has been handed to an open connection; it is written in this turn of the event loop. */
function noteSent(): void {
  if (onWaiting !== undefined) setImmediate(onWaiting);
  onWaiting = undefined;
}

let variables: NetworkVariables = {};
/** The ways that have been opened, by the proxy that they lead through. An idle connection does not keep Node running. */
const ways = new Map<string, Promise<Way>>();

/** Tells which variables lead this process to the network. To be called before its first request. */
export function useNetworkVariables(given: NetworkVariables): void {
  variables = given;
  ways.clear();
}

/**
 * Sends one request, by the proxy that the environment names for it, and reads the whole answer. Rejects with
 * UnusableProxy, ProxyFailure or an error that `failureOf` knows; with the signal's reason at the moment of the signal,
 * whatever is waited for.
 */
export function send(url: string, wanted: Exchange): Promise<HttpAnswer> {
  const sending = async (target: URL): Promise<HttpAnswer> => {
    const way = await wayTo(target);
    wanted.signal.throwIfAborted();
    return await read(await way(target, wanted));
  };
  return unlessAborted(wanted.signal, sending(new URL(url)));
}

async function wayTo(url: URL): Promise<Way> {
  const proxy = proxyFor(url, variables);
  const key = proxy === undefined ? url.protocol : `${proxy.variable}=${proxy.url.href}`;
  const known = ways.get(key);
  if (known !== undefined) return known;
  const opened =
    proxy === undefined
      ? Promise.resolve(openDirect(url.protocol))
      : import('./proxied.ts').then(({ openProxied }) => openProxied(proxy, tlsOptions(variables), noteSent));
  ways.set(key, opened);
  return opened;
}

/** A request by undici costs 18 ms of CPU and 13 MB more than one by `node:http`: its parser is WebAssembly. */
function openDirect(protocol: string): Way {
  const isSecure = protocol === 'https:';
  // TLS takes a third of a start of Node to load.
  const { Agent, request } = (
    isSecure ? process.getBuiltinModule('node:https') : process.getBuiltinModule('node:http')
  ) as typeof import('node:https');
  const agent = new Agent({ keepAlive: true, timeout: IDLE_MS, ...(isSecure ? tlsOptions(variables) : {}) });
  return (url, { method, headers, body, signal }) =>
    new Promise((resolve, reject) => {
      const outgoing = request(url, { agent, method, headers, signal });
      outgoing.on('error', reject);
      // What is neither an answer nor an error to Node, such as 101: nothing would ever come of it.
      outgoing.once('close', () =>
        reject(Object.assign(new Error('closed without an answer'), { code: 'ECONNRESET' })),
      );
      outgoing.once('response', (body) =>
        resolve({ statusCode: body.statusCode, headers: body.headers, body }),
      );
      outgoing.once('socket', (socket) => {
        if (outgoing.reusedSocket) return noteSent();
        const giveUp = (): void =>
          void socket.destroy(Object.assign(new Error('not connected in time'), { code: 'ETIMEDOUT' }));
        const limit = setTimeout(giveUp, LIMITS.connectMs);
        socket.once('close', () => clearTimeout(limit));
        socket.once(isSecure ? 'secureConnect' : 'connect', () => {
          clearTimeout(limit);
          noteSent();
        });
      });
      outgoing.end(body);
    });
}

/** So long a connection is kept for another request. */
const IDLE_MS = 10_000;

async function read({ statusCode = 0, headers, body }: Head): Promise<HttpAnswer> {
  isAnswered = true;
  const header = (name: string): string | undefined => [headers[name]].flat()[0];
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > LIMITS.answerBytes) break; // What is cut off is no JSON.
  }
  return {
    status: statusCode,
    contentType: header('content-type') ?? '',
    retryAfterMs: retryAfterMs(header('retry-after'), Date.now()),
    location: header('location'),
    date: header('date'),
    text: Buffer.concat(chunks).toString('utf8'),
  };
}

/** Milliseconds that a `Retry-After` header (RFC 9110, 10.2.3: seconds or a date) asks for. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** The limit holds by this race, however the client treats the signal in what it waits for. */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
