/** credentials.yaml as text: read with every way in which a file can be wrong told apart, written whole. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Fields } from '../api/answer.ts';
import { UserError } from '../errors.ts';
import { makePrivateDirectory, targetOf, writeAtomically } from '../infra/os/files.ts';

/** Largest credentials.yaml that is read. */
const MAX_BYTES = 1024 * 1024;

export const credentialsFile = (directory: string): string => join(directory, 'credentials.yaml');

/** The fields of a YAML mapping; undefined for anything else. */
export function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

/**
 * Reads the file; undefined when there is none, or an empty one. Throws UserError when it cannot be read or
 * is no YAML mapping. Times stay text: YAML itself would take one without a zone for UTC.
 */
export async function readDocument(path: string): Promise<Fields | undefined> {
  const bytes = await readBytes(path);
  if (bytes === undefined) return undefined;
  const { load } = await import('js-yaml');
  let content: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (text.trim() === '') return undefined;
    content = load(text);
  } catch (cause) {
    throw malformed(path, cause);
  }
  const fields = fieldsOf(content);
  if (fields === undefined) throw malformed(path);
  return fields;
}

/** Replaces the file, whole or not at all, with mode 0600. Throws UserError. */
export async function writeDocument(path: string, content: Fields): Promise<void> {
  const { dump } = await import('js-yaml');
  try {
    makePrivateDirectory(dirname(path));
    writeAtomically(path, dump(content, { lineWidth: -1, noRefs: true }));
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/**
 * Throws UserError when `writeDocument` is bound to fail, so that nobody goes through a login in vain. Makes
 * nothing.
 */
export function requireWritable(path: string): void {
  try {
    const target = targetOf(path);
    if (statSync(target, { throwIfNoEntry: false })?.isDirectory()) throw systemError('EISDIR');
    let folder = dirname(target);
    while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
    if (!statSync(folder).isDirectory()) throw systemError('ENOTDIR');
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/** The error of a file that is there and holds no credentials. */
export function malformed(path: string, cause?: unknown): UserError {
  return new UserError('CREDENTIALS_MALFORMED', `The credentials file ${path} cannot be understood.`, {
    hint: 'Replace it with `arcade login --force`, or correct it by hand.',
    cause,
  });
}

async function readBytes(path: string): Promise<Buffer | undefined> {
  try {
    const found = await stat(path);
    // Reading a pipe or a device could wait for ever.
    if (!found.isFile()) throw unreadable(path, found.isDirectory() ? 'it is a directory' : 'it is no file');
    if (found.size > MAX_BYTES) throw unreadable(path, 'it is too large');
    return await readFile(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw cause instanceof UserError ? cause : unreadable(path, reasonOf(cause), cause);
  }
}

function unreadable(path: string, why: string, cause?: unknown): UserError {
  return new UserError('CREDENTIALS_UNREADABLE', `The credentials file ${path} cannot be read: ${why}.`, {
    hint: 'Check its owner and permissions, or remove it and run `arcade login`.',
    cause,
  });
}

function unwritable(path: string, cause: unknown): UserError {
  const message = `The credentials file ${path} cannot be written: ${reasonOf(cause)}.`;
  return new UserError('CREDENTIALS_UNWRITABLE', message, {
    hint: 'Correct that, choose another place with ARCADE_WORK_DIR, or use ARCADE_API_KEY, which needs no file.',
    cause,
  });
}

/** In words, what the system said of a file. */
export function reasonOf(error: unknown): string {
  const known: Partial<Record<string, string>> = {
    EACCES: 'you may not',
    EPERM: 'you may not',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    EDQUOT: 'the disk is full',
    EISDIR: 'it is a directory',
    ENOTDIR: 'a file is in the place of its directory',
    ELOOP: 'its symbolic links lead nowhere',
  };
  return known[(error as NodeJS.ErrnoException).code ?? ''] ?? 'the system refuses';
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
