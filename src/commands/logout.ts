/** `arcade logout` */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { coordinatorUrl } from '../auth/connection.ts';
import { type OAuthCredentials, readStored } from '../auth/credentials.ts';
import { credentialsFile } from '../auth/credentials-file.ts';
import { alone, holdsCredentials, removeDocument } from '../auth/lock.ts';
import { revokeLogin } from '../auth/revoke.ts';
import { UserError } from '../errors.ts';
import type { Run } from '../invocation.ts';
import { LIMITS, type Settings } from '../settings.ts';
import { say } from '../terminal/visible.ts';

/** Deletes the credentials, readable or not, and then has the server forget them. */
export const run: Run = async (invocation) => {
  const { identityChanged, output, settings } = invocation;
  // Read before they are gone: the event is of whoever logs out.
  const before = await invocation.credentials().catch(ifUnreadable);
  const removed = await removeAll(settings);
  if (removed.own && settings.apiKey === undefined) identityChanged({ kind: 'logout' }, before);
  const revoked = await Promise.all(removed.logins.map((login) => revoke(settings, login)));
  output.line(removed.own || removed.other ? say`You're now logged out.` : say`You're not logged in.`);
  if (revoked.includes(false)) {
    output.note(say`Note: the server could not be asked to revoke the login; there it ends when it expires.`);
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
  const remove = async (folder: string): Promise<boolean> => {
    const stored = await readStored(folder).catch(ifUnreadable);
    if (stored?.kind === 'oauth') logins.push(stored);
    return removeDocument(credentialsFile(folder));
  };
  const own =
    directory !== undefined &&
    exists(credentialsFile(directory)) &&
    (await alone(directory, LIMITS.credentialsLockMs, () => remove(directory)));
  const other =
    workDirectory !== undefined &&
    (await holdsCredentials(join(workDirectory, 'credentials.yaml'))) &&
    (await remove(workDirectory));
  return { own, other, logins };
}

function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true; // The directory is closed to us: removing will say so.
  }
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
