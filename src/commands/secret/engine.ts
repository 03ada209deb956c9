/** The engine that a `secret` command speaks to, as whoever is signed in. */
import { bearerOf } from '../../auth/bearer.ts';
import { engineUrl, mayAskCoordinator } from '../../auth/connection.ts';
import { UserError } from '../../errors.ts';
import type { Invocation } from '../../invocation.ts';
import type { Engine } from '../../secrets/api.ts';
import { notLoggedIn } from '../signed-in.ts';

/** Throws UserError when nobody is signed in, no project is active, or the address cannot be used. */
export async function connectEngine(invocation: Invocation): Promise<Engine> {
  const credentials = await invocation.credentials();
  if (credentials.kind === 'none') throw notLoggedIn();
  const { connection, settings } = invocation;
  const url = engineUrl(connection, settings, credentials);
  if (credentials.kind === 'api_key') return { url, bearer: credentials.apiKey, project: null };
  if (credentials.context === null) {
    throw new UserError('NO_CONTEXT', 'No active organization/project.', {
      hint: 'Please run `arcade login` first.',
    });
  }
  // A login that may be Arcade's is not shown there by a command that works elsewhere, not even to renew it.
  const bearer = mayAskCoordinator(connection, settings, credentials)
    ? await bearerOf(credentials, settings, invocation.protect)
    : credentials.accessToken;
  return { url, bearer, project: credentials.context };
}
