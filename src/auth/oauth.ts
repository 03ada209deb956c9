/**
 * OAuth 2: where one signs in, the authorization code with PKCE, refreshing and revoking, through oauth4webapi and our
 * network.
 */
import * as oauth from 'oauth4webapi';
import { isGood, notTheApi, objectOf, refusalOf } from '../api/answer.ts';
import { UserError } from '../errors.ts';
import { type Fields, textOf } from '../infra/fields.ts';
import { exchange } from '../infra/net/http.ts';
import { LIMITS } from '../settings.ts';
import { mayNameEndpoint } from './connection.ts';
import { askWhoami, contextIn, defaultOrganization } from './coordinator.ts';
import type { OAuthCredentials } from './credentials.ts';
import type { BrowserLogin } from './login.ts';
import type { NewLogin } from './store.ts';

/** Where one signs in: what the coordinator's `cli_config` and its OAuth metadata name. */
export interface SignInServer {
  readonly coordinator: string;
  /** As the server calls itself in answers to logins (RFC 9207); null when the configuration does not say. */
  readonly issuer: string | null;
  /** The coordinator stands for an issuer that is not named. */
  readonly as: oauth.AuthorizationServer & { readonly authorization_endpoint: string };
  readonly client: oauth.Client;
}

export interface Tokens {
  readonly accessToken: string;
  /** Null: the server gave none. */
  readonly refreshToken: string | null;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

const SCOPE = 'openid offline_access';
/** RFC 6749 leaves it to the server whether it says how long a token lives; the Python CLI needs to know. */
const ASSUMED_LIFE_SECONDS = 3600;
/** A year; a server's number may be one that no date can hold. */
const MAX_LIFE_SECONDS = 365 * 24 * 3600;

/**
 * Asks the coordinator how to sign in, by `deadline` (of `performance.now()`); undefined when it is of the time before OAuth. Throws
 * UserError: no answer, a refusal, or a configuration that cannot be used.
 */
export async function findSignInServer(
  coordinator: string,
  deadline: number,
): Promise<SignInServer | undefined> {
  const url = `${coordinator}/api/v1/auth/cli_config`;
  const answer = await exchange({ method: 'GET', url, deadline });
  if (answer.status === 404) return undefined;
  if (!isGood(answer)) throw refusalOf(answer, new URL(coordinator).host, '--host and --port');
  const config = objectOf(answer);
  const clientId = textOf(config.client_id);
  if (clientId === null) throw notTheApi();
  const issuer = textOf(config.issuer);
  const as = {
    issuer: issuer ?? coordinator,
    authorization_endpoint: endpointOf(config, 'authorization_endpoint', coordinator),
    token_endpoint: endpointOf(config, 'token_endpoint', coordinator),
  };
  return { coordinator, issuer, as, client: { client_id: clientId } };
}

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
    const refused = (error: string) =>
      loginFailed(`the server did not accept the authorization code (${error}).`);
    const tokens = await grant(refused, async () => {
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
    return loginOf(tokens, coordinator);
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

/**
 * Exchanges a refresh token, by `deadline`. A server that rotates them has spent it afterwards. Throws UserError; where
 * the server refuses, the one that `refused` makes.
 */
export function redeemRefreshToken(
  { as, client }: SignInServer,
  refreshToken: string,
  deadline: number,
  refused: Refused,
): Promise<Tokens> {
  return grant(refused, async () => {
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

/** Where tokens are revoked (RFC 8414 and OpenID Connect Discovery); undefined when the server offers no such place. */
async function findRevocationEndpoint(coordinator: string, deadline: number): Promise<string | undefined> {
  for (const document of ['oauth-authorization-server', 'openid-configuration']) {
    const url = `${coordinator}/.well-known/${document}`;
    const answer = await exchange({ method: 'GET', url, deadline, retries: 0 });
    if (!isGood(answer)) continue;
    const metadata = objectOf(answer);
    if (metadata.revocation_endpoint !== undefined)
      return endpointOf(metadata, 'revocation_endpoint', coordinator);
  }
  return undefined;
}

/** The error of a token endpoint that refuses, by one of OAuth's own words (RFC 6749, section 5.2). */
type Refused = (error: string) => UserError;

async function grant(refused: Refused, ask: () => Promise<oauth.TokenEndpointResponse>): Promise<Tokens> {
  const startedAt = Date.now();
  try {
    const reply = await ask();
    const life = Math.min(reply.expires_in ?? ASSUMED_LIFE_SECONDS, MAX_LIFE_SECONDS);
    return {
      accessToken: reply.access_token,
      refreshToken: reply.refresh_token ?? null,
      expiresAt: startedAt + life * 1000,
    };
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (error instanceof oauth.ResponseBodyError) throw refused(knownError(error.error));
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

/** An endpoint gets codes and tokens: it may not be less protected than the coordinator, nor at another party's host. */
function endpointOf(fields: Fields, name: string, coordinator: string): string {
  const value = fields[name];
  if (typeof value !== 'string' || !URL.canParse(value)) throw notTheApi();
  const { protocol, href, username, password } = new URL(value);
  const allowed = coordinator.startsWith('https:') ? ['https:'] : ['https:', 'http:'];
  if (!allowed.includes(protocol) || username !== '' || password !== '') throw notTheApi();
  if (!mayNameEndpoint(coordinator, href)) {
    const { host } = new URL(coordinator);
    throw new UserError('UNEXPECTED_ANSWER', `${host} sends sign-ins to another host.`, {
      hint: `Have the configuration of ${host} corrected, or log in with --host at the host that you trust.`,
    });
  }
  return href;
}
