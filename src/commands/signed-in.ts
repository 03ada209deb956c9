/** What the commands share that need to know who is signed in. */
import { bearerOf } from '../auth/bearer.ts';
import { chosenCoordinatorUrl } from '../auth/connection.ts';
import type { Context, OAuthCredentials } from '../auth/credentials.ts';
import { UserError } from '../errors.ts';
import type { Bearer } from '../infra/net/http.ts';
import type { Invocation } from '../invocation.ts';

export interface SignedIn {
  readonly credentials: OAuthCredentials;
  readonly coordinator: string;
  readonly bearer: Bearer;
}

/** The error of a command that needs somebody signed in. */
export function notLoggedIn(): UserError {
  return new UserError('NOT_LOGGED_IN', 'Not logged in to Arcade CLI.', {
    hint: 'Use `arcade login` to log in, or set ARCADE_API_KEY.',
  });
}

/** Whoever is signed in by OAuth, at the coordinator. Throws UserError for everybody else. */
export async function requireLogin(invocation: Invocation): Promise<SignedIn> {
  const { connection, settings, protect } = invocation;
  const credentials = await invocation.credentials();
  if (credentials.kind === 'none') throw notLoggedIn();
  if (credentials.kind === 'api_key') {
    const how = credentials.source === 'environment' ? 'ARCADE_API_KEY' : 'an API key';
    throw new UserError(
      'API_KEY_UNSUPPORTED',
      `You are signed in with ${how}, which belongs to one project: there is nothing to switch.`,
      {
        hint: `${credentials.source === 'environment' ? 'Unset it and run' : 'Run'} \`arcade login --force\`.`,
      },
    );
  }
  const coordinator = chosenCoordinatorUrl(connection, settings, credentials);
  return { credentials, coordinator, bearer: await bearerOf(credentials, settings, protect) };
}

/** The active organization and project. Throws UserError when there is none. */
export function requireContext({ context }: OAuthCredentials): Context {
  if (context !== null) return context;
  throw new UserError('NO_CONTEXT', 'No active organization/project.', {
    hint: 'Choose one with `arcade org set`, or run `arcade login --force`.',
  });
}
