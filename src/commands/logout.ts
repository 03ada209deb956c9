/** `arcade logout` */
import { coordinatorUrl } from '../auth/connection.ts';
import type { OAuthCredentials } from '../auth/credentials.ts';
import { revokeLogin } from '../auth/oauth.ts';
import { ifUnreadable, removeLogin, removeStrayLogin } from '../auth/store.ts';
import type { Run } from '../invocation.ts';
import { LIMITS, type Settings } from '../settings.ts';
import { say } from '../terminal/visible.ts';

/** Deletes the credentials, readable or not, and then revokes the login at its server. */
export const run: Run = async ({ credentials, identityChanged, output, settings }) => {
  const { apiKey, directory, workDirectory } = settings;
  // Read before they are gone: the event is of the account that logs out.
  const before = await credentials().catch(ifUnreadable);
  const own = directory === undefined ? undefined : await removeLogin(directory);
  const stray = workDirectory === undefined ? undefined : await removeStrayLogin(workDirectory);
  if (own !== undefined && apiKey === undefined) identityChanged({ kind: 'logout' }, before);
  const removed = [own, stray].filter((login) => login !== undefined);
  const logins = removed.filter((login) => login.kind === 'oauth');
  const revoked = await Promise.all(logins.map((login) => revoke(settings, login)));
  output.line(removed.length > 0 ? say`You're now logged out.` : say`You're not logged in.`);
  if (revoked.includes(false)) {
    output.warn(
      say`Note: the login could not be revoked on the server; it remains valid there until it expires.`,
    );
  }
  if (apiKey !== undefined) {
    output.note(say`Note: ARCADE_API_KEY is set and still signs you in. Unset it to be logged out.`);
  }
};

async function revoke(settings: Settings, login: OAuthCredentials): Promise<boolean> {
  try {
    return await revokeLogin(login, coordinatorUrl(settings, login), performance.now() + LIMITS.revokeMs);
  } catch {
    return false; // The address in the file cannot be used.
  }
}
