/** Where one signs in: what the coordinator's `cli_config` and its OAuth metadata name. */

import { type Fields, isGood, notTheApi, objectOf, refusalOf } from '../api/answer.ts';
import { UserError } from '../errors.ts';
import { exchange } from '../infra/net/http.ts';
import { isSelfHosted } from './connection.ts';

export interface SignInServer {
  readonly coordinator: string;
  readonly clientId: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
}

/**
 * Asks the coordinator how to sign in, within `limitMs`; undefined when it is of the time before OAuth. Throws
 * UserError: no answer, a refusal, or a configuration that cannot be used.
 */
export async function findSignInServer(
  coordinator: string,
  limitMs: number,
): Promise<SignInServer | undefined> {
  const url = `${coordinator}/api/v1/auth/cli_config`;
  const answer = await exchange({ method: 'GET', url, limitMs });
  if (answer.status === 404) return undefined;
  if (!isGood(answer)) throw refusalOf(answer, new URL(coordinator).host, '--host and --port');
  const config = objectOf(answer);
  const { client_id: clientId } = config;
  if (typeof clientId !== 'string' || clientId === '') throw notTheApi();
  return {
    coordinator,
    clientId,
    authorizationEndpoint: endpointOf(config, 'authorization_endpoint', coordinator),
    tokenEndpoint: endpointOf(config, 'token_endpoint', coordinator),
  };
}

/** Where tokens are revoked (RFC 8414 and OpenID Connect Discovery); undefined when the server offers no such place. */
export async function findRevocationEndpoint(
  coordinator: string,
  limitMs: number,
): Promise<string | undefined> {
  const deadline = performance.now() + limitMs;
  for (const document of ['oauth-authorization-server', 'openid-configuration']) {
    const answer = await exchange({
      method: 'GET',
      url: `${coordinator}/.well-known/${document}`,
      limitMs: Math.max(1, deadline - performance.now()),
      retries: 0,
    });
    if (!isGood(answer)) continue;
    const metadata = objectOf(answer);
    if (metadata.revocation_endpoint !== undefined)
      return endpointOf(metadata, 'revocation_endpoint', coordinator);
  }
  return undefined;
}

/** An endpoint gets codes and tokens: it may not be less protected than the coordinator, nor somebody else's. */
function endpointOf(fields: Fields, name: string, coordinator: string): string {
  const value = fields[name];
  if (typeof value !== 'string' || !URL.canParse(value)) throw notTheApi();
  const { protocol, href, username, password } = new URL(value);
  const allowed = coordinator.startsWith('https:') ? ['https:'] : ['https:', 'http:'];
  if (!allowed.includes(protocol) || username !== '' || password !== '') throw notTheApi();
  if (isSelfHosted(coordinator) && !isSelfHosted(href)) {
    throw new UserError(
      'UNEXPECTED_ANSWER',
      `${new URL(coordinator).host} is not Arcade's own, but would have you sign in there.`,
      { hint: 'Correct its configuration, or sign in with --host cloud.arcade.dev.' },
    );
  }
  return href;
}
