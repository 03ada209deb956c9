/** Where to connect: flags, then ARCADE_URL, then the credentials, then Arcade's own. */

import { baseUrl, parseBaseUrl } from '../api/base-url.ts';
import { UserError } from '../errors.ts';
import { ARCADE, type Settings } from '../settings.ts';
import type { Credentials } from './credentials.ts';

/** `--host`, `--port`, `--tls` and `--no-tls` as they were given. */
export interface ConnectionOptions {
  readonly host: string | undefined;
  readonly port: string | undefined;
  readonly tls: boolean;
  readonly noTls: boolean;
}

/**
 * The engine's base URL. Throws UserError for an address that cannot be used, and when a self-hosted
 * coordinator issued the credentials but nothing names its engine: they must not go to Arcade's.
 */
export function engineUrl(options: ConnectionOptions, settings: Settings, credentials: Credentials): string {
  const { host, port, tls, noTls } = options;
  const byFlags = host !== undefined || port !== undefined || tls || noTls;
  if (!byFlags && settings.url !== undefined)
    return parseBaseUrl(settings.url, 'ARCADE_URL', ARCADE.engineLocalPort);
  if (
    host === undefined &&
    settings.url === undefined &&
    isSelfHosted(coordinatorUrl(settings, credentials))
  ) {
    throw new UserError(
      'ENGINE_UNKNOWN',
      'These credentials belong to a self-hosted Arcade, and its engine is not known.',
      {
        hint: 'Name the engine with --host, or set ARCADE_URL.',
      },
    );
  }
  return baseUrl({
    host: host ?? settings.url ?? ARCADE.engineHost,
    setting: host === undefined && settings.url !== undefined ? 'ARCADE_URL' : undefined,
    port,
    tls,
    noTls,
    localPort: ARCADE.engineLocalPort,
  });
}

/** The coordinator's base URL. Throws UserError for an address that cannot be used. */
export function coordinatorUrl(settings: Settings, credentials: Credentials): string {
  if (settings.url !== undefined)
    return parseBaseUrl(settings.url, 'ARCADE_URL', ARCADE.coordinatorLocalPort);
  const own = credentials.kind === 'none' ? null : credentials.coordinatorUrl;
  if (own !== null) return parseBaseUrl(own, 'coordinator_url', ARCADE.coordinatorLocalPort);
  return `https://${ARCADE.coordinatorHost}`;
}

/**
 * The coordinator's base URL for a command whose `--host` is the coordinator's. Throws UserError for an
 * address that cannot be used.
 */
export function chosenCoordinatorUrl(
  options: ConnectionOptions,
  settings: Settings,
  credentials: Credentials,
): string {
  const { host, port, tls, noTls } = options;
  if (host === undefined && port === undefined && !tls && !noTls)
    return coordinatorUrl(settings, credentials);
  const own = credentials.kind === 'none' ? null : credentials.coordinatorUrl;
  const named = settings.url !== undefined ? 'ARCADE_URL' : own !== null ? 'coordinator_url' : undefined;
  return baseUrl({
    host: host ?? settings.url ?? own ?? ARCADE.coordinatorHost,
    setting: host === undefined ? named : undefined,
    port,
    tls,
    noTls,
    localPort: ARCADE.coordinatorLocalPort,
  });
}

/**
 * Whether the coordinator may be asked whose the credentials are. A key from the environment says nothing of
 * where it comes from: used with a host that is not Arcade's, it must not be shown to Arcade.
 */
export function mayAskCoordinator(
  options: ConnectionOptions,
  settings: Settings,
  credentials: Credentials,
): boolean {
  if (credentials.kind === 'none') return false;
  if (settings.url !== undefined || credentials.coordinatorUrl !== null) return true;
  try {
    return !isSelfHosted(engineUrl(options, settings, credentials));
  } catch {
    return false;
  }
}

/** Whether a URL is not Arcade's own. */
export function isSelfHosted(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname !== 'arcade.dev' && !hostname.endsWith('.arcade.dev');
}
