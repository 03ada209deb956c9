/** Who is signed in: `ARCADE_API_KEY`, or credentials.yaml in either of the shapes that the Python CLI writes. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import type { Settings } from '../settings.ts';

export interface Context {
  readonly orgId: string;
  readonly orgName: string | null;
  readonly projectId: string;
  readonly projectName: string | null;
}

export interface ApiKeyCredentials {
  readonly kind: 'api_key';
  readonly source: 'environment' | 'file';
  readonly apiKey: string;
  readonly email: string | null;
  readonly coordinatorUrl: string | null;
}

export interface OAuthCredentials {
  readonly kind: 'oauth';
  readonly accessToken: string;
  readonly refreshToken: string | null;
  /** Milliseconds since the epoch; null when the file does not say. */
  readonly expiresAt: number | null;
  readonly email: string | null;
  readonly context: Context | null;
  readonly coordinatorUrl: string | null;
}

export type Credentials = { readonly kind: 'none' } | ApiKeyCredentials | OAuthCredentials;

/** Largest credentials.yaml that is read. */
const MAX_BYTES = 1024 * 1024;

export const credentialsFile = (directory: string): string => join(directory, 'credentials.yaml');

/**
 * Reads the credentials in force; `ARCADE_API_KEY` comes before the file. Throws UserError when the file is
 * there and cannot be read or understood.
 */
export async function readCredentials(
  settings: Pick<Settings, 'apiKey' | 'directory'>,
): Promise<Credentials> {
  if (settings.apiKey !== undefined) {
    return {
      kind: 'api_key',
      source: 'environment',
      apiKey: settings.apiKey,
      email: null,
      coordinatorUrl: null,
    };
  }
  if (settings.directory === undefined) return { kind: 'none' };
  const content = await readYaml(credentialsFile(settings.directory));
  return content === undefined ? { kind: 'none' } : understand(content);
}

/**
 * What tells one account's credentials from another's, without a network call and the same after a refresh:
 * the token's subject at its coordinator, or the key. Null when there are none. It names the account and may
 * only be stored as a keyed hash.
 */
export function accountOf(credentials: Credentials): string | null {
  switch (credentials.kind) {
    case 'none':
      return null;
    case 'api_key':
      return `key ${createHash('sha256').update(credentials.apiKey).digest('hex')}`;
    case 'oauth': {
      const subject = subjectOf(credentials.accessToken) ?? credentials.email ?? '';
      return `oauth ${JSON.stringify([credentials.coordinatorUrl ?? '', subject])}`;
    }
  }
}

async function readYaml(path: string): Promise<unknown> {
  const bytes = await readBytes(path);
  if (bytes === undefined) return undefined;
  const { load } = await import('js-yaml');
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.trim() === '' ? undefined : load(text);
  } catch (cause) {
    throw malformed(path, cause);
  }
}

async function readBytes(path: string): Promise<Buffer | undefined> {
  try {
    const found = await stat(path);
    // Reading a pipe or a device could wait for ever.
    if (!found.isFile() || found.size > MAX_BYTES) throw unreadable(path, undefined);
    return await readFile(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw cause instanceof UserError ? cause : unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): UserError {
  return new UserError('CREDENTIALS_UNREADABLE', `The credentials file ${path} cannot be read.`, {
    hint: 'Check its permissions, or remove it and run `arcade login`.',
    cause,
  });
}

function malformed(path: string, cause?: unknown): UserError {
  return new UserError('CREDENTIALS_MALFORMED', `The credentials file ${path} cannot be understood.`, {
    hint: 'Remove it and run `arcade login` to write it anew.',
    cause,
  });
}

type Fields = Readonly<Record<string, unknown>>;

function understand(content: unknown): Credentials {
  const cloud = fieldsOf(fieldsOf(content)?.cloud);
  if (cloud === undefined) throw malformed('credentials.yaml');
  const email = textOf(fieldsOf(cloud.user)?.email);
  const coordinatorUrl = textOf(cloud.coordinator_url);
  const auth = fieldsOf(cloud.auth);
  const accessToken = textOf(auth?.access_token);
  if (auth !== undefined && accessToken !== null) {
    return {
      kind: 'oauth',
      accessToken,
      refreshToken: textOf(auth.refresh_token),
      expiresAt: timeOf(auth.expires_at),
      email,
      context: contextOf(fieldsOf(cloud.context)),
      coordinatorUrl,
    };
  }
  const apiKey = textOf(fieldsOf(cloud.api)?.key);
  if (apiKey === null) throw malformed('credentials.yaml');
  return { kind: 'api_key', source: 'file', apiKey, email, coordinatorUrl };
}

function contextOf(context: Fields | undefined): Context | null {
  const orgId = textOf(context?.org_id);
  const projectId = textOf(context?.project_id);
  if (orgId === null || projectId === null) return null;
  return { orgId, projectId, orgName: textOf(context?.org_name), projectName: textOf(context?.project_name) };
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

/** A key of digits alone is a number to YAML. */
function textOf(value: unknown): string | null {
  const text = Number.isSafeInteger(value) ? String(value) : value;
  return typeof text === 'string' && text.trim() !== '' ? text.trim() : null;
}

/** ISO 8601; without a zone, as the Python CLI writes it, it is local time. */
function timeOf(value: unknown): number | null {
  const time = typeof value === 'string' ? Date.parse(value.replace(' ', 'T')) : Number.NaN;
  return Number.isNaN(time) ? null : time;
}

/** The `sub` of a JSON Web Token (RFC 7519); it is not verified, for it opens nothing here. */
function subjectOf(token: string): string | null {
  const payload = token.split('.')[1];
  if (payload === undefined) return null;
  try {
    return textOf(fieldsOf(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')))?.sub);
  } catch {
    return null;
  }
}
