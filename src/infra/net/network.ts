/** The one way to the network: Node's own client, or undici where a proxy is set. One limit holds for every wait. */
import { LIMITS } from '../../settings.ts';
import { tlsOptions } from './certificates.ts';
import { networkVariables, proxyFor } from './proxy.ts';

/** What a server said. Redirects are answers. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfter: string | undefined;
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

/** Connections to any number of servers, each by the proxy that the environment names for it. */
export interface Network {
  /**
   * Sends one request and reads the whole answer. Rejects with UnusableProxy, ProxyFailure or an error that `failureOf`
   * knows; with the signal's reason at the moment of the signal, whatever is waited for.
   */
  send(url: string, exchange: Exchange): Promise<HttpAnswer>;
  /** Cuts all connections. */
  close(): void;
}

/** One way of sending, and the connections that it keeps for further requests. */
export interface Way {
  send(url: URL, exchange: Exchange): Promise<Head>;
  close(): void;
}

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

/** Opens connections when they are needed. */
export function openNetwork(): Network {
  const ways = new Map<string, Promise<Way>>();
  const wayTo = (url: URL): Promise<Way> => {
    const proxy = proxyFor(url, networkVariables());
    const key = proxy === undefined ? url.protocol : `${proxy.variable}=${proxy.url.href}`;
    const known = ways.get(key);
    if (known !== undefined) return known;
    const opened =
      proxy === undefined
        ? Promise.resolve(openDirect(url.protocol))
        : import('./proxied.ts').then(({ openProxied }) => openProxied(proxy, noteSent));
    ways.set(key, opened);
    return opened;
  };
  const exchange = async (url: URL, wanted: Exchange): Promise<HttpAnswer> => {
    const way = await wayTo(url);
    wanted.signal.throwIfAborted();
    return await read(await way.send(url, wanted));
  };
  return {
    send: (url, wanted) => unlessAborted(wanted.signal, exchange(new URL(url), wanted)),
    close() {
      for (const way of ways.values()) void way.then(({ close }) => close());
    },
  };
}

/** A request by undici costs 18 ms of CPU and 13 MB more than one by `node:http`: its parser is WebAssembly. */
function openDirect(protocol: string): Way {
  const isSecure = protocol === 'https:';
  // TLS takes a third of a start of Node to load.
  const { Agent, request } = (
    isSecure ? process.getBuiltinModule('node:https') : process.getBuiltinModule('node:http')
  ) as typeof import('node:https');
  const agent = new Agent({ keepAlive: true, timeout: IDLE_MS, ...(isSecure ? tlsOptions() : {}) });
  return {
    send: (url, { method, headers, body, signal }) =>
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
      }),
    close: () => agent.destroy(),
  };
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
    retryAfter: header('retry-after'),
    location: header('location'),
    date: header('date'),
    text: Buffer.concat(chunks).toString('utf8'),
  };
}

/** The limit holds by this race, however the client treats the signal in what it waits for. */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
