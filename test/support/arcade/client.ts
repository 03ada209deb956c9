/** A plain HTTP client for tests that talk to the stand-in themselves. */
import { createHash, randomBytes } from 'node:crypto';
import type { Arcade } from '../arcade.ts';
import { contextOf, type User } from './accounts.ts';
import { authorize } from './browser.ts';
import { CLIENT_ID } from './oauth.ts';

/** Where the original's login waits; nobody listens there in these tests. */
export const REDIRECT_URI = 'http://127.0.0.1:9905/callback';

/** An answer; its body parsed when it says that it is JSON. */
export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads from it is a shape that it asserts
  readonly body: any;
  readonly headers: Headers;
}

/** Any request, as JSON unless `init` says otherwise. */
export async function call(url: string, bearer = '', init: RequestInit = {}): Promise<Answer> {
  const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
  const response = await fetch(url, { headers, ...init });
  const text = await response.text();
  const isJson = response.headers.get('content-type') === 'application/json';
  return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers };
}

/** Sets a secret. */
export function put(url: string, bearer: string, value: string, init: RequestInit = {}): Promise<Answer> {
  const body = JSON.stringify({ description: 'by a test', value });
  return call(url, bearer, { method: 'PUT', body, ...init });
}

/** A request to one of the OAuth endpoints. */
export function postForm(url: string, form: Record<string, string>): Promise<Answer> {
  return call(url, '', { method: 'POST', body: new URLSearchParams(form), headers: {} });
}

/** Where API keys find their secrets. */
export function keySecretsUrl(arcade: Arcade): string {
  return `${arcade.engine.url}/v1/admin/secrets`;
}

/** Where the user's OAuth tokens find the secrets of their default project. */
export function secretsUrl(arcade: Arcade, user: User): string {
  const { org_id, project_id } = contextOf(user);
  return `${arcade.engine.url}/v1/orgs/${org_id}/projects/${project_id}/secrets`;
}

/** The user's first API key. */
export function keyOf(user: User): string {
  return user.api_keys[0] ?? '';
}

/** The first half of a login: the form for the token endpoint, and the URL that a browser would open. */
export async function beginLogin(arcade: Arcade, changes: Record<string, string> = {}) {
  const { body: config } = await call(`${arcade.coordinator.url}/api/v1/auth/cli_config`);
  const code_verifier = randomBytes(48).toString('base64url');
  const code_challenge = createHash('sha256').update(code_verifier).digest('base64url');
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: config.client_id,
    redirect_uri: REDIRECT_URI,
    state: 's1',
    scope: 'openid offline_access',
    code_challenge,
    code_challenge_method: 'S256',
    ...changes,
  });
  const form = {
    grant_type: 'authorization_code',
    client_id: config.client_id,
    redirect_uri: REDIRECT_URI,
    code_verifier,
  };
  return { url: `${config.authorization_endpoint}?${query}`, form, tokenEndpoint: config.token_endpoint };
}

/** A whole login, and what the token endpoint said; `form` changes what is sent to it. */
export async function login(arcade: Arcade, user: User, form: Record<string, string> = {}) {
  const begun = await beginLogin(arcade);
  const callback = new URL(await authorize(begun.url, { user }));
  const code = callback.searchParams.get('code') ?? '';
  const sent = { ...begun.form, code, ...form };
  return { ...begun, callback, sent, answer: await postForm(begun.tokenEndpoint, sent) };
}

/** Presents a refresh token. */
export function refresh(arcade: Arcade, refresh_token: string): Promise<Answer> {
  const form = { grant_type: 'refresh_token', refresh_token, client_id: CLIENT_ID };
  return postForm(`${arcade.coordinator.url}/oauth2/token`, form);
}
