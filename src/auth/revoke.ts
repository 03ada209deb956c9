/** Asks the server to forget a login. */
import type { OAuthCredentials } from './credentials.ts';
import { revokeToken } from './oauth.ts';
import { findRevocationEndpoint, findSignInServer } from './sign-in-server.ts';

/**
 * Revokes a login where the server offers that. False: it does, or may, and could not be asked in time. Never
 * rejects; resolves within `limitMs`.
 */
export async function revokeLogin(
  { refreshToken, accessToken }: OAuthCredentials,
  coordinator: string,
  limitMs: number,
): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  try {
    const [server, endpoint] = await Promise.all([
      findSignInServer(coordinator, limitMs),
      findRevocationEndpoint(coordinator, limitMs),
    ]);
    if (server === undefined || endpoint === undefined) return true;
    // With the refresh token go all access tokens that came of it (RFC 7009, section 2.1).
    const leftMs = Math.max(1, deadline - performance.now());
    await revokeToken(server, endpoint, refreshToken ?? accessToken, leftMs);
    return true;
  } catch {
    return false;
  }
}
