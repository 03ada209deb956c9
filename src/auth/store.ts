/**
 * The only writer of credentials.yaml. One process at a time: a refresh, a login and a logout that overlap
 * would otherwise undo one another, and a refresh token that is used twice ends the login.
 */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { type Fields, fieldsOf } from '../infra/fields.ts';
import { makePrivateDirectory } from '../infra/os/files.ts';
import { LIMITS } from '../settings.ts';
import {
  type ApiKeyCredentials,
  type Context,
  isSameLogin,
  type OAuthCredentials,
  parseCredentials,
} from './credentials.ts';
import {
  credentialsFile,
  isAnythingLeft,
  keepCopy,
  readDocument,
  removeDocument,
  requireOwnPlace,
  writeDocument,
} from './credentials-file.ts';
import type { Tokens } from './oauth.ts';

/** What a login yields. */
export type NewLogin =
  | (OAuthCredentials & Tokens & { readonly context: Context })
  | (ApiKeyCredentials & { readonly source: 'file' });

/** Does `work` while no other process changes the credentials. Throws UserError when one does after `waitMs`. */
export async function withCredentialsLock<T>(
  directory: string,
  waitMs: number,
  work: () => Promise<T>,
): Promise<T> {
  requireOwnPlace(directory);
  const lock = await takeLock(directory, waitMs);
  try {
    return await work();
  } finally {
    lock?.release();
  }
}

/**
 * Replaces the stored login; other fields of credentials.yaml are kept. Does nothing more once `interrupted`.
 * A file that holds no credentials is replaced as a whole: returns the path of the copy that is kept of it. Throws
 * UserError; the file is then as it was.
 */
export function storeLogin(
  directory: string,
  login: NewLogin,
  interrupted: AbortSignal,
): Promise<string | undefined> {
  return withCredentialsLock(directory, LIMITS.credentialsLockMs, async () => {
    const path = credentialsFile(directory);
    const content = await readDocument(path).catch((error: unknown): 'malformed' => {
      if (error instanceof UserError && error.code === 'CREDENTIALS_MALFORMED') return 'malformed';
      throw error;
    });
    interrupted.throwIfAborted();
    const known: Fields = content === 'malformed' || content === undefined ? {} : content;
    const cloud = fieldsOf(known.cloud);
    const isEmpty = content !== 'malformed' && Object.keys(cloud ?? known.cloud ?? {}).length === 0;
    const copy = isEmpty || parseCredentials(known) !== undefined ? undefined : keepCopy(path);
    const { api: _1, auth: _2, user: _3, context: _4, coordinator_url: _5, ...kept } = cloud ?? {};
    await writeDocument(path, { ...known, cloud: { ...kept, ...loginFields(login) } });
    return copy;
  });
}

/** Makes another organization and project the active ones, unless the login has changed meanwhile. Throws UserError. */
export function storeContext(
  directory: string,
  credentials: OAuthCredentials,
  context: Context,
): Promise<void> {
  const edit = (cloud: Fields): Fields => {
    const found = parseCredentials({ cloud });
    if (found === undefined || !isSameLogin(found, credentials)) {
      throw new UserError(
        'CREDENTIALS_BUSY',
        'The login changed while this command ran; nothing was switched.',
        { hint: 'Check `arcade whoami` and try again.' },
      );
    }
    return { ...cloud, context: { ...fieldsOf(cloud.context), ...contextFields(context) } };
  };
  return withCredentialsLock(directory, LIMITS.credentialsLockMs, () => changeCloud(directory, edit));
}

/**
 * Changes the fields below `cloud`; what is not known here stays as it is. To be called inside `withCredentialsLock`.
 * Throws UserError; the file is then as it was.
 */
export async function changeCloud(directory: string, edit: (cloud: Fields) => Fields): Promise<void> {
  const path = credentialsFile(directory);
  const content = await readDocument(path);
  await writeDocument(path, { ...content, cloud: edit(fieldsOf(content?.cloud) ?? {}) });
}

/** The fields below `cloud.auth`. */
export function authFields(tokens: Tokens): Fields {
  return {
    access_token: tokens.accessToken,
    ...(tokens.refreshToken === null ? {} : { refresh_token: tokens.refreshToken }),
    expires_at: localTime(tokens.expiresAt),
  };
}

/**
 * Local time with its offset. The Python CLI drops the offset and compares what is left with its own local time, so a
 * time in UTC would be wrong for it in every other zone.
 */
function localTime(time: number): string {
  const offsetMinutes = -new Date(time).getTimezoneOffset();
  const local = new Date(time + offsetMinutes * 60_000).toISOString().slice(0, -1);
  const two = (number: number): string => String(Math.floor(number)).padStart(2, '0');
  const size = Math.abs(offsetMinutes);
  return `${local}${offsetMinutes < 0 ? '-' : '+'}${two(size / 60)}:${two(size % 60)}`;
}

/** Deletes the login stored in `directory`, readable or not, and says whether there was one. Throws UserError. */
export async function removeLogin(directory: string, before: () => Promise<void>): Promise<boolean> {
  if (!isAnythingLeft(directory)) return false;
  return withCredentialsLock(directory, LIMITS.credentialsLockMs, async () => {
    await before();
    return removeDocument(credentialsFile(directory));
  });
}

/** Whether a file holds Arcade credentials. */
export async function holdsCredentials(path: string): Promise<boolean> {
  const content = await readDocument(path).catch(() => undefined);
  return content !== undefined && parseCredentials(content) !== undefined;
}

function loginFields(login: NewLogin): Fields {
  const user = {
    ...(login.email === null ? {} : { email: login.email }),
    ...(login.accountId === null ? {} : { account_id: login.accountId }),
  };
  const both = { coordinator_url: login.coordinatorUrl, user };
  if (login.kind === 'api_key') return { api: { key: login.apiKey }, ...both };
  return { auth: authFields(login), ...both, context: contextFields(login.context) };
}

function contextFields({ orgId, orgName, projectId, projectName }: Context): Fields {
  return { org_id: orgId, org_name: orgName, project_id: projectId, project_name: projectName };
}

async function takeLock(directory: string, waitMs: number): Promise<{ release(): void } | undefined> {
  const path = join(directory, 'credentials.lock');
  let lock: { release(): void } | undefined;
  try {
    makePrivateDirectory(directory);
    // SQLite would follow a link and make what it leads to.
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === false) return undefined;
    const { tryLockFor } = await import('../infra/sqlite/lock.ts');
    lock = await tryLockFor(path, waitMs);
  } catch {
    // No place for a lock, or no SQLite on this machine: a command that runs alone still works.
    return undefined;
  }
  if (lock !== undefined) return lock;
  throw new UserError(
    'CREDENTIALS_BUSY',
    'Another arcade command is updating the login and has not finished.',
    { hint: 'Wait for it or stop it, then try again.' },
  );
}
