/** Where to connect: flags, then ARCADE_URL, then the login, then Arcade's own. A login is used only where it belongs. */

import { baseUrl } from '../api/base-url.ts';
import { UserError } from '../errors.ts';
import { ARCADE, type Settings } from '../settings.ts';
import { type Credentials, isFromEnvironment } from './credentials.ts';

/** `--host`, `--port`, `--tls` and `--no-tls` as they were given. */
export interface ConnectionOptions {
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly tls: boolean;
  readonly noTls: boolean;
}

/** A host, and what names it; undefined for one that is built in. */
interface NamedHost {
  readonly host: string;
  readonly setting: string | undefined;
}

/**
 * The engine's base URL. Throws UserError for an address that cannot be used, and where nothing but a guess would say
 * where a login's engine is, or ARCADE_URL names another Arcade than the login's.
 */
export function engineUrl(options: ConnectionOptions, settings: Settings, credentials: Credentials): string {
  return urlOf(options, () => engineByDefault(settings, credentials), ARCADE.engineLocalPort);
}

function urlOf(options: ConnectionOptions, byDefault: () => NamedHost, localPort: number): string {
  const named = options.host === undefined ? byDefault() : { host: options.host };
  return baseUrl({ ...options, ...named, localPort });
}

function engineByDefault(settings: Settings, credentials: Credentials): NamedHost {
  const named = namedByVariable(settings);
  if (ownCoordinator(credentials) === undefined)
    return named ?? { host: ARCADE.engineHost, setting: undefined };
  const login = coordinatorUrl(settings, credentials);
  const paired = pairedEngine(login);
  if (named === undefined) {
    if (paired !== undefined) return { host: paired, setting: 'coordinator_url' };
    throw new UserError(
      'ENGINE_UNKNOWN',
      `You are logged in at ${new URL(login).host}, but no engine is configured for it.`,
      { hint: 'Name the engine with --host, or set ARCADE_URL.' },
    );
  }
  const engine = baseUrl({ ...named, localPort: ARCADE.engineLocalPort });
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

/**
 * The coordinator for a command with `--host` and the like; without them the one that the credentials belong to.
 * ARCADE_URL says it of a key from the environment, and never of a stored login: the operator of the server that it names
 * must not get that login's tokens. Throws UserError for an address that cannot be used.
 */
export function coordinatorUrl(
  settings: Settings,
  credentials: Credentials,
  options: ConnectionOptions = NO_OPTIONS,
): string {
  const byDefault = (): NamedHost =>
    ownCoordinator(credentials) ?? namedByVariable(settings) ?? ARCADES_COORDINATOR;
  return urlOf(options, byDefault, ARCADE.coordinatorLocalPort);
}

const NO_OPTIONS: ConnectionOptions = { host: undefined, port: undefined, tls: false, noTls: false };

/** The coordinator of a login that is to be made: flags, ARCADE_URL, the login at hand, Arcade's own. Throws UserError. */
export function loginCoordinatorUrl(
  options: ConnectionOptions,
  settings: Settings,
  credentials: Credentials,
): string {
  const byDefault = (): NamedHost =>
    namedByVariable(settings) ?? ownCoordinator(credentials) ?? ARCADES_COORDINATOR;
  return urlOf(options, byDefault, ARCADE.coordinatorLocalPort);
}

/** The coordinator of a stored login: its own, or Arcade's where the file names none. Undefined for anything else. */
function ownCoordinator(credentials: Credentials): NamedHost | undefined {
  if (credentials.kind === 'none' || isFromEnvironment(credentials)) return undefined;
  const { coordinatorUrl: host } = credentials;
  return host === null ? ARCADES_COORDINATOR : { host, setting: 'coordinator_url' };
}

const ARCADES_COORDINATOR: NamedHost = { host: ARCADE.coordinatorHost, setting: undefined };

function namedByVariable({ url }: Settings): NamedHost | undefined {
  return url === undefined ? undefined : { host: url, setting: 'ARCADE_URL' };
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
  if (isFromEnvironment(credentials) && settings.url !== undefined) return true;
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
