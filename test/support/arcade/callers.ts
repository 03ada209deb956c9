/** Who sends a request, by its `Authorization` header. */
import type { Accounts, User } from './accounts.ts';
import { failure, type Reply } from './replies.ts';
import { bearerOf, type RecordedRequest } from './requests.ts';
import type { Tokens } from './tokens.ts';

/** What an Authorization header may hold. */
export type CredentialKind = 'api_key' | 'oauth';

/** The sender of a request, or the 401 for it. Only the `kinds` given are accepted. */
export type Identify = (
  request: RecordedRequest,
  ...kinds: CredentialKind[]
) => { readonly user: User } | { readonly refusal: Reply };

/** Looks through the tokens and the API keys, whichever are accepted. */
export function createIdentify(accounts: Accounts, tokens: Tokens): Identify {
  return (request, ...kinds) => {
    const bearer = bearerOf(request);
    const user =
      (kinds.includes('oauth') ? tokens.ofAccessToken(bearer) : undefined) ??
      (kinds.includes('api_key') ? accounts.ofKey(bearer) : undefined);
    if (user) return { user };
    const state = tokens.stateOf(bearer);
    return { refusal: failure(401, state === 'expired' ? 'The token has expired' : 'Invalid credentials') };
  };
}
