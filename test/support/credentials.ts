/** Credentials as they have been read. */
import type { ApiKeyCredentials, OAuthCredentials } from '../../src/auth/credentials.ts';

/** Of `ARCADE_API_KEY`. */
export const KEY: ApiKeyCredentials = {
  kind: 'api_key',
  source: 'environment',
  apiKey: 'k',
  email: null,
  accountId: null,
  coordinatorUrl: null,
};

export const loginOf = (changes: Partial<OAuthCredentials>): OAuthCredentials => ({
  kind: 'oauth',
  accessToken: 't',
  refreshToken: 'r',
  expiresAt: null,
  email: 'a@b',
  accountId: null,
  context: null,
  coordinatorUrl: null,
  ...changes,
});
