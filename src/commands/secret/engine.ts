/** The engine that a `secret` command speaks to, as whoever is signed in. */
import { engineUrl } from '../../auth/connection.ts';
import { UserError } from '../../errors.ts';
import type { Engine } from '../../secrets/api.ts';
import type { Invocation } from '../command.ts';

/** Throws UserError when nobody is signed in, no project is active, or the address cannot be used. */
export async function connectEngine(invocation: Invocation): Promise<Engine> {
  const credentials = await invocation.credentials();
  if (credentials.kind === 'none') {
    throw new UserError('NOT_LOGGED_IN', 'Not logged in to Arcade CLI.', {
      hint: 'Use `arcade login` to log in, or set ARCADE_API_KEY.',
    });
  }
  const url = engineUrl(invocation.connection, invocation.settings, credentials);
  if (credentials.kind === 'api_key') return { url, bearer: credentials.apiKey, project: null };
  if (credentials.context === null) {
    throw new UserError('NO_CONTEXT', 'No active organization/project.', {
      hint: 'Please run `arcade login` first.',
    });
  }
  return { url, bearer: credentials.accessToken, project: credentials.context };
}
