/** The coordinator: whose credentials these are, their organizations and projects, and seed-era sign-in. */
import { type Accounts, type Organization, preferred, type User } from './accounts.ts';
import { type Consent, withQuery } from './consent.ts';
import { failure, json, notAllowed, page, type Reply, type Route } from './replies.ts';
import { type RecordedRequest, segmentsOf } from './requests.ts';
import type { ArcadeSettings } from './settings.ts';
import type { Identify } from './tokens.ts';

/** The route of everything below `/api/v1/` but `cli_config`. */
export function createCoordinator(
  settings: ArcadeSettings,
  accounts: Accounts,
  identify: Identify,
  consent: Consent,
): Route {
  return (request) => {
    const answer = routeOf(request.path);
    if (!answer) return undefined;
    return request.method === 'GET' ? answer(request) : notAllowed('GET');
  };

  function routeOf(path: string): Route | undefined {
    if (path === '/api/v1/auth/validate') return validate;
    if (path === '/api/v1/auth/cli_login') return settings.era === 'newest' ? undefined : seedSignIn;
    if (settings.era === 'seed') return undefined;
    if (path === '/api/v1/auth/whoami') return whoami;
    if (path === '/api/v1/orgs') return organizations;
    return /^\/api\/v1\/orgs\/[^/]+\/projects$/.test(path) ? projects : undefined;
  }

  function validate(request: RecordedRequest): Reply {
    const caller = identify(request, 'api_key');
    if ('refusal' in caller) return caller.refusal;
    return json(200, { data: { principal_id: caller.user.principal_id } });
  }

  function whoami(request: RecordedRequest): Reply {
    const caller = settings.whoamiTakesApiKeys
      ? identify(request, 'oauth', 'api_key')
      : identify(request, 'oauth');
    if ('refusal' in caller) return caller.refusal;
    const { account_id, email } = caller.user;
    const data = {
      account_id,
      email,
      organizations: caller.user.organizations.map(shown),
      projects: preferred(caller.user.organizations)?.projects ?? [],
    };
    return json(200, { data });
  }

  function organizations(request: RecordedRequest): Reply {
    const caller = identify(request, 'oauth');
    if ('refusal' in caller) return caller.refusal;
    return json(200, { data: { items: caller.user.organizations.map(shown) } });
  }

  function projects(request: RecordedRequest): Reply {
    const caller = identify(request, 'oauth');
    if ('refusal' in caller) return caller.refusal;
    const organization = organizationAt(request.path, caller.user);
    if (!organization) return failure(403, 'You do not belong to this organization');
    return json(200, { data: { items: organization.projects } });
  }

  function organizationAt(path: string, user: User): Organization | undefined {
    const id = segmentsOf(path)?.[3];
    return user.organizations.find(({ organization_id }) => organization_id === id);
  }

  function shown({ organization_id, name, is_default }: Organization): Record<string, unknown> {
    return { [settings.organizationIdField]: organization_id, name, is_default };
  }

  /** Sends an API key along with the redirect, to whatever `callback_uri` says, as that era did. */
  function seedSignIn(request: RecordedRequest): Reply {
    const { callback_uri = '', state } = Object.fromEntries(new URLSearchParams(request.query));
    if (!URL.canParse(callback_uri)) return page(400, '<p>callback_uri is missing.</p>');
    return consent.ask((user) => {
      if (!user) return withQuery(callback_uri, { state });
      const api_key = accounts.workingKey(user);
      return withQuery(callback_uri, { state, api_key, email: user.email, warning: settings.loginWarning });
    });
  }
}
