/** Where to connect: flags, then ARCADE_URL, then the login, then Arcade's own. A login is used only where it belongs. */

import { baseUrl, parseBaseUrl } from '../api/base-url.ts';
import { UserError } from '../errors.ts';
import { ARCADE, type Settings } from '../settings.ts';
import type { Credentials } from './credentials.ts';

/** `--host`, `--port`, `--tls` and `--no-tls` as they were given. */
export interface ConnectionOptions {
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly tls: boolean;
  readonly noTls: boolean;
}

/**
 * The engine's base URL. Throws UserError for an address that cannot be used, and where nothing but a guess would say
 * where a login's engine is, or ARCADE_URL names another Arcade than the login's.
 */
export function engineUrl(options: ConnectionOptions, settings: Settings, credentials: Credentials): string {
  const { host, port, tls, noTls } = options;
  const fallback = host === undefined ? engineByDefault(settings, credentials) : undefined;
  if (fallback !== undefined && !byFlags(options)) {
    return fallback.setting === undefined
      ? fallback.host
      : parseBaseUrl(fallback.host, fallback.setting, ARCADE.engineLocalPort);
  }
  return baseUrl({
    host: host ?? fallback?.host ?? '',
    setting: fallback?.setting,
    port,
    tls,
    noTls,
    localPort: ARCADE.engineLocalPort,
  });
}

interface NamedHost {
  readonly host: string;
  /** The variable that names it. */
  readonly setting: string | undefined;
}

function engineByDefault(settings: Settings, credentials: Credentials): NamedHost {
  const named = settings.url === undefined ? undefined : { host: settings.url, setting: 'ARCADE_URL' };
  const login = coordinatorOfLogin(credentials);
  if (login === undefined) return named ?? { host: `https://${ARCADE.engineHost}`, setting: undefined };
  const paired = pairedEngine(login);
  if (named === undefined) {
    if (paired !== undefined) return { host: paired, setting: undefined };
    throw new UserError(
      'ENGINE_UNKNOWN',
      `You are logged in at ${new URL(login).host}, but no engine is configured for it.`,
      { hint: 'Name the engine with --host, or set ARCADE_URL.' },
    );
  }
  const engine = parseBaseUrl(named.host, named.setting, ARCADE.engineLocalPort);
  // Where the engine cannot be told from the login, the variable is how a person names it.
  if (paired === undefined || isSameEnvironment(engine, login)) return named;
  throw new UserError(
    'ENGINE_UNKNOWN',
    `You are logged in at ${new URL(login).host}, but ARCADE_URL names ${new URL(engine).host}.`,
    { hint: 'Unset ARCADE_URL, set ARCADE_API_KEY to a key of that host, or run `arcade login --force`.' },
  );
}

/** A coordinator `cloud.X` has its engine at `api.X`, as the Python CLI has it; of others nothing is known. */
function pairedEngine(coordinator: string): string | undefined {
  const { protocol, hostname, port } = new URL(coordinator);
  const site = siteOf(hostname);
  return port === '' && site !== undefined && hostOf(coordinator).startsWith('cloud.')
    ? `${protocol}//api.${site}`
    : undefined;
}

/** X of `cloud.X` and `api.X`. */
function siteOf(hostname: string): string | undefined {
  return /^(?:cloud|api)\.(.+\..+?)\.?$/.exec(hostname)?.[1];
}

function isSameEnvironment(one: string, other: string): boolean {
  const [a, b] = [hostOf(one), hostOf(other)];
  return a === b || (siteOf(a) !== undefined && siteOf(a) === siteOf(b));
}

/** The host of a URL: without the dot that marks a full name, which is the same host; loopback in one spelling. */
function hostOf(url: string): string {
  const host = new URL(url).hostname.toLowerCase().replace(/\.+$/, '');
  return /^(127\.\d+\.\d+\.\d+|\[::1\])$/.test(host) ? 'localhost' : host;
}

function byFlags({ host, port, tls, noTls }: ConnectionOptions): boolean {
  return host !== undefined || port !== undefined || tls || noTls;
}

/** The coordinator of a stored login: its own, or Arcade's where the file names none. Undefined for anything else. */
function coordinatorOfLogin(credentials: Credentials): string | undefined {
  if (credentials.kind === 'none') return undefined;
  if (credentials.kind === 'api_key' && credentials.source === 'environment') return undefined;
  const own = credentials.coordinatorUrl;
  return own === null
    ? `https://${ARCADE.coordinatorHost}`
    : parseBaseUrl(own, 'coordinator_url', ARCADE.coordinatorLocalPort);
}

/**
 * The coordinator that credentials belong to. ARCADE_URL says it of a key from the environment, and never of a stored
 * login: the operator of the server that it names must not get that login's tokens. Throws UserError for an address that
 * cannot be used.
 */
export function coordinatorUrl(settings: Settings, credentials: Credentials): string {
  return coordinatorOfLogin(credentials) ?? coordinatorByVariable(settings);
}

function coordinatorByVariable({ url }: Settings): string {
  return url === undefined
    ? `https://${ARCADE.coordinatorHost}`
    : parseBaseUrl(url, 'ARCADE_URL', ARCADE.coordinatorLocalPort);
}

/** The coordinator for a command with `--host` and the like; without them the credentials' own. Throws UserError. */
export function chosenCoordinatorUrl(
  options: ConnectionOptions,
  settings: Settings,
  credentials: Credentials,
): string {
  if (!byFlags(options)) return coordinatorUrl(settings, credentials);
  const own = credentials.kind === 'none' ? null : credentials.coordinatorUrl;
  const named = coordinatorOfLogin(credentials) === undefined ? settings.url : undefined;
  return withFlags(options, own === null ? named : own, own === null ? 'ARCADE_URL' : 'coordinator_url');
}

/** The coordinator of a login that is to be made: flags, ARCADE_URL, the login at hand, Arcade's own. Throws UserError. */
export function loginCoordinatorUrl(
  options: ConnectionOptions,
  settings: Settings,
  credentials: Credentials,
): string {
  const own = credentials.kind === 'none' ? null : credentials.coordinatorUrl;
  const setting = settings.url === undefined ? 'coordinator_url' : 'ARCADE_URL';
  const host = settings.url ?? own ?? undefined;
  if (byFlags(options)) return withFlags(options, host, setting);
  return host === undefined
    ? `https://${ARCADE.coordinatorHost}`
    : parseBaseUrl(host, setting, ARCADE.coordinatorLocalPort);
}

function withFlags(
  { host, port, tls, noTls }: ConnectionOptions,
  otherwise: string | undefined,
  setting: string,
): string {
  return baseUrl({
    host: host ?? otherwise ?? ARCADE.coordinatorHost,
    setting: host === undefined && otherwise !== undefined ? setting : undefined,
    port,
    tls,
    noTls,
    localPort: ARCADE.coordinatorLocalPort,
  });
}

/**
 * Whether it is safe to send these credentials to their coordinator. A key from the environment, and a login that names
 * no coordinator, say nothing of where they come from: used with a host that is not Arcade's, they must not be shown to
 * Arcade.
 */
export function mayAskCoordinator(
  options: ConnectionOptions,
  settings: Settings,
  credentials: Credentials,
): boolean {
  if (credentials.kind === 'none') return false;
  if (credentials.coordinatorUrl !== null) return true;
  const isFromEnvironment = credentials.kind === 'api_key' && credentials.source === 'environment';
  if (isFromEnvironment && settings.url !== undefined) return true;
  try {
    return !isSelfHosted(engineUrl(options, settings, credentials));
  } catch {
    return false;
  }
}

/** Whether a URL is not Arcade's own. */
export function isSelfHosted(url: string): boolean {
  const host = hostOf(url);
  return host !== 'arcade.dev' && !host.endsWith('.arcade.dev');
}

/**
 * Whether a coordinator may have people sign in at this URL: its own host, or one beside it in the same domain
 * (`login.X` for `cloud.X`). Elsewhere it could have them sign in at another Arcade and get the token for itself.
 * Arcade's own may name any.
 */
export function mayNameEndpoint(coordinator: string, url: string): boolean {
  const [own, named] = [hostOf(coordinator), hostOf(url)];
  if (!isSelfHosted(coordinator)) return true;
  const site = siteOf(own);
  return named === own || (site !== undefined && named.endsWith(`.${site}`));
}
