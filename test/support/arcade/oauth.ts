/** OAuth 2.0 for public clients: authorization code with PKCE, rotating refresh tokens, revocation. */
import { createHash, randomBytes } from 'node:crypto';
import type { User } from './accounts.ts';
import { type Consent, withQuery } from './consent.ts';
import { json, notAllowed, oauthFailure, page, type Reply, type Route, redirect } from './replies.ts';
import type { RecordedRequest } from './requests.ts';
import type { ArcadeSettings } from './settings.ts';
import { type Family, type IssuedTokens, signed, type Tokens } from './tokens.ts';

/** The client id that `cli_config` hands out. */
export const CLIENT_ID = 'arcade-cli';

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

/** An authorization code, good for one exchange. */
interface Code {
  readonly user: User;
  readonly redirectUri: string;
  readonly challenge: string;
  readonly scope: string;
  /** Set by the exchange: a second one revokes this login. */
  family?: Family;
  /** An exchange was tried and failed: nobody may try again. */
  void?: boolean;
}

/** What an exchange yields: tokens, or the reply that says why not. */
type Outcome = { readonly issued: IssuedTokens; readonly family: Family } | Reply;

/** The route of `cli_config`, of the metadata and of the endpoints that they name; `base` is the coordinator's URL. */
export function createOAuth(
  settings: ArcadeSettings,
  tokens: Tokens,
  consent: Consent,
  base: () => string,
): Route {
  const codes = new Map<string, Code>();

  const endpoints: Record<string, [method: string, answer: (request: RecordedRequest) => Reply | undefined]> =
    {
      '/api/v1/auth/cli_config': ['GET', () => json(200, { client_id: CLIENT_ID, ...advertised() })],
      '/.well-known/oauth-authorization-server': ['GET', () => metadata('oauth')],
      '/.well-known/openid-configuration': ['GET', () => metadata('openid')],
      '/oauth2/authorize': ['GET', authorize],
      '/oauth2/token': ['POST', exchange],
      '/oauth2/revoke': ['POST', revoke],
    };

  return (request) => {
    const endpoint = settings.era === 'seed' ? undefined : endpoints[request.path];
    if (!endpoint) return undefined;
    const [method, answer] = endpoint;
    return request.method === method ? answer(request) : notAllowed(method);
  };

  function advertised(): Record<string, string> {
    return { authorization_endpoint: `${base()}/oauth2/authorize`, token_endpoint: `${base()}/oauth2/token` };
  }

  function metadata(document: 'oauth' | 'openid'): Reply | undefined {
    if (!settings.metadata.includes(document)) return undefined;
    return json(200, {
      issuer: base(),
      ...advertised(),
      ...(settings.revocation ? { revocation_endpoint: `${base()}/oauth2/revoke` } : {}),
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none'],
      id_token_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid', 'offline_access'],
    });
  }

  function authorize(request: RecordedRequest): Reply {
    const asked = Object.fromEntries(new URLSearchParams(request.query));
    const { redirect_uri: redirectUri = '', code_challenge: challenge = '', scope = '', state } = asked;
    // Neither of these may be answered with a redirect: it would go wherever the link's author likes.
    if (asked.client_id !== CLIENT_ID) return page(400, '<p>Unknown client.</p>');
    if (!mayReturnTo(redirectUri)) return page(400, '<p>The redirect URI is not allowed.</p>');
    const back = (parameters: Record<string, string | undefined>): string =>
      withQuery(redirectUri, { ...parameters, state });
    if (asked.response_type !== 'code') return redirect(302, back({ error: 'unsupported_response_type' }));
    if (asked.code_challenge_method !== 'S256' || !/^[\w-]{43}$/.test(challenge)) {
      const error_description = 'PKCE with S256 is required';
      return redirect(302, back({ error: 'invalid_request', error_description }));
    }
    return consent.ask((user) => {
      if (!user) return back({ error: 'access_denied', error_description: 'The request was denied' });
      const code = randomBytes(24).toString('base64url');
      codes.set(code, { user, redirectUri, challenge, scope });
      return back({ code, scope });
    });
  }

  function mayReturnTo(redirectUri: string): boolean {
    if (!URL.canParse(redirectUri)) return false;
    const { protocol, hostname, port, hash } = new URL(redirectUri);
    const allowed = settings.redirectPorts === 'any' || settings.redirectPorts.includes(Number(port));
    return protocol === 'http:' && LOOPBACK.includes(hostname) && hash === '' && allowed;
  }

  function exchange({ form }: RecordedRequest): Reply {
    if (form.grant_type === undefined)
      return oauthFailure('invalid_request', 'A form with grant_type is needed');
    if (form.client_id !== CLIENT_ID) return oauthFailure('invalid_client', 'Unknown client');
    switch (form.grant_type) {
      case 'authorization_code':
        return granted(byCode(form));
      case 'refresh_token':
        return granted(byRefreshToken(form));
      default:
        return oauthFailure('unsupported_grant_type', 'authorization_code or refresh_token');
    }
  }

  function byCode(form: RecordedRequest['form']): Outcome {
    const code = codes.get(form.code ?? '');
    if (!code || code.void) return oauthFailure('invalid_grant', 'Unknown code');
    if (code.family) {
      // RFC 6749, section 4.1.2: whoever used it first may be a thief.
      code.family.revoked = true;
      return oauthFailure('invalid_grant', 'The code was used before; its tokens are revoked');
    }
    const { redirect_uri: redirectUri, code_verifier: verifier = '' } = form;
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    code.void = true;
    if (redirectUri !== code.redirectUri) return oauthFailure('invalid_grant', 'redirect_uri does not match');
    if (!/^[\w.~-]{43,128}$/.test(verifier) || challenge !== code.challenge) {
      return oauthFailure('invalid_grant', 'code_verifier does not match');
    }
    code.void = false;
    code.family = tokens.login(code.user, code.scope);
    const withRefresh = settings.refreshTokens && code.scope.split(' ').includes('offline_access');
    return { issued: tokens.issue(code.family, { withRefresh }), family: code.family };
  }

  function byRefreshToken({ refresh_token: given = '' }: RecordedRequest['form']): Outcome {
    const refreshed = tokens.refresh(given);
    return refreshed ?? oauthFailure('invalid_grant', 'The refresh token is unknown, used or revoked');
  }

  function granted(outcome: Outcome): Reply {
    if ('status' in outcome) return outcome;
    const { issued, family } = outcome;
    const { user, scope } = family;
    const { expires_at: _, ...carried } = issued;
    const openid = scope.split(' ').includes('openid') ? { id_token: idTokenOf(user) } : {};
    const expires_in = settings.expiresInSeconds;
    const body = { ...carried, ...openid, token_type: 'bearer', expires_in, scope };
    return json(200, body, { 'cache-control': 'no-store' });
  }

  function idTokenOf({ account_id: sub, email }: User): string {
    const now = Date.now() / 1000;
    const iss = settings.idTokenIssuer ?? base();
    return signed({ iss, aud: CLIENT_ID, sub, email }, now, now + settings.expiresInSeconds);
  }

  function revoke({ form }: RecordedRequest): Reply | undefined {
    if (!settings.revocation) return undefined;
    if (form.client_id !== CLIENT_ID) return oauthFailure('invalid_client', 'Unknown client');
    if (form.token === undefined) return oauthFailure('invalid_request', 'token is missing');
    tokens.revoke(form.token);
    return { status: 200, headers: {}, body: '' };
  }
}
