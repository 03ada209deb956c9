/** Who is signed in: `ARCADE_API_KEY`, or credentials.yaml in either of the shapes that the Python CLI writes. */
import { createHash } from 'node:crypto';
import { type Fields, fieldsOf, parseFields, textOf } from '../infra/fields.ts';
import type { Settings } from '../settings.ts';
import {
  credentialsFile,
  isAnythingLeft,
  malformed,
  readDocument,
  requireOwnPlace,
} from './credentials-file.ts';

export interface Context {
  readonly orgId: string;
  readonly orgName: string | null;
  readonly projectId: string;
  readonly projectName: string | null;
}

interface Account {
  readonly email: string | null;
  /** As the coordinator calls the account; null in files that the Python CLI wrote. */
  readonly accountId: string | null;
  readonly coordinatorUrl: string | null;
}

export interface ApiKeyCredentials extends Account {
  readonly kind: 'api_key';
  readonly source: 'environment' | 'file';
  readonly apiKey: string;
}

export interface OAuthCredentials extends Account {
  readonly kind: 'oauth';
  readonly accessToken: string;
  readonly refreshToken: string | null;
  /** Milliseconds since the epoch; null when the file does not say. */
  readonly expiresAt: number | null;
  readonly context: Context | null;
}

export type SomeCredentials = ApiKeyCredentials | OAuthCredentials;

export type Credentials = { readonly kind: 'none' } | SomeCredentials;

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
      accountId: null,
      coordinatorUrl: null,
    };
  }
  return readStored(settings.directory);
}

/** Whether they are those of `ARCADE_API_KEY`. */
export function isFromEnvironment(credentials: Credentials | undefined): boolean {
  return credentials?.kind === 'api_key' && credentials.source === 'environment';
}

/** The same from the file alone. */
export async function readStored(directory: string | undefined): Promise<Credentials> {
  if (directory === undefined) return { kind: 'none' };
  if (!isAnythingLeft(directory)) return { kind: 'none' };
  // Before it is opened: reading closes a file of ours to others, wherever a link has led.
  requireOwnPlace(directory);
  const path = credentialsFile(directory);
  const credentials = parseCredentials(await readDocument(path));
  if (credentials === undefined) throw malformed(path);
  return credentials;
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
      return accountOfKey(credentials.apiKey);
    case 'oauth': {
      // A token that names no account stands for itself alone: two accounts must never look like one.
      const subject =
        subjectOf(credentials.accessToken) ??
        credentials.email ??
        createHash('sha256').update(credentials.accessToken).digest('hex');
      return `oauth ${JSON.stringify([credentials.coordinatorUrl ?? '', subject])}`;
    }
  }
}

/** The same of an API key. */
export function accountOfKey(apiKey: string): string {
  return `key ${createHash('sha256').update(apiKey).digest('hex')}`;
}

/** Whether two readings of the file are of one login, refreshed or not. */
export function isSameLogin(one: Credentials, other: Credentials): boolean {
  const keyOf = (login: Credentials): unknown[] =>
    login.kind === 'oauth'
      ? [login.coordinatorUrl, login.email, subjectOf(login.accessToken)]
      : [accountOf(login)];
  return one.kind === other.kind && JSON.stringify(keyOf(one)) === JSON.stringify(keyOf(other));
}

/** What the fields of credentials.yaml say; undefined when there is something below `cloud` that is no credentials. */
export function parseCredentials(content: Fields): Credentials | undefined {
  const cloud = fieldsOf(content.cloud ?? {});
  if (cloud !== undefined && Object.keys(cloud).length === 0) return { kind: 'none' };
  const user = fieldsOf(cloud?.user);
  // Taken for absent, it would send a self-hosted login to Arcade's own engine.
  if (!['string', 'undefined'].includes(typeof (cloud?.coordinator_url ?? undefined))) return undefined;
  const known = {
    email: textOf(user?.email),
    accountId: textOf(user?.account_id),
    coordinatorUrl: textOf(cloud?.coordinator_url),
  };
  const auth = fieldsOf(cloud?.auth);
  const accessToken = textOf(auth?.access_token);
  if (accessToken !== null) {
    return {
      ...known,
      kind: 'oauth',
      accessToken,
      refreshToken: textOf(auth?.refresh_token),
      expiresAt: timeOf(auth?.expires_at),
      context: contextOf(fieldsOf(cloud?.context)),
    };
  }
  const apiKey = textOf(fieldsOf(cloud?.api)?.key);
  return apiKey === null ? undefined : { ...known, kind: 'api_key', source: 'file', apiKey };
}

function contextOf(context: Fields | undefined): Context | null {
  const orgId = textOf(context?.org_id);
  const projectId = textOf(context?.project_id);
  if (orgId === null || projectId === null) return null;
  return { orgId, projectId, orgName: textOf(context?.org_name), projectName: textOf(context?.project_name) };
}

/** ISO 8601; without a zone, as the Python CLI writes it, it is local time. */
function timeOf(value: unknown): number | null {
  const text = textOf(value) ?? '';
  const time = /^\d{4}-\d/.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  return Number.isNaN(time) ? null : time;
}

/** The `sub` of a JSON Web Token (RFC 7519); it is not verified, for it opens nothing here. */
function subjectOf(token: string): string | null {
  const payload = token.split('.')[1];
  if (payload === undefined) return null;
  const subject = parseFields(Buffer.from(payload, 'base64url').toString('utf8'))?.sub;
  return textOf(Number.isSafeInteger(subject) ? String(subject) : subject);
}

/** Whether a text can travel in a header as a key. */
export function isApiKey(text: string): boolean {
  return /^[\x21-\x7e]{1,4096}$/.test(text);
}
