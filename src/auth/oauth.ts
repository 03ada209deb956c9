/** OAuth 2: the authorization code with PKCE, refreshing and revoking, through oauth4webapi and our network. */
import {
  type AuthorizationServer,
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  type Client,
  calculatePKCECodeChallenge,
  customFetch,
  generateRandomCodeVerifier,
  generateRandomState,
  None,
  processAuthorizationCodeResponse,
  processRefreshTokenResponse,
  processRevocationResponse,
  ResponseBodyError,
  refreshTokenGrantRequest,
  revocationRequest,
  type TokenEndpointResponse,
  validateAuthResponse,
} from 'oauth4webapi';
import { isGood, notTheApi, objectOf, refusalOf } from '../api/answer.ts';
import { UserError } from '../errors.ts';
import { exchange } from '../infra/net/http.ts';
import type { SignInServer } from './sign-in-server.ts';

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

/** A login that waits for the person in their browser. */
export interface Authorization {
  /** Where the browser is to go. */
  readonly url: string;
  readonly state: string;
  /** Exchanges what came back with the browser for tokens. Throws UserError. */
  redeem(callback: URLSearchParams): Promise<Granted>;
}

const SCOPE = 'openid offline_access';
/** RFC 6749 leaves it to the server whether it says how long a token lives; the Python CLI needs to know. */
const ASSUMED_LIFE_SECONDS = 3600;

/** Prepares a login that returns to `redirectUri`. */
export async function beginAuthorization(server: SignInServer, redirectUri: string): Promise<Authorization> {
  const verifier = generateRandomCodeVerifier();
  const state = generateRandomState();
  const url = new URL(server.authorizationEndpoint);
  const query = {
    response_type: 'code',
    client_id: server.clientId,
    redirect_uri: redirectUri,
    scope: SCOPE,
    state,
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const { as, client } = partiesOf(server);
  return {
    url: url.href,
    state,
    redeem(callback) {
      const parameters = new URLSearchParams(callback);
      parameters.delete('iss'); // Nothing tells us what it would have to be; there is one server only.
      return granted(async () => {
        const checked = validateAuthResponse(as, client, parameters, state);
        const options = requestOptions(30_000);
        const response = await authorizationCodeGrantRequest(
          as,
          client,
          None(),
          checked,
          redirectUri,
          verifier,
          options,
        );
        return processAuthorizationCodeResponse(as, client, response);
      });
    },
  };
}

/** Exchanges a refresh token, within `limitMs`. A server that rotates them has spent it afterwards. Throws UserError. */
export function redeemRefreshToken(
  server: SignInServer,
  refreshToken: string,
  limitMs: number,
): Promise<Granted> {
  const { as, client } = partiesOf(server);
  return granted(async () => {
    const response = await refreshTokenGrantRequest(
      as,
      client,
      None(),
      refreshToken,
      requestOptions(limitMs),
    );
    return processRefreshTokenResponse(as, client, response);
  });
}

/** Asks the server to forget a token, and with a refresh token its whole login (RFC 7009). Throws when it does not. */
export async function revokeToken(
  server: SignInServer,
  revocationEndpoint: string,
  token: string,
  limitMs: number,
): Promise<void> {
  const { as, client } = partiesOf(server);
  const revoking = { ...as, revocation_endpoint: revocationEndpoint };
  const response = await revocationRequest(revoking, client, None(), token, requestOptions(limitMs));
  await processRevocationResponse(response);
}

function partiesOf(server: SignInServer): { as: AuthorizationServer; client: Client } {
  const as = {
    // No one names it: the coordinator stands for it.
    issuer: server.coordinator,
    authorization_endpoint: server.authorizationEndpoint,
    token_endpoint: server.tokenEndpoint,
  };
  return { as, client: { client_id: server.clientId } };
}

async function granted(work: () => Promise<TokenEndpointResponse>): Promise<Granted> {
  const startedAt = Date.now();
  try {
    const reply = await work();
    const life = reply.expires_in ?? ASSUMED_LIFE_SECONDS;
    const tokens = {
      accessToken: reply.access_token,
      refreshToken: reply.refresh_token ?? null,
      expiresAt: startedAt + life * 1000,
    };
    return { kind: 'tokens', tokens };
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (error instanceof ResponseBodyError) return { kind: 'refused', error: knownError(error.error) };
    throw notTheApi('an invalid reply to the login');
  }
}

/** A server may repeat what it was sent, even here. */
function knownError(error: string): string {
  const known =
    /^(invalid_(request|client|grant|scope)|unauthorized_client|unsupported_grant_type|access_denied)$/;
  return known.test(error) ? error : 'an error of its own';
}

function requestOptions(limitMs: number) {
  return {
    // Whether plain HTTP will do was decided when the server was chosen.
    [allowInsecureRequests]: true,
    [customFetch]: (url: string, { body }: { body: URLSearchParams }) => post(url, body, limitMs),
  } as const;
}

/** Sends a form by our own network, and takes out of the reply what nobody here can check or use. */
async function post(url: string, body: URLSearchParams, limitMs: number): Promise<Response> {
  const answer = await exchange({ method: 'POST', url, form: Object.fromEntries(body), limitMs });
  const refuses = [400, 401].includes(answer.status) && /^\s*\{/.test(answer.text);
  if (!isGood(answer) && !refuses) throw refusalOf(answer, new URL(url).host, '--host and --port');
  // The ID token's issuer is known only to a client that was told it; who signed in is asked of whoami.
  const { id_token: _, refresh_token, ...reply } = objectOf(answer);
  const kept = typeof refresh_token === 'string' && refresh_token !== '' ? { refresh_token } : {};
  return Response.json({ ...reply, ...kept }, { status: answer.status });
}
