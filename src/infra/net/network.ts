/** The one way to the network: undici with the user's proxies and certificates, and limits on every wait. */
import type { Dispatcher } from 'undici';
import connectMethod from 'undici/lib/api/api-connect.js';
import requestMethod from 'undici/lib/api/api-request.js';
import DispatcherBase from 'undici/lib/dispatcher/dispatcher.js';
import EnvHttpProxyAgent from 'undici/lib/dispatcher/env-http-proxy-agent.js';
import { LIMITS } from '../../settings.ts';

// As undici's index does: its agent for proxies calls this method.
DispatcherBase.prototype.connect = connectMethod as typeof DispatcherBase.prototype.connect;

/** How an exchange failed before any answer came. */
export type NetworkFailure = 'dns' | 'refused' | 'lost' | 'tls' | 'timeout' | 'other';

/**
 * The dispatcher of all requests: HTTPS_PROXY, HTTP_PROXY and NO_PROXY are read by it, NODE_EXTRA_CA_CERTS by
 * Node. With `alwaysVerify`, NODE_TLS_REJECT_UNAUTHORIZED cannot switch certificate checks off.
 */
export function openAgent({ alwaysVerify }: { alwaysVerify: boolean }): Dispatcher {
  const tls = alwaysVerify ? { rejectUnauthorized: true } : {};
  return new EnvHttpProxyAgent({
    connect: { timeout: LIMITS.connectMs, ...tls },
    // Plain HTTP is not tunnelled: many proxies allow CONNECT to port 443 alone.
    proxyTunnel: false,
    ...(alwaysVerify ? { requestTls: tls, proxyTls: tls } : {}),
    keepAliveTimeout: 10_000,
    // The bundle has no HTTP/2: .ci/build.mjs.
    allowH2: false,
  });
}

/** Sends one request and resolves with the answer's head; its body is still to be read. Redirects are answers. */
export function send(agent: Dispatcher, url: string, options: Exchange): Promise<Dispatcher.ResponseData> {
  const { origin, pathname, search } = new URL(url);
  const { method, headers, body, signal } = options;
  return requestMethod.call(agent, {
    origin,
    path: `${pathname}${search}`,
    method,
    headers,
    body,
    headersTimeout: 0,
    bodyTimeout: 0,
    signal,
  });
}

interface Exchange {
  readonly method: Dispatcher.HttpMethod;
  readonly headers: Record<string, string>;
  readonly body: string | Buffer | null;
  /** Ends the exchange, the reading of the body included; nothing else limits it. */
  readonly signal: AbortSignal;
}

/** Names the kind of a network error; undici nests the system's error below its own. */
export function failureOf(error: unknown): NetworkFailure {
  // It has the code of a request that was given up.
  if (error instanceof Error && /^Proxy response \(\d+\)/.test(error.message)) return 'other';
  for (const code of codesOf(error)) {
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'EAI_FAIL' || code === 'ENODATA')
      return 'dns';
    if (code === 'ECONNREFUSED') return 'refused';
    if (/TIMEOUT$|^ETIMEDOUT$|^UND_ERR_ABORTED$|^TimeoutError$|^AbortError$/.test(code)) return 'timeout';
    if (/^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|EPROTO$)/.test(code))
      return 'tls';
    if (
      /^(ECONNRESET|EPIPE|UND_ERR_SOCKET|UND_ERR_CLOSED|UND_ERR_RES_CONTENT_LENGTH_MISMATCH|HPE_.*)$/.test(
        code,
      )
    ) {
      return 'lost';
    }
  }
  return 'other';
}

function* codesOf(error: unknown): Generator<string> {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    const inner = (at as AggregateError).errors?.[0];
    if (inner !== undefined) yield* codesOf(inner);
    const { code } = at as NodeJS.ErrnoException;
    if (typeof code === 'string') yield code;
    yield at.name;
  }
}
