/** The engine that a `secret` command uses, with the credentials in force. */

import { engineUrl, mayAskCoordinator } from '../../auth/connection.ts';
import { bearerOf } from '../../auth/token.ts';
import type { Invocation } from '../../invocation.ts';
import type { Engine } from '../../secrets/api.ts';
import { notLoggedIn, requireContext } from '../signed-in.ts';

/** Throws UserError when not signed in, without an active project, and for an address that cannot be used. */
export async function connectEngine(invocation: Invocation): Promise<Engine> {
  const credentials = await invocation.credentials();
  if (credentials.kind === 'none') throw notLoggedIn();
  const { connection, settings } = invocation;
  const url = engineUrl(connection, settings, credentials);
  if (credentials.kind === 'api_key') return { url, bearer: credentials.apiKey, project: null };
  const project = requireContext(credentials);
  // A command for another engine sends nothing to the login's coordinator, not even to refresh the token.
  const bearer = mayAskCoordinator(connection, settings, credentials)
    ? await bearerOf(credentials, settings, invocation.protect)
    : credentials.accessToken;
  return { url, bearer, project };
}
