/**
 * Renews an OAuth login. Of any number of commands that find it stale at once exactly one asks the server: a
 * refresh token that is presented twice counts as stolen and ends the login.
 */
import { UserError } from '../errors.ts';
import { fieldsOf } from '../infra/fields.ts';
import type { Settings } from '../settings.ts';
import type { Protect } from './bearer.ts';
import { coordinatorUrl } from './connection.ts';
import { isSameLogin, type OAuthCredentials, parseCredentials, readStored } from './credentials.ts';
import { redeemRefreshToken, type Tokens } from './oauth.ts';
import { findSignInServer } from './sign-in-server.ts';
import { authFields, changeCloud, withCredentialsLock } from './store.ts';

interface Patience {
  /** How long to wait for another command that changes the credentials. */
  readonly lockMs: number;
  /** How long the server may take. */
  readonly limitMs: number;
  readonly protect: Protect;
}

/**
 * The credentials with other tokens than the `stale` ones: those that another command has stored meanwhile, or
 * new ones. Throws UserError; unless it says that the login is over, nothing has changed.
 */
export async function refresh(
  stale: OAuthCredentials,
  settings: Settings,
  { lockMs, limitMs, protect }: Patience,
): Promise<OAuthCredentials> {
  const { directory } = settings;
  if (directory === undefined) throw failed('there is no home directory');
  return withCredentialsLock(directory, lockMs, async () => {
    const found = await readStored(directory);
    if (found.kind !== 'oauth' || !isSameLogin(found, stale)) {
      throw failed('the login changed meanwhile');
    }
    if (isNewer(found, stale)) return { ...stale, ...tokensOf(found) };
    if (found.refreshToken === null) throw loginIsOver();
    // Tokens that could not be stored would be lost, and the login with them: better not to ask for any.
    await changeCloud(directory, (cloud) => cloud);
    const server = { coordinator: coordinatorUrl(settings, found), limitMs };
    const renewing = renewAndStore(directory, server, found.refreshToken);
    protect(renewing);
    return { ...stale, ...(await renewing) };
  });
}

/** However short the life of the server's tokens is: what another command has just fetched will do. */
function isNewer(found: OAuthCredentials, stale: OAuthCredentials): boolean {
  return (
    found.accessToken !== stale.accessToken && (found.expiresAt ?? Number.POSITIVE_INFINITY) > Date.now()
  );
}

interface Server {
  readonly coordinator: string;
  readonly limitMs: number;
}

async function renewAndStore(directory: string, server: Server, refreshToken: string): Promise<Tokens> {
  const tokens = await renew(server, refreshToken);
  await changeCloud(directory, (cloud) => {
    const found = parseCredentials({ cloud });
    // A program that ignores our lock (the Python CLI) may have logged in meanwhile; do not overwrite that.
    if (found?.kind !== 'oauth' || found.refreshToken !== refreshToken) return cloud;
    return { ...cloud, auth: { ...fieldsOf(cloud.auth), ...authFields(tokens) } };
  });
  return tokens;
}

async function renew({ coordinator, limitMs }: Server, refreshToken: string): Promise<Tokens> {
  const deadline = performance.now() + limitMs;
  try {
    const server = await findSignInServer(coordinator, limitMs);
    if (server === undefined) throw failed(`${new URL(coordinator).host} does not support OAuth`);
    const granted = await redeemRefreshToken(server, refreshToken, Math.max(1, deadline - performance.now()));
    if (granted.kind === 'refused') {
      throw granted.error === 'invalid_grant' ? loginIsOver() : failed(`the server says ${granted.error}`);
    }
    return { ...granted.tokens, refreshToken: granted.tokens.refreshToken ?? refreshToken };
  } catch (error) {
    if (!(error instanceof UserError) || REFRESH_CODES.includes(error.code)) throw error;
    throw failed(error.message.replace(/\.$/, ''), error.hint, error);
  }
}

const REFRESH_CODES: readonly string[] = ['LOGIN_EXPIRED', 'LOGIN_REFRESH_FAILED'];

function tokensOf({ accessToken, refreshToken, expiresAt }: OAuthCredentials) {
  return { accessToken, refreshToken, expiresAt };
}

function loginIsOver(): UserError {
  return new UserError('LOGIN_EXPIRED', 'Your login has expired, or was revoked.', {
    hint: 'Run `arcade login` to log in again.',
  });
}

function failed(why: string, hint?: string, cause?: unknown): UserError {
  const message = `Failed to refresh token: ${why}. Please run 'arcade login' to re-authenticate.`;
  return new UserError('LOGIN_REFRESH_FAILED', message, {
    hint: hint ?? 'Your login is unchanged; you can also try again.',
    cause,
  });
}
