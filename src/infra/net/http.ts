/** One request to Arcade: limits, retries, and every failure in plain words. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorCode, UserError } from '../../errors.ts';
import { LIMITS } from '../../settings.ts';
import { failureOf, IN_WORDS, type NetworkFailure, ProxyFailure } from './failure.ts';
import { type Exchange, type HttpAnswer, send } from './network.ts';
import { UnusableProxy } from './proxy.ts';

/** What proves who is asking: an API key, or a token that can be exchanged once a server refuses it. */
export type Bearer =
  | string
  | {
      readonly token: () => string;
      /** Called for a 401: true when `token` is another one than `refused` by now. Never rejects. */
      readonly renew: (refused: string) => Promise<boolean>;
    };

export interface HttpRequest {
  readonly method: Exchange['method'];
  readonly url: string;
  readonly bearer?: Bearer;
  readonly json?: unknown;
  readonly form?: Readonly<Record<string, string>>;
  /** When all tries are over, by `performance.now()`; by default 30 s from now. */
  readonly deadline?: number;
  /** Further tries after a network error, 429, 502, 503 or 504; default 2, and 0 for POST. */
  readonly retries?: number;
}

/**
 * Sends a request and reads the whole answer, whatever its status; redirects are not followed. Throws
 * UserError when no answer came. A time-out is final: a server that hangs would hang the next try too.
 * A 401 is not: a token may have expired by the server's clock alone, so it is renewed, once.
 * A request that may be retried waits as long as `Retry-After` says, as often as its limit allows.
 */
export async function exchange(wanted: HttpRequest): Promise<HttpAnswer> {
  const { bearer } = wanted;
  if (bearer === undefined || typeof bearer === 'string') return exchangeAs(wanted, bearer);
  const token = bearer.token();
  const answer = await exchangeAs(wanted, token);
  if (answer.status !== 401 || !(await bearer.renew(token))) return answer;
  return exchangeAs(wanted, bearer.token());
}

async function exchangeAs(wanted: HttpRequest, token: string | undefined): Promise<HttpAnswer> {
  // No header can hold it; sent all the same, it would look like a failure of the network.
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new UserError('CREDENTIALS_MALFORMED', 'The API key or token contains invalid characters.', {
      hint: 'Check ARCADE_API_KEY, or run `arcade login` again.',
    });
  const deadline = wanted.deadline ?? performance.now() + LIMITS.requestMs;
  const retries = wanted.retries ?? (wanted.method === 'POST' ? 0 : 2);
  for (let tries = 1; ; ) {
    let pauseMs = 50 * 2 ** tries * (0.5 + Math.random() / 2);
    const leftMs = (): number => deadline - performance.now();
    try {
      const answer = await send(wanted.url, {
        method: wanted.method,
        headers: headersOf(wanted, token),
        body: bodyOf(wanted),
        signal: AbortSignal.timeout(Math.max(1, Math.ceil(leftMs()))),
      });
      if (retries === 0 || ![429, 502, 503, 504].includes(answer.status)) return answer;
      const { retryAfterMs: told } = answer;
      if (told === undefined ? tries > retries : told > leftMs() - ROOM_MS) return answer;
      if (told === undefined) tries += 1;
      else pauseMs = Math.max(told, pauseMs);
    } catch (error) {
      const failure = failureOf(error);
      if (tries > retries || FINAL.includes(failure) || error instanceof UnusableProxy)
        throw unreachable(wanted.url, failure, error);
      tries += 1;
    }
    if (pauseMs > leftMs()) throw unreachable(wanted.url, 'timeout', undefined);
    await sleep(pauseMs);
  }
}

/** Time that a request needs after a pause. */
const ROOM_MS = 1_000;

/** Failures that another try would meet again; the resolver has asked each name server twice by itself. */
const FINAL: readonly NetworkFailure[] = ['timeout', 'tls', 'not tls', 'dns'];

function headersOf({ json, form }: HttpRequest, token: string | undefined): Record<string, string> {
  const type = json !== undefined ? 'application/json' : form && 'application/x-www-form-urlencoded';
  return {
    accept: 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(type === undefined ? {} : { 'content-type': type }),
  };
}

function bodyOf({ json, form }: HttpRequest): string | null {
  if (json !== undefined) return JSON.stringify(json);
  return form === undefined ? null : new URLSearchParams(form).toString();
}

const FAILURES: Readonly<Record<NetworkFailure, readonly [ErrorCode, string]>> = {
  dns: ['DNS_FAILED', 'Check your network connection, and the host name.'],
  refused: ['CONNECTION_REFUSED', 'Check that the server is running, and --host and --port.'],
  lost: ['CONNECTION_LOST', 'Try again.'],
  tls: [
    'TLS_FAILED',
    'For a private CA or behind a company proxy, set NODE_EXTRA_CA_CERTS to the file of its certificate.',
  ],
  'not tls': ['TLS_FAILED', 'For a plain HTTP server use --no-tls.'],
  timeout: ['TIMED_OUT', 'Check your network connection and try again.'],
  other: ['NETWORK_FAILED', 'Check your network connection and proxy settings.'],
};

/** The variable is named and its value is not: it may hold a password. */
function unreachable(url: string, failure: NetworkFailure, cause: unknown): UserError {
  const { host } = new URL(url);
  const orElse = 'or add the host to NO_PROXY.';
  if (cause instanceof UnusableProxy)
    return new UserError('PROXY_FAILED', `Cannot reach ${host}: ${cause.variable} is not a proxy address.`, {
      hint: `Set ${cause.variable} to an address such as http://proxy.example.com:3128, ${orElse}`,
      cause,
    });
  if (cause instanceof ProxyFailure)
    return new UserError(
      'PROXY_FAILED',
      `Cannot reach ${host} through the proxy in ${cause.variable}: ${cause.message}.`,
      { hint: `Check ${cause.variable}, ${orElse}`, cause },
    );
  const [code, hint] = FAILURES[failure];
  return new UserError(code, `Cannot reach ${host}: ${IN_WORDS[failure]}.`, { hint, cause });
}
