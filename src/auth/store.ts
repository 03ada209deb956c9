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
  type Credentials,
  isSameLogin,
  type OAuthCredentials,
  parseCredentials,
  readStored,
} from './credentials.ts';
import {
  credentialsFile,
  isAnythingLeft,
  KNOWN,
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
    const content = await readDocument(path).catch(ifMalformed);
    interrupted.throwIfAborted();
    const isKnown = content !== undefined && parseCredentials(content) !== undefined;
    const copy = isKnown ? undefined : keepCopy(path);
    const kept = Object.entries(fieldsOf(content?.cloud) ?? {}).filter(([name]) => !KNOWN.includes(name));
    await writeDocument(path, { ...content, cloud: { ...Object.fromEntries(kept), ...loginFields(login) } });
    return copy;
  });
}

/** Undefined for a file that holds no credentials; throws any other error. */
export function ifMalformed(error: unknown): undefined {
  if (!(error instanceof UserError && error.code === 'CREDENTIALS_MALFORMED')) throw error;
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
  await writeDocument(path, { ...content, cloud: edit(fieldsOf(content.cloud) ?? {}) });
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
  const offset = -60_000 * new Date(time).getTimezoneOffset();
  const local = new Date(time + offset).toISOString().slice(0, -1);
  return `${local}${offset < 0 ? '-' : '+'}${new Date(Math.abs(offset)).toISOString().slice(11, 16)}`;
}

/** Deletes the login stored in `directory`, readable or not. Returns it; undefined when there was none. Throws UserError. */
export async function removeLogin(directory: string): Promise<Credentials | undefined> {
  if (!isAnythingLeft(directory)) return undefined;
  return withCredentialsLock(directory, LIMITS.credentialsLockMs, async () => {
    const login = (await readStored(directory).catch(ifUnreadable)) ?? { kind: 'none' };
    return removeDocument(credentialsFile(directory)) ? login : undefined;
  });
}

/**
 * The same of the file that the Python CLI leaves outside of `.arcade`. One that holds no credentials is of another
 * program, and stays. Throws UserError.
 */
export async function removeStrayLogin(directory: string): Promise<Credentials | undefined> {
  const path = credentialsFile(directory);
  const login = await readDocument(path).then(parseCredentials).catch(ifUnreadable);
  return login !== undefined && login.kind !== 'none' && removeDocument(path) ? login : undefined;
}

/** Undefined where credentials cannot be read or parsed; throws any other error. */
export function ifUnreadable(error: unknown): undefined {
  if (!(error instanceof UserError)) throw error;
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
