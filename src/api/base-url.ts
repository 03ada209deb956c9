/**
 * Where to connect: turns what a person typed for a host into a base URL without a trailing slash.
 * Every URL that comes out can be requested as it is; no message repeats the host, which may hold a password.
 */

import { isIPv6 as matchesIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import { type UserError, usageError } from '../errors.ts';

type Scheme = 'http' | 'https';

interface Address {
  readonly scheme: Scheme | undefined;
  /** As it stands in a URL: ASCII, IPv6 in brackets, the local machine as `localhost` or `[::1]`. */
  readonly host: string;
  readonly port: string | undefined;
}

interface Connection {
  /** A host name or address; may carry a port and a scheme. */
  readonly host: string;
  /** The setting that names the host, where it is not `--host`: port and scheme given as options then win. */
  readonly setting?: string | undefined;
  /** Ignored when `--host` carries a port of its own. */
  readonly port?: number | undefined;
  readonly tls?: boolean;
  /** Wins over `tls`. */
  readonly noTls?: boolean;
  /** The port of the local machine when none is given, whatever the scheme. */
  readonly localPort: number;
}

/**
 * The base URL for `--host`, `--port`, `--tls` and `--no-tls`: https, but http on the local machine.
 * Throws a usage error (`INVALID_URL`) for a host that no URL can hold.
 */
export function baseUrl({ host, setting, port, tls, noTls, localPort }: Connection): string {
  const source = setting ?? '--host';
  const address = readAddress(host, source);
  const separatePort = port === undefined ? undefined : String(port);
  const wanted: Scheme | undefined = noTls ? 'http' : tls ? 'https' : undefined;
  const contradicts = wanted !== undefined && address.scheme !== undefined && wanted !== address.scheme;
  if (contradicts && setting === undefined) {
    const option = noTls ? '--no-tls' : '--tls';
    throw refusal(
      `${option} contradicts the ${address.scheme}:// in --host.`,
      `Leave out ${option}, or the scheme.`,
    );
  }
  const scheme = wanted ?? address.scheme;
  const [first, second] = setting === undefined ? [address.port, separatePort] : [separatePort, address.port];
  return compose({ ...address, scheme, port: first ?? second }, localPort, source);
}

const HINT = 'Give a host such as api.arcade.dev, localhost:9099 or https://arcade.example.com.';

/** In this order, so that the first thing said about `user:secret@host/path` is the password. */
const NOT_IN_A_HOST: readonly (readonly [RegExp, string])[] = [
  [/@/, 'a user name or password'],
  [/[\s\x00-\x1f\x7f]/, 'white space or control characters'],
  [/[/\\]/, 'a path'],
  [/\?/, 'a query'],
  [/#/, 'a fragment'],
  // A URL parser would decode it into another host; it also starts the zone of an IPv6 address.
  [/%/, 'a percent sign'],
];

function readAddress(text: string, source: string): Address {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') {
    throw refusal(`${source} has a scheme other than http:// and https://.`);
  }
  // Browsers and consoles show base URLs with the slash; behind a bare host it begins a path.
  const authority = scheme === undefined ? text : text.slice(scheme.length + '://'.length).replace(/\/$/, '');
  for (const [pattern, what] of NOT_IN_A_HOST) {
    if (pattern.test(authority)) throw refusal(`${source} must not contain ${what}.`);
  }
  const { name, port } = splitPort(authority);
  if (port !== undefined && !isPort(port)) {
    throw refusal(
      `${source} has a port that is not a number from 1 to 65535.`,
      'An IPv6 address that is followed by a port needs brackets: [fe80::1]:9099.',
    );
  }
  if (name === '') throw refusal(`${source} is empty.`);
  return { scheme, host: urlHost(name), port };
}

/** Node compiles its pattern at the first look, in 3 ms; what has no two colons needs none. */
const isIPv6 = (text: string): boolean => /:.*:/.test(text) && matchesIPv6(text);

/** A trailing colon is no port. An IPv6 address without brackets has none either: all its colons are its own. */
function splitPort(authority: string): { name: string; port: string | undefined } {
  const text = isIPv6(authority) ? authority : authority.replace(/:$/, '');
  if (isIPv6(text)) return { name: text, port: undefined };
  const [, name = text, port] = /^(\[.*\]|[^:[]*)(?::(.*))?$/s.exec(text) ?? [];
  return { name, port };
}

function isPort(text: string): boolean {
  return /^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
}

function urlHost(name: string): string {
  const address = name.replace(/^\[(.*)\]$/, '$1');
  if (isIPv6(address)) {
    const bracketed = `[${address}]`;
    // The loopback address in any spelling. It stays an address: `localhost` may resolve to 127.0.0.1 alone,
    // and who names this one has a server listening there.
    return new URL(`http://${bracketed}`).hostname === '[::1]' ? '[::1]' : bracketed;
  }
  // What is ASCII already stays as typed: no IDN rule may touch `my_host` or `127.1`.
  const ascii = /^[\x00-\x7f]*$/.test(name) ? name : domainToASCII(name);
  // 0.0.0.0 is where a server listens, not an address to connect to.
  return ['localhost', '127.0.0.1', '0.0.0.0'].includes(ascii.toLowerCase()) ? 'localhost' : ascii;
}

function compose({ scheme, host, port }: Address, localPort: number, source: string): string {
  const isLocal = host === 'localhost' || host === '[::1]';
  const shownPort = port ?? (isLocal ? String(localPort) : undefined);
  const url = `${scheme ?? (isLocal ? 'http' : 'https')}://${host}${shownPort === undefined ? '' : `:${shownPort}`}`;
  // What a URL parser refuses (1.2.3.4.5, broken punycode) would fail later, as an error of ours.
  if (!URL.canParse(url)) throw refusal(`${source} is not a valid host name or address.`);
  return url;
}

function refusal(message: string, hint: string = HINT): UserError {
  return usageError(message, hint, 'INVALID_URL');
}
