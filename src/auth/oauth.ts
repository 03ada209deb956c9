/** OAuth 2: the authorization code with PKCE, refreshing and revoking, through oauth4webapi and our network. */
import * as oauth from 'oauth4webapi';
import { isGood, notTheApi, objectOf, refusalOf } from '../api/answer.ts';
import { UserError } from '../errors.ts';
import { exchange } from '../infra/net/http.ts';
import { LIMITS } from '../settings.ts';
import { mayNameEndpoint } from './connection.ts';
import { askWhoami, contextIn, defaultOrganization } from './coordinator.ts';
import type { OAuthCredentials } from './credentials.ts';
import type { BrowserLogin } from './login.ts';
import { findRevocationEndpoint, findSignInServer, type SignInServer } from './sign-in-server.ts';
import type { NewLogin } from './store.ts';

export interface Tokens {
  readonly accessToken: string;
  /** Null: the server gave none. */
  readonly refreshToken: string | null;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** What a token endpoint said; `error` is one of OAuth's own words (RFC 6749, section 5.2). */
export type Granted =
  | { readonly kind: 'tokens'; readonly tokens: Tokens }
  | { readonly kind: 'refused'; readonly error: string };

const SCOPE = 'openid offline_access';
/** RFC 6749 leaves it to the server whether it says how long a token lives; the Python CLI needs to know. */
const ASSUMED_LIFE_SECONDS = 3600;
/** A year; a server's number may be one that no date can hold. */
const MAX_LIFE_SECONDS = 365 * 24 * 3600;

/** Prepares a login that returns to `redirectUri` with `state`. */
export async function oauthLogin(
  server: SignInServer,
  redirectUri: string,
  state: string,
): Promise<BrowserLogin> {
  const verifier = oauth.generateRandomCodeVerifier();
  const { as, client, coordinator } = server;
  const url = new URL(as.authorization_endpoint);
  const query = {
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: redirectUri,
    scope: SCOPE,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const redeem = async (callback: URLSearchParams): Promise<NewLogin> => {
    requireCode(callback);
    const issuer = issuerIn(callback, server);
    const granted = await grant(async () => {
      const checked = oauth.validateAuthResponse({ ...as, issuer }, client, callback, state);
      const options = requestOptions(performance.now() + LIMITS.requestMs);
      const response = await oauth.authorizationCodeGrantRequest(
        as,
        client,
        oauth.None(),
        checked,
        redirectUri,
        verifier,
        options,
      );
      return oauth.processAuthorizationCodeResponse(as, client, response);
    });
    if (granted.kind === 'tokens') return loginOf(granted.tokens, coordinator);
    throw loginFailed(`the server did not accept the authorization code (${granted.error}).`);
  };
  return { url: url.href, redeem };
}

/** Throws UserError for the callback of a login that was denied, or failed. */
function requireCode(callback: URLSearchParams): void {
  const error = callback.get('error');
  if (error !== null) {
    const said = (callback.get('error_description') ?? error).slice(0, 200);
    throw error === 'access_denied'
      ? new UserError('LOGIN_DENIED', `Login denied: ${said}`, TRY_AGAIN)
      : loginFailed(said);
  }
  if (!callback.has('code')) throw loginFailed('No authorization code received.');
}

/**
 * The issuer that the answer has to name, if it names one (RFC 9207). Throws UserError where it names a party at which
 * the coordinator may not have people sign in: its page may have sent them on there, and their code would be redeemed
 * by the coordinator.
 */
function issuerIn(callback: URLSearchParams, { as, coordinator, issuer }: SignInServer): string {
  const named = callback.get('iss');
  if (named === null) return as.issuer;
  if (URL.canParse(named) && mayNameEndpoint(coordinator, named)) return issuer ?? named;
  const { host } = new URL(coordinator);
  throw new UserError(
    'LOGIN_FAILED',
    `Login failed: the sign-in came from a host that ${host} may not use.`,
    {
      hint: 'Log in with --host at the host that you trust.',
    },
  );
}

const TRY_AGAIN = { hint: 'Run `arcade login` to try again.' };

/** The error of a login that the browser did not bring back whole. */
export function loginFailed(why: string): UserError {
  return new UserError('LOGIN_FAILED', `Login failed: ${why}`, TRY_AGAIN);
}

async function loginOf(tokens: Tokens, coordinatorUrl: string): Promise<NewLogin> {
  const { accountId, email, organizations, projects } = await askWhoami(coordinatorUrl, tokens.accessToken);
  const context = contextIn(defaultOrganization(organizations), projects);
  return { ...tokens, kind: 'oauth', accountId, email, coordinatorUrl, context };
}

/** Exchanges a refresh token, by `deadline`. A server that rotates them has spent it afterwards. Throws UserError. */
export function redeemRefreshToken(
  { as, client }: SignInServer,
  refreshToken: string,
  deadline: number,
): Promise<Granted> {
  return grant(async () => {
    const response = await oauth.refreshTokenGrantRequest(
      as,
      client,
      oauth.None(),
      refreshToken,
      requestOptions(deadline),
    );
    return oauth.processRefreshTokenResponse(as, client, response);
  });
}

/**
 * Revokes a login where the server offers that, with the refresh token all access tokens that came of it (RFC 7009,
 * section 2.1). False: it does, or may, and could not be asked in time. Never rejects; resolves by `deadline`.
 */
export async function revokeLogin(
  { refreshToken, accessToken }: OAuthCredentials,
  coordinator: string,
  deadline: number,
): Promise<boolean> {
  try {
    const [server, endpoint] = await Promise.all([
      findSignInServer(coordinator, deadline),
      findRevocationEndpoint(coordinator, deadline),
    ]);
    if (server === undefined || endpoint === undefined) return true;
    const response = await oauth.revocationRequest(
      { ...server.as, revocation_endpoint: endpoint },
      server.client,
      oauth.None(),
      refreshToken ?? accessToken,
      requestOptions(deadline),
    );
    await oauth.processRevocationResponse(response);
    return true;
  } catch {
    return false;
  }
}

async function grant(work: () => Promise<oauth.TokenEndpointResponse>): Promise<Granted> {
  const startedAt = Date.now();
  try {
    const reply = await work();
    const life = Math.min(reply.expires_in ?? ASSUMED_LIFE_SECONDS, MAX_LIFE_SECONDS);
    const tokens = {
      accessToken: reply.access_token,
      refreshToken: reply.refresh_token ?? null,
      expiresAt: startedAt + life * 1000,
    };
    return { kind: 'tokens', tokens };
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (error instanceof oauth.ResponseBodyError) return { kind: 'refused', error: knownError(error.error) };
    throw notTheApi('an invalid login response');
  }
}

/** A server may repeat what it was sent, even here. */
function knownError(error: string): string {
  const known =
    /^(invalid_(request|client|grant|scope)|unauthorized_client|unsupported_grant_type|access_denied)$/;
  return known.test(error) ? error : 'unrecognized error';
}

function requestOptions(deadline: number) {
  return {
    // Whether plain HTTP will do was decided when the server was chosen.
    [oauth.allowInsecureRequests]: true,
    [oauth.customFetch]: (url: string, { body }: { body: URLSearchParams }) => post(url, body, deadline),
  } as const;
}

/** Sends a form by our own network, and takes out of the reply what cannot be checked or used here. */
async function post(url: string, body: URLSearchParams, deadline: number): Promise<Response> {
  const answer = await exchange({ method: 'POST', url, form: Object.fromEntries(body), deadline });
  const refuses = [400, 401].includes(answer.status) && /^\s*\{/.test(answer.text);
  if (!isGood(answer) && !refuses) throw refusalOf(answer, new URL(url).host, '--host and --port');
  // The ID token's issuer is known only to a client that was told it; who signed in is asked of whoami.
  const { id_token: _, refresh_token, ...reply } = objectOf(answer);
  const kept = typeof refresh_token === 'string' && refresh_token !== '' ? { refresh_token } : {};
  return Response.json({ ...reply, ...kept }, { status: answer.status });
}
