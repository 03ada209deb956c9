/** What the commands share that need to know who is signed in. */

import { coordinatorUrl } from '../auth/connection.ts';
import type { Context, OAuthCredentials } from '../auth/credentials.ts';
import { bearerOf } from '../auth/token.ts';
import { UserError } from '../errors.ts';
import type { Bearer } from '../infra/net/http.ts';
import type { Invocation } from '../invocation.ts';

export interface SignedIn {
  readonly credentials: OAuthCredentials;
  readonly coordinator: string;
  readonly bearer: Bearer;
}

/** The error of a command that needs credentials. */
export function notLoggedIn(): UserError {
  return new UserError('NOT_LOGGED_IN', 'Not logged in to Arcade CLI.', {
    hint: 'Use `arcade login` to log in, or set ARCADE_API_KEY.',
  });
}

/** The OAuth login at its coordinator. Throws UserError where there is none. */
export async function requireLogin(invocation: Invocation): Promise<SignedIn> {
  const { connection, settings, protect } = invocation;
  const credentials = await invocation.credentials();
  if (credentials.kind === 'none') throw notLoggedIn();
  if (credentials.kind === 'api_key') {
    const isVariable = credentials.source === 'environment';
    throw new UserError(
      'API_KEY_UNSUPPORTED',
      'This command needs a user login; an API key belongs to a single project.',
      { hint: `${isVariable ? 'Unset ARCADE_API_KEY and run' : 'Run'} \`arcade login --force\`.` },
    );
  }
  const coordinator = coordinatorUrl(settings, credentials, connection);
  return { credentials, coordinator, bearer: await bearerOf(credentials, settings, protect) };
}

/** The active organization and project. Throws UserError when there is none. */
export function requireContext({ context }: OAuthCredentials): Context {
  if (context !== null) return context;
  throw new UserError('NO_CONTEXT', 'No active organization/project.', {
    hint: 'Choose one with `arcade org set`, or run `arcade login --force`.',
  });
}
