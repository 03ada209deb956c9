/**
 * What a command shows to prove who is asking, renewed when it is about to expire. Of any number of commands that find
 * a login stale at once exactly one asks the server: a refresh token that is presented twice counts as stolen and ends
 * the login.
 */
import { UserError } from '../errors.ts';
import { fieldsOf } from '../infra/fields.ts';
import type { Bearer } from '../infra/net/http.ts';
import { LIMITS, type Settings } from '../settings.ts';
import { coordinatorUrl } from './connection.ts';
import {
  isSameLogin,
  type OAuthCredentials,
  parseCredentials,
  readStored,
  type SomeCredentials,
} from './credentials.ts';
import type { Tokens } from './oauth.ts';
import { authFields, changeCloud, withCredentialsLock } from './store.ts';

/** Told of work that should not be cut short, even by Ctrl-C. */
type Protect = (work: Promise<unknown>) => void;

interface Patience {
  /** How long to wait for another command that changes the credentials. */
  readonly lockMs: number;
  /** How long the server may take. */
  readonly limitMs: number;
}

const PATIENT: Patience = { lockMs: LIMITS.credentialsLockMs, limitMs: LIMITS.refreshMs };
/** The token still works, so do not wait for a refresh that another command is already doing. */
const HURRIED: Patience = { lockMs: 0, limitMs: LIMITS.earlyRefreshMs };

/**
 * The bearer of these credentials. A token with less than five minutes left is refreshed first; one that a
 * server refuses all the same (clocks differ) is refreshed once. Throws UserError for a token that has expired
 * and cannot be refreshed.
 */
export async function bearerOf(
  credentials: SomeCredentials,
  settings: Settings,
  protect: Protect,
): Promise<Bearer> {
  if (credentials.kind === 'api_key') return credentials.apiKey;
  const { refreshToken, expiresAt } = credentials;
  const leftMs = (expiresAt ?? Number.POSITIVE_INFINITY) - Date.now();
  const mayStay = leftMs > 0;
  let current = credentials;
  if (leftMs <= LIMITS.freshMs && !(mayStay && refreshToken === null)) {
    const refreshing = refresh(credentials, settings, protect, mayStay ? HURRIED : PATIENT);
    // One that still works stays; the next command tries again.
    current = await (mayStay ? refreshing.catch(() => credentials) : refreshing);
  }
  let renewing: Promise<void> | undefined;
  return {
    token: () => current.accessToken,
    async renew(refused) {
      if (refused !== current.accessToken) return true;
      renewing ??= refresh(current, settings, protect, PATIENT).then(
        (renewed) => {
          current = renewed;
        },
        // That the server refuses the token is what the person needs to know.
        () => undefined,
      );
      await renewing;
      return refused !== current.accessToken;
    },
  };
}

/**
 * The login with other tokens than the `stale` ones: those that another command has stored meanwhile, or new ones.
 * Throws UserError; unless it says that the login is over, nothing has changed.
 */
async function refresh(
  stale: OAuthCredentials,
  settings: Settings,
  protect: Protect,
  { lockMs, limitMs }: Patience,
): Promise<OAuthCredentials> {
  const { directory = '' } = settings; // An OAuth login has been read from one.
  return withCredentialsLock(directory, lockMs, async () => {
    const found = await readStored(directory);
    if (found.kind !== 'oauth' || !isSameLogin(found, stale)) throw failed('the login changed meanwhile');
    if (isNewer(found, stale)) return found;
    const { refreshToken } = found;
    if (refreshToken === null) throw loginIsOver();
    // Tokens that could not be stored would be lost, and the login with them: better not to ask for any.
    await changeCloud(directory, (cloud) => cloud);
    const renewing = renew(coordinatorUrl(settings, found), refreshToken, limitMs).then(async (tokens) => {
      await storeTokens(directory, tokens, refreshToken);
      return tokens;
    });
    protect(renewing);
    return { ...found, ...(await renewing) };
  });
}

/** However short the life of the server's tokens is: what another command has just fetched will do. */
function isNewer(found: OAuthCredentials, stale: OAuthCredentials): boolean {
  return (
    found.accessToken !== stale.accessToken && (found.expiresAt ?? Number.POSITIVE_INFINITY) > Date.now()
  );
}

async function renew(coordinator: string, refreshToken: string, limitMs: number): Promise<Tokens> {
  const deadline = performance.now() + limitMs;
  const { findSignInServer, redeemRefreshToken } = await import('./oauth.ts');
  const refused = (error: string) =>
    error === 'invalid_grant' ? loginIsOver() : failed(`the server says ${error}`);
  try {
    const server = await findSignInServer(coordinator, deadline);
    if (server === undefined) throw failed(`${new URL(coordinator).host} does not support OAuth`);
    const tokens = await redeemRefreshToken(server, refreshToken, deadline, refused);
    return { ...tokens, refreshToken: tokens.refreshToken ?? refreshToken };
  } catch (error) {
    if (!(error instanceof UserError) || error.code.startsWith('LOGIN_')) throw error;
    throw failed(error.message.replace(/\.$/, ''), error);
  }
}

function storeTokens(directory: string, tokens: Tokens, spent: string): Promise<void> {
  return changeCloud(directory, (cloud) => {
    const found = parseCredentials({ cloud });
    // A program that ignores our lock (the Python CLI) may have logged in meanwhile; do not overwrite that.
    if (found?.kind !== 'oauth' || found.refreshToken !== spent) return cloud;
    return { ...cloud, auth: { ...fieldsOf(cloud.auth), ...authFields(tokens) } };
  });
}

function loginIsOver(): UserError {
  return new UserError('LOGIN_EXPIRED', 'Your login has expired, or was revoked.', {
    hint: 'Run `arcade login` to log in again.',
  });
}

function failed(why: string, cause?: UserError): UserError {
  const message = `Failed to refresh token: ${why}. Please run 'arcade login' to re-authenticate.`;
  const hint = cause?.hint ?? 'Your login is unchanged; you can also try again.';
  return new UserError('LOGIN_REFRESH_FAILED', message, { hint, cause });
}
