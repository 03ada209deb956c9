/** Asks the coordinator whose credentials these are. */
import { exchange, type HttpAnswer } from '../infra/net/http.ts';
import type { Credentials } from './credentials.ts';

export type Principal =
  | { readonly kind: 'principal'; readonly principalId: string }
  | { readonly kind: 'refused' }
  | { readonly kind: 'no answer' };

/**
 * The account that owns the credentials: `whoami`, and for coordinators that do not have that, `validate`.
 * An OAuth token that has expired by our clock is not shown at all: only a command may refresh it. Never
 * rejects; resolves within `limitMs`.
 */
export async function askPrincipal(
  credentials: Credentials,
  coordinator: string,
  limits: { limitMs: number; now: number },
): Promise<Principal> {
  if (credentials.kind === 'none') return { kind: 'refused' };
  if (credentials.kind === 'oauth' && credentials.expiresAt !== null && credentials.expiresAt <= limits.now) {
    return { kind: 'no answer' };
  }
  const bearer = credentials.kind === 'oauth' ? credentials.accessToken : credentials.apiKey;
  const deadline = performance.now() + limits.limitMs;
  const paths = credentials.kind === 'oauth' ? ['whoami', 'validate'] : ['validate', 'whoami'];
  let refused = false;
  try {
    for (const path of paths) {
      const answer = await exchange({
        method: 'GET',
        url: `${coordinator}/api/v1/auth/${path}`,
        bearer,
        limitMs: Math.max(1, deadline - performance.now()),
        retries: 0,
      });
      const principalId = principalOf(answer);
      if (principalId !== undefined) return { kind: 'principal', principalId };
      refused ||= answer.status === 401 || answer.status === 403;
      if (!refused && answer.status !== 404) return { kind: 'no answer' };
    }
  } catch {
    // Not reached: whether it was refused before decides.
  }
  return { kind: refused ? 'refused' : 'no answer' };
}

function principalOf({ status, text }: HttpAnswer): string | undefined {
  if (status !== 200) return undefined;
  try {
    const { data } = JSON.parse(text) as { data?: { account_id?: unknown; principal_id?: unknown } };
    const id = data?.account_id ?? data?.principal_id;
    return typeof id === 'string' && id !== '' ? id : undefined;
  } catch {
    return undefined;
  }
}
