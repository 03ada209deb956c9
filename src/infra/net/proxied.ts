/** Requests through a proxy, by undici: plain HTTP is handed to it whole, all else goes through a tunnel. */
import { subscribe } from 'node:diagnostics_channel';
import type { Dispatcher } from 'undici';
import methods from 'undici/lib/api/index.js';
import DispatcherBase from 'undici/lib/dispatcher/dispatcher.js';
import Pool from 'undici/lib/dispatcher/pool.js';
import ProxyAgent from 'undici/lib/dispatcher/proxy-agent.js';
import Socks5ProxyAgent from 'undici/lib/dispatcher/socks5-proxy-agent.js';
import { LIMITS } from '../../settings.ts';
import type { TlsOptions } from './certificates.ts';
import { failureOf, ProxyFailure } from './failure.ts';
import type { Way } from './network.ts';
import type { ProxyChoice } from './proxy.ts';

// As undici's index does.
Object.assign(DispatcherBase.prototype, methods);

/**
 * Opens connections to this proxy. What fails at the proxy is a ProxyFailure. `tls` is for all connections; `onSent` is
 * told of each request.
 */
export function openProxied(proxy: ProxyChoice, tls: TlsOptions, onSent: () => void): Way {
  subscribe('undici:client:sendHeaders', onSent); // It is documented.
  const dispatcher = proxy.url.protocol === 'socks5:' ? openSocks(proxy.url, tls) : openHttp(proxy, tls);
  return async ({ origin, pathname, search, protocol }, { method, headers, body, signal }) => {
    const path = pathname + search;
    const request = { origin, path, method, headers, body, signal, headersTimeout: 0, bodyTimeout: 0 };
    try {
      return await dispatcher.request(request);
    } catch (error) {
      // Inside a tunnel TLS is the server's. All else is seen of the one machine that we are connected to.
      const isServers = protocol === 'https:' && /tls/.test(failureOf(error));
      if (isServers || error instanceof ProxyFailure) throw error;
      const isLockedOut = (error as Error).message.startsWith('Proxy Authentication Required (407)');
      throw new ProxyFailure(proxy.variable, isLockedOut ? 407 : error);
    }
  };
}

function openHttp({ url, variable }: ProxyChoice, certificates: TlsOptions): Dispatcher {
  const tls = { ...certificates, timeout: LIMITS.connectMs };
  return new ProxyAgent({
    uri: url.href,
    // HTTP/2 would load more code than a few requests can save.
    allowH2: false,
    connectTimeout: LIMITS.connectMs,
    requestTls: tls,
    proxyTls: tls,
    // Plain HTTP is not tunnelled: many proxies allow CONNECT to port 443 alone.
    proxyTunnel: false,
    clientFactory: (origin, options) => openTunnels(origin, options, variable),
  });
}

/** The connections to the proxy itself, on which it is asked for tunnels. */
function openTunnels(origin: URL, options: object, variable: string): Dispatcher {
  // How long a proxy may take to answer CONNECT; undici's own limit is 300 s.
  const pool = new Pool(origin, { ...options, headersTimeout: LIMITS.connectMs });
  const ask = pool.connect.bind(pool) as (
    wanted: Dispatcher.ConnectOptions,
  ) => Promise<Dispatcher.ConnectData>;
  const connect = async (wanted: Dispatcher.ConnectOptions): Promise<Dispatcher.ConnectData> => {
    const connected = await ask(wanted).catch((cause: unknown) => {
      throw new ProxyFailure(variable, cause);
    });
    if (connected.statusCode === 200) return connected;
    connected.socket.on('error', () => undefined).destroy();
    throw new ProxyFailure(variable, connected.statusCode);
  };
  return Object.assign(pool, { connect });
}

/** undici warns of its SOCKS agent as experimental when one is made: on the terminal that is noise. */
function openSocks(proxy: URL, requestTls: TlsOptions): Dispatcher {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return new Socks5ProxyAgent(proxy, { connectTimeout: LIMITS.connectMs, requestTls });
  } finally {
    process.emitWarning = emitWarning;
  }
}
