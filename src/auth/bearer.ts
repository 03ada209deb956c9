/** What a command shows to prove who is asking, renewed when it is about to expire. */
import type { Bearer } from '../infra/net/http.ts';
import { LIMITS, type Settings } from '../settings.ts';
import type { ApiKeyCredentials, OAuthCredentials } from './credentials.ts';

/** Told of work that should not be cut short, even by Ctrl-C. */
export type Protect = (work: Promise<unknown>) => void;

/**
 * The bearer of these credentials. A token with less than five minutes left is refreshed first; one that a
 * server refuses all the same (clocks differ) is refreshed once. Throws UserError for a token that has expired
 * and cannot be refreshed.
 */
export async function bearerOf(
  credentials: ApiKeyCredentials | OAuthCredentials,
  settings: Settings,
  protect: Protect,
): Promise<Bearer> {
  if (credentials.kind === 'api_key') return credentials.apiKey;
  let current = await fresh(credentials, settings, protect);
  let renewing: Promise<void> | undefined;
  return {
    token: () => current.accessToken,
    async renew(refused) {
      if (refused !== current.accessToken) return true;
      renewing ??= replace(current, settings, protect).then(
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

async function fresh(
  credentials: OAuthCredentials,
  settings: Settings,
  protect: Protect,
): Promise<OAuthCredentials> {
  const leftMs = leftOf(credentials);
  if (leftMs > LIMITS.freshMs || (leftMs > 0 && credentials.refreshToken === null)) return credentials;
  // The token still works, so do not wait for a refresh that another command is already doing.
  const patience =
    leftMs > 0
      ? { lockMs: 0, limitMs: LIMITS.earlyRefreshMs }
      : { lockMs: LIMITS.credentialsLockMs, limitMs: LIMITS.refreshMs };
  try {
    const { refresh } = await import('./refresh.ts');
    return await refresh(credentials, settings, { ...patience, protect });
  } catch (error) {
    if (leftMs > 0) return credentials; // The next command tries again.
    throw error;
  }
}

async function replace(
  refused: OAuthCredentials,
  settings: Settings,
  protect: Protect,
): Promise<OAuthCredentials> {
  const { refresh } = await import('./refresh.ts');
  const patience = { lockMs: LIMITS.credentialsLockMs, limitMs: LIMITS.refreshMs };
  return refresh(refused, settings, { ...patience, protect });
}

function leftOf({ expiresAt }: OAuthCredentials): number {
  return expiresAt === null ? Number.POSITIVE_INFINITY : expiresAt - Date.now();
}
