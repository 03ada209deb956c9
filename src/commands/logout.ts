/** `arcade logout` */
import { join } from 'node:path';
import { coordinatorUrl } from '../auth/connection.ts';
import { type OAuthCredentials, readStored } from '../auth/credentials.ts';
import { removeDocument } from '../auth/credentials-file.ts';
import { revokeLogin } from '../auth/oauth.ts';
import { holdsCredentials, removeLogin } from '../auth/store.ts';
import { UserError } from '../errors.ts';
import type { Run } from '../invocation.ts';
import { LIMITS, type Settings } from '../settings.ts';
import { say } from '../terminal/visible.ts';

/** Deletes the credentials, readable or not, and then revokes the login at its server. */
export const run: Run = async (invocation) => {
  const { identityChanged, output, settings } = invocation;
  // Read before they are gone: the event is of the account that logs out.
  const before = await invocation.credentials().catch(ifUnreadable);
  const removed = await removeAll(settings);
  if (removed.own && settings.apiKey === undefined) identityChanged({ kind: 'logout' }, before);
  const revoked = await Promise.all(removed.logins.map((login) => revoke(settings, login)));
  output.line(removed.own || removed.other ? say`You're now logged out.` : say`You're not logged in.`);
  if (revoked.includes(false)) {
    output.note(
      say`Note: the login could not be revoked on the server; it remains valid there until it expires.`,
    );
  }
  if (settings.apiKey !== undefined) {
    output.note(say`Note: ARCADE_API_KEY is set and still signs you in. Unset it to be logged out.`);
  }
};

interface Removed {
  readonly own: boolean;
  /** Where the Python CLI leaves them when ARCADE_WORK_DIR is set. */
  readonly other: boolean;
  readonly logins: readonly OAuthCredentials[];
}

async function removeAll({ directory, workDirectory }: Settings): Promise<Removed> {
  const logins: OAuthCredentials[] = [];
  const note = async (folder: string): Promise<void> => {
    const stored = await readStored(folder).catch(ifUnreadable);
    if (stored?.kind === 'oauth') logins.push(stored);
  };
  const own = directory !== undefined && (await removeLogin(directory, () => note(directory)));
  const file = workDirectory === undefined ? undefined : join(workDirectory, 'credentials.yaml');
  const isOther = file !== undefined && (await holdsCredentials(file));
  if (isOther) await note(workDirectory ?? '');
  return { own, other: isOther && removeDocument(file), logins };
}

function ifUnreadable(error: unknown): undefined {
  if (error instanceof UserError) return undefined;
  throw error;
}

async function revoke(settings: Settings, login: OAuthCredentials): Promise<boolean> {
  try {
    return await revokeLogin(login, coordinatorUrl(settings, login), LIMITS.revokeMs);
  } catch {
    return false; // The address in the file cannot be used.
  }
}
