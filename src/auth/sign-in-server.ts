/** Where one signs in: what the coordinator's `cli_config` and its OAuth metadata name. */

import type { AuthorizationServer, Client } from 'oauth4webapi';
import { isGood, notTheApi, objectOf, refusalOf } from '../api/answer.ts';
import { UserError } from '../errors.ts';
import { type Fields, textOf } from '../infra/fields.ts';
import { exchange } from '../infra/net/http.ts';
import { mayNameEndpoint } from './connection.ts';

export interface SignInServer {
  readonly coordinator: string;
  /** As the server calls itself in answers to logins (RFC 9207); null when the configuration does not say. */
  readonly issuer: string | null;
  /** The coordinator stands for an issuer that is not named. */
  readonly as: AuthorizationServer & { readonly authorization_endpoint: string };
  readonly client: Client;
}

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

/** Where tokens are revoked (RFC 8414 and OpenID Connect Discovery); undefined when the server offers no such place. */
export async function findRevocationEndpoint(
  coordinator: string,
  deadline: number,
): Promise<string | undefined> {
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
