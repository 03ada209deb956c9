/**
 * The only writer of credentials.yaml. One process at a time: a refresh, a login and a logout that overlap
 * would otherwise undo one another, and a refresh token that is used twice ends the login.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Fields } from '../api/answer.ts';
import { UserError } from '../errors.ts';
import { makePrivateDirectory, targetOf } from '../infra/os/files.ts';
import { understand } from './credentials.ts';
import { credentialsFile, fieldsOf, readDocument, reasonOf, writeDocument } from './credentials-file.ts';
import type { Tokens } from './oauth.ts';

/** Does `work` while no other process changes the credentials. Throws UserError when one does after `waitMs`. */
export async function alone<T>(directory: string, waitMs: number, work: () => Promise<T>): Promise<T> {
  const lock = await takeLock(directory, waitMs);
  try {
    return await work();
  } finally {
    lock?.release();
  }
}

/**
 * Changes the fields below `cloud`; what is not known here stays as it is. To be called inside `alone`.
 * With `discard`, a file that cannot be understood is replaced. Throws UserError; the file is then as it was.
 */
export async function changeCloud(
  directory: string,
  edit: (cloud: Fields) => Fields,
  { discard }: { discard: boolean },
): Promise<void> {
  const path = credentialsFile(directory);
  const content = await readDocument(path).catch((error: unknown) => {
    if (discard) return undefined;
    throw error;
  });
  await writeDocument(path, { ...content, cloud: edit(fieldsOf(content?.cloud) ?? {}) });
}

/** The fields below `cloud.auth`; the time in UTC and with its zone. */
export function authFields(tokens: Tokens): Fields {
  return {
    access_token: tokens.accessToken,
    ...(tokens.refreshToken === null ? {} : { refresh_token: tokens.refreshToken }),
    expires_at: new Date(tokens.expiresAt).toISOString(),
  };
}

/**
 * Deletes a credentials file: what a symbolic link leads to, and the link. Says whether there was one. Throws
 * UserError.
 */
export function removeDocument(path: string): boolean {
  try {
    const target = targetOf(path);
    const found = remove(target);
    return target === path ? found : remove(path) || found;
  } catch (cause) {
    throw new UserError(
      'CREDENTIALS_UNWRITABLE',
      `The credentials file ${path} cannot be removed: ${reasonOf(cause)}.`,
      {
        hint: 'Remove it by hand: it still holds what signs you in.',
        cause,
      },
    );
  }
}

/** Whether a file holds Arcade credentials. */
export async function holdsCredentials(path: string): Promise<boolean> {
  const content = await readDocument(path).catch(() => undefined);
  return content !== undefined && understand(content) !== undefined;
}

function remove(path: string): boolean {
  try {
    rmSync(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw code === 'ERR_FS_EISDIR' ? Object.assign(new Error('a directory'), { code: 'EISDIR' }) : error;
  }
}

async function takeLock(directory: string, waitMs: number): Promise<{ release(): void } | undefined> {
  let lock: { release(): void } | undefined;
  try {
    makePrivateDirectory(directory);
    const { tryLockFor } = await import('../infra/sqlite/lock.ts');
    lock = await tryLockFor(join(directory, 'credentials.lock'), waitMs);
  } catch {
    // No place for a lock, or no SQLite on this machine: a command that runs alone still works.
    return undefined;
  }
  if (lock !== undefined) return lock;
  throw new UserError(
    'CREDENTIALS_BUSY',
    'Another arcade command is changing the login and does not finish.',
    {
      hint: 'Wait for it, or end it, and try again.',
    },
  );
}
