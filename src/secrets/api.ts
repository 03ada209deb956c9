/** The secrets of Arcade's engine, in both eras of its API. */
import { type ErrorCode, UserError } from '../errors.ts';
import { exchange, type HttpAnswer, type HttpRequest } from '../infra/http.ts';

/** How to speak to the engine: an API key has the whole account, a login one project of an organization. */
export interface Engine {
  readonly url: string;
  readonly bearer: string;
  readonly project: { readonly orgId: string; readonly projectId: string } | null;
}

export interface Secret {
  readonly id: string | null;
  readonly key: string;
  readonly type: string | null;
  readonly description: string | null;
  readonly lastAccessedAt: string | null;
  readonly createdAt: string | null;
}

const DESCRIPTION = 'Secret set via CLI';
/** A server that pages for ever is stopped here. */
const MAX_PAGES = 1000;

/**
 * All secrets, page by page where the server pages. Throws UserError: no answer, a refusal, or an answer that
 * is not the API's.
 */
export async function listSecrets(engine: Engine): Promise<Secret[]> {
  const secrets: Secret[] = [];
  let offset = 0;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query = offset === 0 ? '' : `?offset=${offset}`;
    const answer = readObject(await call(engine, { method: 'GET', path: query }));
    if (!Array.isArray(answer.items)) throw notTheApi();
    secrets.push(...answer.items.map(readSecret));
    offset += answer.items.length;
    const total = answer.total_count;
    if (answer.items.length === 0 || typeof total !== 'number' || offset >= total) return secrets;
  }
  return secrets;
}

/** Creates or replaces a secret. Throws UserError; its text never repeats anything that the server said. */
export async function setSecret(engine: Engine, key: string, value: string): Promise<void> {
  const json = { description: DESCRIPTION, value };
  readObject(await call(engine, { method: 'PUT', path: `/${encodeURIComponent(key)}`, json }));
}

/** Deletes a secret by its id; one that is gone already counts as deleted. Throws UserError. */
export async function deleteSecret(engine: Engine, id: string): Promise<void> {
  const answer = await call(engine, { method: 'DELETE', path: `/${encodeURIComponent(id)}` }, [404]);
  if (answer.status !== 404) readObject(answer);
}

interface Call {
  readonly method: HttpRequest['method'];
  readonly path: string;
  readonly json?: unknown;
}

async function call(
  engine: Engine,
  { method, path, json }: Call,
  alsoGood: number[] = [],
): Promise<HttpAnswer> {
  const { project } = engine;
  const collection =
    project === null
      ? '/v1/admin/secrets'
      : `/v1/orgs/${encodeURIComponent(project.orgId)}/projects/${encodeURIComponent(project.projectId)}/secrets`;
  const answer = await exchange({
    method,
    url: `${engine.url}${collection}${path}`,
    bearer: engine.bearer,
    ...(json === undefined ? {} : { json }),
  });
  const good = answer.status >= 200 && answer.status < 300;
  if (!good && !alsoGood.includes(answer.status)) throw refusal(answer, new URL(engine.url).host);
  return answer;
}

/** A page in place of an answer comes from a portal, a proxy or another server: also a write then failed. */
function readObject(answer: HttpAnswer): Record<string, unknown> {
  if (answer.text.trim() === '') return {};
  try {
    const content: unknown = JSON.parse(answer.text);
    if (typeof content === 'object' && content !== null && !Array.isArray(content)) return { ...content };
  } catch {
    // Told below.
  }
  throw notTheApi(
    /html/i.test(answer.contentType) || /^\s*</.test(answer.text) ? 'a web page' : 'no valid JSON',
  );
}

function readSecret(item: unknown): Secret {
  if (typeof item !== 'object' || item === null) throw notTheApi();
  const { id, key, binding, description, last_accessed_at, created_at } = item as Record<string, unknown>;
  const type =
    typeof binding === 'object' && binding !== null ? (binding as { type?: unknown }).type : undefined;
  if (typeof key !== 'string') throw notTheApi();
  return {
    id: textOrNull(id),
    key,
    type: textOrNull(type),
    description: textOrNull(description),
    lastAccessedAt: textOrNull(last_accessed_at),
    createdAt: textOrNull(created_at),
  };
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function notTheApi(what = 'something else'): UserError {
  return new UserError('UNEXPECTED_ANSWER', `The server answered with ${what} instead of Arcade's API.`, {
    hint: 'Check --host and --port; on a guest network, open a web page and sign in first.',
  });
}

const REFUSALS: Readonly<Record<number, readonly [ErrorCode, string, string]>> = {
  400: ['INVALID_REQUEST', 'refused the request as invalid (400).', 'Check the key and the value.'],
  401: [
    'UNAUTHORIZED',
    'did not accept your credentials (401).',
    'Run `arcade logout` and then `arcade login`.',
  ],
  403: [
    'FORBIDDEN',
    'does not permit you to do this (403).',
    'Ask an administrator of your organization for permission.',
  ],
  404: ['NOT_FOUND', 'does not know this address (404).', 'Check --host, --port and your active project.'],
  422: ['INVALID_REQUEST', 'refused the request as invalid (422).', 'Check the key and the value.'],
};

function refusal({ status, retryAfter }: HttpAnswer, host: string): UserError {
  const [code, what, hint] = REFUSALS[status] ?? otherRefusal(status, retryAfter);
  return new UserError(code, `${host} ${what}`, { hint });
}

function otherRefusal(status: number, retryAfter: string | undefined): readonly [ErrorCode, string, string] {
  if (status === 429) {
    const wait = /^\d{1,6}$/.test(retryAfter ?? '') ? `in ${retryAfter} seconds` : 'in a minute';
    return ['RATE_LIMITED', 'asks you to slow down (429).', `Try again ${wait}.`];
  }
  if (status >= 500) return ['SERVER_ERROR', `failed (${status}).`, 'Try again later.'];
  if (status >= 300 && status < 400) {
    return ['UNEXPECTED_STATUS', `answered with a redirect (${status}).`, 'Check --host, --port and --tls.'];
  }
  return ['UNEXPECTED_STATUS', `answered with status ${status}.`, 'Check --host and --port.'];
}
