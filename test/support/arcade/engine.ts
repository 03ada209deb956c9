/** The engine: the secrets of a project, by the path for API keys and by the one for OAuth tokens. */
import { preferred, type User } from './accounts.ts';
import { failure, json, notAllowed, type Reply, type Route } from './replies.ts';
import { type RecordedRequest, segmentsOf } from './requests.ts';
import type { ArcadeSettings } from './settings.ts';
import type { Identify } from './tokens.ts';
import type { Owner, StoredSecret, Vault } from './vault.ts';

/** What a path below `/v1` names: whose secrets, and which of them (a key to write, an id to delete). */
type Place = { readonly kind: 'api_key' | 'oauth'; readonly org: string; readonly project: string } & {
  readonly rest: readonly string[];
};

/** The route of everything below `/v1/`. */
export function createEngine(settings: ArcadeSettings, identify: Identify, vault: Vault): Route {
  return (request) => {
    if (request.path === '/v1/health') {
      return request.method === 'GET' ? json(200, { healthy: true }) : notAllowed('GET');
    }
    if (!request.path.startsWith('/v1/')) return undefined;
    const segments = segmentsOf(request.path);
    if (!segments) return failure(400, 'The path is not well-formed');
    const place = placeOf(segments);
    if (!place || (place.kind === 'oauth' && settings.era === 'seed')) return undefined;
    const caller = identify(request, place.kind);
    if ('refusal' in caller) return caller.refusal;
    const owner = ownerOf(place, caller.user);
    if ('status' in owner) return owner;
    const [name] = place.rest;
    return name === undefined ? collection(request, owner) : member(request, owner, name);
  };

  function ownerOf(place: Place, user: User): Owner | Reply {
    if (place.kind === 'api_key') {
      const project = preferred(preferred(user.organizations)?.projects ?? []);
      return project ?? failure(403, 'You have no project');
    }
    const organization = user.organizations.find(({ organization_id }) => organization_id === place.org);
    if (!organization) return failure(403, 'You do not belong to this organization');
    const project = organization.projects.find(({ project_id }) => project_id === place.project);
    return project ?? failure(404, 'There is no such project');
  }

  function collection(request: RecordedRequest, owner: Owner): Reply {
    switch (request.method) {
      case 'GET':
        return list(request, owner);
      case 'POST':
        return write(request, owner, undefined);
      default:
        return notAllowed('GET', 'POST');
    }
  }

  function member(request: RecordedRequest, owner: Owner, name: string): Reply {
    switch (request.method) {
      case 'PUT':
      case 'POST':
        return write(request, owner, name);
      case 'DELETE':
        return vault.remove(owner, name) ? { status: 204, headers: {}, body: '' } : failure(404);
      default:
        return notAllowed('PUT', 'POST', 'DELETE');
    }
  }

  function list(request: RecordedRequest, owner: Owner): Reply {
    const secrets = vault.secretsOf(owner).map(shown);
    if (settings.pageSize === undefined) return json(200, { items: secrets });
    const query = new URLSearchParams(request.query);
    const offset = numberIn(query, 'offset', 0);
    const limit = Math.min(numberIn(query, 'limit', settings.pageSize), settings.pageSize);
    const items = secrets.slice(offset, offset + limit);
    return json(200, { items, limit, offset, page_count: items.length, total_count: secrets.length });
  }

  function write(request: RecordedRequest, owner: Owner, name: string | undefined): Reply {
    const body = (request.json ?? {}) as Record<string, unknown>;
    const { value, description = '', key = name } = body;
    if (typeof value !== 'string' || value === '') return failure(422, 'value: a text that is not empty');
    if (typeof description !== 'string') return failure(422, 'description: a text');
    if (typeof key !== 'string' || key === '') return failure(422, 'key: a text that is not empty');
    const { secret, created } = vault.store(owner, { key: name ?? key, value, description });
    return json(created && name === undefined ? 201 : 200, shown(secret));
  }
}

/** The value is never shown. */
function shown({ value: _, ...secret }: StoredSecret): Record<string, unknown> {
  return secret;
}

function placeOf(segments: readonly string[]): Place | undefined {
  const [, area, org = '', , project = ''] = segments;
  const kind = area === 'admin' ? 'api_key' : 'oauth';
  const rest = segments.slice(kind === 'api_key' ? 3 : 6);
  const known =
    kind === 'api_key' ? ['v1', 'admin', 'secrets'] : ['v1', 'orgs', org, 'projects', project, 'secrets'];
  if (!known.every((segment, at) => segments[at] === segment) || rest.length > 1) return undefined;
  // A dot segment leads out of the collection, and an empty one to nothing in it.
  if (rest[0] !== undefined && ['', '.', '..'].includes(rest[0])) return undefined;
  return { kind, org, project, rest };
}

function numberIn(query: URLSearchParams, name: string, fallback: number): number {
  const given = query.get(name) ?? '';
  return /^\d+$/.test(given) ? Number(given) : fallback;
}
