/** Requests through a proxy, by undici: plain HTTP is handed to it whole, all else goes through a tunnel. */
import { subscribe } from 'node:diagnostics_channel';
import { isIP } from 'node:net';
import type { buildConnector, Dispatcher } from 'undici';
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
export function openProxied({ url, variable }: ProxyChoice, tls: TlsOptions, onSent: () => void): Way {
  subscribe('undici:client:sendHeaders', onSent); // It is documented.
  /** What has failed in connecting to the proxy itself. */
  const own = new WeakSet<Error>();
  const dispatcher = url.protocol === 'socks5:' ? openSocks(url, tls) : openHttp(url, tls, own);
  return async ({ origin, pathname, search, protocol }, { method, headers, body, signal }) => {
    const path = pathname + search;
    const request = { origin, path, method, headers, body, signal, headersTimeout: 0, bodyTimeout: 0 };
    try {
      return await dispatcher.request(request);
    } catch (thrown) {
      const error = thrown as NodeJS.ErrnoException;
      // Inside a tunnel TLS is the server's. All else is seen of the one machine that we are connected to.
      const isOwn = own.has(error) || error.code === 'UND_ERR_PRX_TLS';
      if (protocol === 'https:' && /tls/.test(failureOf(error)) && !isOwn) throw error;
      const status = /^Proxy .*\((\d+)\)/.exec(error.message)?.[1];
      throw new ProxyFailure(variable, status === undefined ? error : Number(status));
    }
  };
}

function openHttp({ href }: URL, certificates: TlsOptions, own: WeakSet<Error>): Dispatcher {
  const tls = { ...certificates, timeout: LIMITS.connectMs };
  return new ProxyAgent({
    uri: href,
    // HTTP/2 would load more code than a few requests can save.
    allowH2: false,
    connectTimeout: LIMITS.connectMs,
    requestTls: tls,
    proxyTls: tls,
    // Plain HTTP is not tunnelled: many proxies allow CONNECT to port 443 alone.
    proxyTunnel: false,
    // How long a proxy may take to answer CONNECT; undici's own limit is 300 s.
    clientFactory: (origin, options) => {
      const { connect } = options as { connect: buildConnector.connector };
      return new Pool(origin, {
        ...options,
        headersTimeout: LIMITS.connectMs,
        // An address is no server name (RFC 6066, 3), and Node 26 throws at one.
        connect: ({ servername = '', ...wanted }, done) =>
          connect({ ...wanted, servername: isIP(servername) === 0 ? servername : '' }, done),
      }).on('connectionError', (_origin, _targets, error) => void own.add(error));
    },
  });
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
