/** What telemetry may know of the credentials that a command uses. */
import { type ConnectionOptions, mayAskCoordinator } from '../auth/connection.ts';
import { accountOf, type Credentials } from '../auth/credentials.ts';
import type { Settings } from '../settings.ts';
import type { CredentialsSeen } from '../usage/append/append.ts';
import type { Execution } from '../usage/event/event.ts';

export interface Seen {
  readonly seen: CredentialsSeen;
  readonly context: Execution['context'];
}

/** Looks at the credentials that `read` yields; ones that cannot be read tell nothing. Never rejects. */
export async function credentialsSeen(
  read: () => Promise<Credentials>,
  connection: ConnectionOptions,
  settings: Settings,
): Promise<Seen> {
  try {
    const credentials = await read();
    const resolvable = mayAskCoordinator(connection, settings, credentials);
    const context = credentials.kind === 'oauth' ? credentials.context : null;
    const fromEnvironment = credentials.kind === 'api_key' && credentials.source === 'environment';
    return { seen: { account: accountOf(credentials), resolvable, fromEnvironment }, context };
  } catch {
    return { seen: { account: undefined, resolvable: false }, context: null };
  }
}
