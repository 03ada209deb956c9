/**
 * OAuth tokens. Every login is a family of tokens: presenting a refresh token that was already spent ends
 * the whole family, because one of the two who used it must have stolen it.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Accounts, User } from './accounts.ts';
import { failure, type Reply } from './replies.ts';
import { bearerOf, type RecordedRequest } from './requests.ts';
import type { ArcadeSettings } from './settings.ts';

/** What a login or a refresh yields, as a test would write it into `credentials.yaml`. */
export interface IssuedTokens {
  readonly access_token: string;
  /** Absent when none was asked for. */
  readonly refresh_token?: string;
  /** ISO 8601, UTC. */
  readonly expires_at: string;
}

/** `spent`: a refresh token that was rotated away. */
export type TokenState = 'valid' | 'expired' | 'spent' | 'revoked' | 'unknown';

/** How tokens are issued. */
export interface TokenRequest {
  /** May be negative: already expired. */
  readonly expiresInSeconds?: number;
  /** `true` unless told otherwise. */
  readonly withRefresh?: boolean;
}

/** One login. */
export interface Family {
  readonly user: User;
  /** What the client asked for. */
  readonly scope: string;
  revoked: boolean;
}

/** All tokens of one stand-in. */
export type Tokens = ReturnType<typeof createTokens>;

interface Token {
  readonly kind: 'access' | 'refresh';
  readonly family: Family;
  readonly expiresAt: number;
  gone?: 'spent' | 'revoked';
}

/** A stock without tokens; `issuer` names the coordinator in each of them. */
export function createTokens(settings: ArcadeSettings, issuer: () => string) {
  const tokens = new Map<string, Token>();
  const families: Family[] = [];

  function issue(family: Family, request: TokenRequest = {}): IssuedTokens {
    const { expiresInSeconds = settings.expiresInSeconds, withRefresh = true } = request;
    const { account_id: sub, email } = family.user;
    const expiresAt = Date.now() + expiresInSeconds * 1000;
    const access_token = signed(
      { iss: issuer(), sub, email, jti: randomUUID() },
      Date.now() / 1000,
      expiresAt / 1000,
    );
    tokens.set(access_token, { kind: 'access', family, expiresAt });
    const issued = { access_token, expires_at: new Date(expiresAt).toISOString() };
    return withRefresh ? { ...issued, refresh_token: freshRefreshToken(family) } : issued;
  }

  function freshRefreshToken(family: Family): string {
    const value = `rt_${randomBytes(32).toString('base64url')}`;
    tokens.set(value, { kind: 'refresh', family, expiresAt: Number.POSITIVE_INFINITY });
    return value;
  }

  /** New tokens for the login that a refresh token belongs to; `undefined` when the token is no good. */
  function refresh(refreshToken: string): { issued: IssuedTokens; family: Family } | undefined {
    const token = tokens.get(refreshToken);
    if (token?.kind !== 'refresh') return undefined;
    if (token.gone === 'spent') token.family.revoked = true;
    if (stateOf(refreshToken) !== 'valid') return undefined;
    const rotates = settings.refreshReply === 'rotate';
    if (rotates) token.gone = 'spent';
    const issued = issue(token.family, { withRefresh: rotates });
    const again = settings.refreshReply === 'same' ? { refresh_token: refreshToken } : {};
    return { issued: { ...issued, ...again }, family: token.family };
  }

  function stateOf(value: string): TokenState {
    const token = tokens.get(value);
    if (!token) return 'unknown';
    if (token.family.revoked) return 'revoked';
    return token.gone ?? (token.expiresAt <= Date.now() ? 'expired' : 'valid');
  }

  return {
    /** Starts a login, with all scopes that the original asks for unless told otherwise. */
    login(user: User, scope = 'openid offline_access'): Family {
      const family = { user, scope, revoked: false };
      families.push(family);
      return family;
    },
    issue,
    refresh,
    /** Whose a valid access token is. */
    ofAccessToken(value: string): User | undefined {
      const token = tokens.get(value);
      return token?.kind === 'access' && stateOf(value) === 'valid' ? token.family.user : undefined;
    },
    stateOf,
    /** A refresh token takes its whole login along; an access token goes alone. */
    revoke(value: string): void {
      const token = tokens.get(value);
      if (token?.kind === 'refresh') token.family.revoked = true;
      if (token?.kind === 'access') token.gone = 'revoked';
    },
    revokeUser(user: User): void {
      for (const family of families) if (family.user === user) family.revoked = true;
    },
  };
}

/** A JWT in shape: its signature is noise, since no client has the key to check it. */
export function signed(claims: Record<string, unknown>, issuedAt: number, expiresAt: number): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const times = { iat: Math.floor(issuedAt), exp: Math.floor(expiresAt) };
  const signature = randomBytes(64).toString('base64url');
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ ...claims, ...times })}.${signature}`;
}

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
