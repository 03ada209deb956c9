/** The secrets of Arcade's engine, in both eras of its API. */
import { isGood, notTheApi, objectOf, refusalOf } from '../api/answer.ts';
import { fieldsOf, listOf, textOf } from '../infra/fields.ts';
import { type Bearer, exchange, type HttpRequest } from '../infra/net/http.ts';
import type { HttpAnswer } from '../infra/net/network.ts';
import { LIMITS } from '../settings.ts';

/** Where the engine is and how to sign in to it. With an API key `project` is null. */
export interface Engine {
  readonly url: string;
  readonly bearer: Bearer;
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
/** Bounds for a server whose pages never end. */
const MAX_PAGES = 1000;
const MAX_LIST_BYTES = 4 * LIMITS.answerBytes;
const MAX_LIST_MS = 2 * LIMITS.requestMs;

/**
 * All secrets; reads every page. Throws UserError when there is no answer, for an error status, for an answer that is
 * not the API's, and for a list without an end.
 */
export async function listSecrets(engine: Engine): Promise<Secret[]> {
  const secrets: Secret[] = [];
  let offset = 0;
  let previous = '';
  let bytes = 0;
  const deadline = performance.now() + MAX_LIST_MS;
  for (let page = 0; ; page += 1) {
    if (page === MAX_PAGES || bytes > MAX_LIST_BYTES || performance.now() > deadline)
      throw notTheApi('a list of secrets without an end');
    const query = offset === 0 ? '' : `?offset=${offset}`;
    const received = await call(engine, { method: 'GET', path: query });
    bytes += received.text.length;
    const answer = objectOf(received);
    const items = listOf(answer.items);
    if (items === undefined) throw notTheApi();
    const total = answer.total_count;
    const pages = typeof total === 'number';
    const shown = pages ? JSON.stringify(items) : '';
    // A server with a total but without pages answers with the same secrets again.
    if (items.length === 0 || (pages && shown === previous)) break;
    for (const item of items) secrets.push(readSecret(item));
    previous = shown;
    offset += items.length;
    if (!pages || offset >= total) break;
  }
  return secrets;
}

/** Creates or replaces a secret. Throws UserError, whose text repeats nothing from the server. */
export async function setSecret(engine: Engine, key: string, value: string): Promise<void> {
  const json = { description: DESCRIPTION, value };
  const answer = await call(engine, { method: 'PUT', path: `/${encodeURIComponent(key)}`, json });
  const stored = objectOf(answer);
  // Other JSON comes from another server, which has stored nothing.
  if (answer.text.trim() !== '' && stored.id === undefined && stored.key === undefined) throw notTheApi();
}

/** Deletes a secret by its id; 404 counts as deleted. Throws UserError. */
export async function deleteSecret(engine: Engine, { id }: Secret): Promise<void> {
  if (id === null) throw notTheApi('a secret that has no id');
  const answer = await call(engine, { method: 'DELETE', path: `/${encodeURIComponent(id)}` }, [404]);
  if (answer.status !== 404) objectOf(answer);
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
  if (!isGood(answer) && !alsoGood.includes(answer.status)) {
    throw refusalOf(
      answer,
      new URL(engine.url).host,
      json === undefined ? 'your active project' : 'the key and the value',
    );
  }
  return answer;
}

function readSecret(item: unknown): Secret {
  const { id, key, binding, description, last_accessed_at, created_at } = fieldsOf(item) ?? {};
  if (typeof key !== 'string') throw notTheApi();
  return {
    id: textOf(id),
    key,
    type: textOf(fieldsOf(binding)?.type),
    description: textOf(description),
    lastAccessedAt: textOf(last_accessed_at),
    createdAt: textOf(created_at),
  };
}
