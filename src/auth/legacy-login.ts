/** Sign-in at coordinators of the time before OAuth: the browser brings back an API key. */
import { randomUUID } from 'node:crypto';
import { UserError } from '../errors.ts';
import { isApiKey } from './credentials.ts';
import type { BrowserLogin } from './login.ts';

/** Prepares such a login. */
export function legacyLogin(coordinator: string, redirectUri: string): BrowserLogin {
  const state = randomUUID();
  const url = new URL(`${coordinator}/api/v1/auth/cli_login`);
  url.searchParams.set('callback_uri', redirectUri);
  url.searchParams.set('state', state);
  return {
    url: url.href,
    state,
    async redeem(callback) {
      const apiKey = callback.get('api_key') ?? '';
      if (!isApiKey(apiKey)) {
        throw new UserError('LOGIN_FAILED', 'Login failed: No credentials received. Please try again.', {
          hint: 'Run `arcade login` to try again.',
        });
      }
      return {
        kind: 'api_key',
        apiKey,
        email: callback.get('email') || null,
        warning: callback.get('warning') || null,
      };
    },
  };
}
