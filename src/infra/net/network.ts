/** The one way to the network: undici with the user's proxies and certificates, and limits on every wait. */
import type { Dispatcher } from 'undici';
import connectMethod from 'undici/lib/api/api-connect.js';
import requestMethod from 'undici/lib/api/api-request.js';
import Agent from 'undici/lib/dispatcher/agent.js';
import DispatcherBase from 'undici/lib/dispatcher/dispatcher.js';
import Pool from 'undici/lib/dispatcher/pool.js';
import ProxyAgent from 'undici/lib/dispatcher/proxy-agent.js';
import Socks5ProxyAgent from 'undici/lib/dispatcher/socks5-proxy-agent.js';
import { LIMITS } from '../../settings.ts';
import { extraAuthorities } from './certificates.ts';
import { networkVariables, type ProxyChoice, proxyFor, UnusableProxy } from './proxy.ts';

// As undici's index does: its agent for proxies calls this method.
DispatcherBase.prototype.connect = connectMethod as typeof DispatcherBase.prototype.connect;

/** How an exchange failed before any answer came. */
export type NetworkFailure = 'dns' | 'refused' | 'lost' | 'tls' | 'not tls' | 'timeout' | 'other';

/** Connections to any number of servers, each by the proxy that the environment names for it. */
export interface Network {
  /**
   * Sends one request and resolves with the answer's head; its body is still to be read. Redirects are answers.
   * Rejects with ProxyFailure, or the system's or undici's error; as soon as the signal says so, whatever undici
   * waits for.
   */
  send(url: string, options: Exchange): Promise<Dispatcher.ResponseData>;
  /** Cuts all connections. */
  close(): void;
}

interface Exchange {
  readonly method: Dispatcher.HttpMethod;
  readonly headers: Record<string, string>;
  readonly body: string | Buffer | null;
  /** Ends the exchange, the reading of the body included; nothing else limits it. */
  readonly signal: AbortSignal;
}

/** A proxy did not do what it was asked for. */
export class ProxyFailure extends Error {
  readonly variable: string;

  constructor(variable: string, cause: unknown) {
    super(`the proxy in ${variable} failed`, { cause });
    this.name = 'ProxyFailure';
    this.variable = variable;
  }
}

/** Opens connections when they are needed. */
export function openNetwork(): Network {
  const dispatchers = new Map<string, Dispatcher>();
  const dispatcherFor = (proxy: ProxyChoice | undefined): Dispatcher => {
    const key = proxy?.url.href ?? '';
    const known = dispatchers.get(key);
    if (known !== undefined) return known;
    const opened = openDispatcher(proxy?.url);
    dispatchers.set(key, opened);
    return opened;
  };
  return {
    async send(url, options) {
      const { origin, pathname, search } = new URL(url);
      const { signal } = options;
      const proxy = proxyFor(new URL(url), networkVariables());
      const request = { ...options, origin, path: `${pathname}${search}`, headersTimeout: 0, bodyTimeout: 0 };
      try {
        // The limit holds by this race, whatever undici waits for and however it treats the signal meanwhile.
        return await unlessAborted(signal, requestMethod.call(dispatcherFor(proxy), request));
      } catch (error) {
        throw proxy !== undefined && isOfProxy(error, new URL(url), proxy)
          ? new ProxyFailure(proxy.variable, error)
          : error;
      }
    },
    close() {
      for (const dispatcher of dispatchers.values()) void dispatcher.destroy().catch(() => undefined);
      dispatchers.clear();
    },
  };
}

/** Certificates are always verified: NODE_TLS_REJECT_UNAUTHORIZED does not count. */
function openDispatcher(proxy: URL | undefined): Dispatcher {
  const secureContext = extraAuthorities(networkVariables());
  const tls = {
    rejectUnauthorized: true,
    timeout: LIMITS.connectMs,
    ...(secureContext === undefined ? {} : { secureContext }),
  };
  // HTTP/2 would load more code than a few requests can save.
  const connections = { keepAliveTimeout: 10_000, allowH2: false };
  if (proxy === undefined) return new Agent({ ...connections, connect: tls });
  if (proxy.protocol === 'socks5:') return openSocks(proxy, tls);
  return new ProxyAgent({
    ...connections,
    uri: proxy.href,
    connectTimeout: LIMITS.connectMs,
    requestTls: tls,
    proxyTls: tls,
    // Plain HTTP is not tunnelled: many proxies allow CONNECT to port 443 alone.
    proxyTunnel: false,
    clientFactory: openProxy,
  });
}

/** No tunnel came about. */
class TunnelFailure extends Error {}

/** The connections to the proxy itself, on which it is asked for tunnels. */
function openProxy(origin: URL, options: object): Dispatcher {
  // How long a proxy may take to answer CONNECT; undici's own limit is 300 s.
  const pool = new Pool(origin, { ...options, headersTimeout: LIMITS.connectMs });
  const connect = pool.connect.bind(pool) as (
    wanted: Dispatcher.ConnectOptions,
  ) => Promise<Dispatcher.ConnectData>;
  const connectOrBlame = (wanted: Dispatcher.ConnectOptions): Promise<Dispatcher.ConnectData> =>
    connect(wanted).catch((cause: unknown) => {
      throw new TunnelFailure('no tunnel', { cause });
    });
  return Object.assign(pool, { connect: connectOrBlame });
}

/** undici warns of its SOCKS agent as experimental when one is made: on the terminal that is noise. */
function openSocks(proxy: URL, requestTls: { timeout: number }): Dispatcher {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return new Socks5ProxyAgent(proxy, { connectTimeout: LIMITS.connectMs, requestTls });
  } finally {
    process.emitWarning = emitWarning;
  }
}

function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

/** Whether a proxied request failed at the proxy: the one machine that it connects to, and that answers CONNECT. */
function isOfProxy(error: unknown, { protocol }: URL, proxy: ProxyChoice): boolean {
  if (error instanceof TunnelFailure || proxyStatusOf(error) !== undefined) return true;
  const failure = failureOf(error);
  // Without a tunnel there is no other connection that could be lost.
  if (failure === 'lost' && protocol === 'http:' && proxy.url.protocol !== 'socks5:') return true;
  return failure === 'dns' || failure === 'refused' || codesOf(error).some((code) => PROXY_CODE.test(code));
}

const PROXY_CODE =
  /^(UND_ERR_(PRX_\w+|CONNECT_TIMEOUT|HEADERS_TIMEOUT|SOCKS5\w*)|SOCKS5?\w*|E(HOST|NET)UNREACH|ETIMEDOUT)$/;

/** The status with which a proxy refused to pass a request on. */
export function proxyStatusOf(error: unknown): number | undefined {
  const text = error instanceof Error ? error.message : '';
  const status = /^Proxy response \((\d+)\)|^Proxy Authentication Required \((407)\)/.exec(text);
  return status === null ? undefined : Number(status[1] ?? status[2]);
}

/** Names the kind of a network error; undici nests the system's error below its own. */
export function failureOf(error: unknown): NetworkFailure {
  // These have the codes of requests that were given up.
  if (error instanceof UnusableProxy || proxyStatusOf(error) !== undefined) return 'other';
  if (error instanceof ProxyFailure) return failureOf(error.cause);
  for (const code of codesOf(error)) {
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'EAI_FAIL' || code === 'ENODATA')
      return 'dns';
    if (code === 'ECONNREFUSED') return 'refused';
    if (/TIMEOUT$|^ETIMEDOUT$|^UND_ERR_ABORTED$|^TimeoutError$|^AbortError$/.test(code)) return 'timeout';
    if (/^(EPROTO|ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG))$/.test(code)) return 'not tls';
    if (
      /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|UND_ERR_PRX_TLS)/.test(
        code,
      )
    )
      return 'tls';
    if (LOST.test(code)) return 'lost';
  }
  return 'other';
}

const LOST =
  /^(ECONNRESET|EPIPE|UND_ERR_SOCKET|UND_ERR_PRX_CONN|UND_ERR_CLOSED|UND_ERR_RES_CONTENT_LENGTH_MISMATCH|HPE_.*)$/;

function codesOf(error: unknown, depth = 0): string[] {
  if (!(error instanceof Error) || depth === 5) return [];
  const inner = codesOf((error as AggregateError).errors?.[0], depth + 1);
  const { code } = error as NodeJS.ErrnoException;
  return [
    ...inner,
    ...(typeof code === 'string' ? [code] : []),
    error.name,
    ...codesOf(error.cause, depth + 1),
  ];
}
