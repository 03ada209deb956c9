/** What the coordinator says of accounts, organizations and projects. */
import { isGood, notTheApi, objectOf, refusalOf } from '../api/answer.ts';
import { UserError } from '../errors.ts';
import { type Fields, fieldsOf, listOf, textOf } from '../infra/fields.ts';
import { type Bearer, exchange, type HttpRequest } from '../infra/net/http.ts';
import type { Context, Credentials } from './credentials.ts';

/** An organization or a project. */
export interface Choice {
  readonly id: string;
  readonly name: string;
  readonly isDefault: boolean;
}

/** Whose credentials these are. */
export interface Owner {
  readonly accountId: string | null;
  readonly email: string | null;
}

/** The owner of a token and what belongs to it; the projects are those of the default organization. */
export interface Member extends Owner {
  readonly organizations: readonly Choice[];
  readonly projects: readonly Choice[];
}

/** None: those of any request. */
type Limits = Pick<HttpRequest, 'deadline' | 'retries'>;

/** Asks `whoami`. Throws UserError: no answer, a refusal, or an answer that is not the API's. */
export async function askWhoami(coordinator: string, bearer: Bearer): Promise<Member> {
  const data = dataOf(await get(coordinator, 'auth/whoami', bearer));
  const choices = (value: unknown): Choice[] => (listOf(value) ?? []).map(choiceOf);
  return { ...ownerIn(data), organizations: choices(data.organizations), projects: choices(data.projects) };
}

/**
 * Asks whose an API key is: `validate`, for the newest `whoami` takes tokens only; `whoami` where there is no
 * `validate`. Throws UserError as `askWhoami` does.
 */
export function askKeyOwner(coordinator: string, apiKey: string): Promise<Owner> {
  return askOwner(coordinator, apiKey, 'validate', {});
}

async function askOwner(
  coordinator: string,
  bearer: Bearer,
  first: 'validate' | 'whoami',
  limits: Limits,
): Promise<Owner> {
  const ask = async (path: string): Promise<Owner> =>
    ownerIn(dataOf(await get(coordinator, `auth/${path}`, bearer, limits)));
  try {
    return await ask(first);
  } catch (error) {
    if (!(error instanceof UserError) || !ASK_AGAIN.includes(error.code)) throw error;
    return ask(first === 'whoami' ? 'validate' : 'whoami').catch((again: unknown) => {
      // That the credentials were rejected counts for more than that the other address is not there.
      throw error.code === 'NOT_FOUND' ? again : error;
    });
  }
}

/** The coordinator may know the credentials by its other address. */
const ASK_AGAIN: readonly string[] = ['NOT_FOUND', 'UNAUTHORIZED', 'FORBIDDEN'];

export type Principal =
  | { readonly kind: 'principal'; readonly principalId: string }
  | { readonly kind: 'refused' }
  | { readonly kind: 'no answer' };

/**
 * The account that owns the credentials, for the flusher and for a login that is to be checked. An OAuth token that has
 * expired by our clock is not shown at all: only a command may refresh it. Never rejects; resolves within `limitMs`.
 */
export async function askPrincipal(
  credentials: Credentials,
  coordinator: string,
  { limitMs, now }: { limitMs: number; now: number },
): Promise<Principal> {
  if (credentials.kind === 'none') return { kind: 'refused' };
  const isToken = credentials.kind === 'oauth';
  if (isToken && credentials.expiresAt !== null && credentials.expiresAt <= now) return { kind: 'no answer' };
  const bearer = isToken ? credentials.accessToken : credentials.apiKey;
  const limits = { deadline: performance.now() + limitMs, retries: 0 };
  try {
    const { accountId } = await askOwner(coordinator, bearer, isToken ? 'whoami' : 'validate', limits);
    return accountId === null ? { kind: 'no answer' } : { kind: 'principal', principalId: accountId };
  } catch (error) {
    const refused = error instanceof UserError && ['UNAUTHORIZED', 'FORBIDDEN'].includes(error.code);
    return { kind: refused ? 'refused' : 'no answer' };
  }
}

/** The organizations of the token's owner. Throws UserError. */
export async function listOrganizations(coordinator: string, bearer: Bearer): Promise<Choice[]> {
  return itemsOf(await get(coordinator, 'orgs', bearer));
}

/** The projects of an organization. Throws UserError. */
export async function listProjects(coordinator: string, bearer: Bearer, orgId: string): Promise<Choice[]> {
  return itemsOf(await get(coordinator, `orgs/${encodeURIComponent(orgId)}/projects`, bearer));
}

const CONTACT = 'Please contact support@arcade.dev for assistance.';

/** The organization to begin with: the one marked as default, else the first. Throws UserError when there is none. */
export function defaultOrganization(organizations: readonly Choice[]): Choice {
  const organization = defaultOf(organizations);
  if (organization !== undefined) return organization;
  throw new UserError('NO_ORGANIZATION', `No organizations found for your account. ${CONTACT}`);
}

/** The context of an organization with its default project, else its first. Throws UserError when it has none. */
export function contextIn({ id, name }: Pick<Choice, 'id' | 'name'>, projects: readonly Choice[]): Context {
  const project = defaultOf(projects);
  if (project === undefined) {
    throw new UserError('NO_PROJECT', `No projects found in organization '${name}'. ${CONTACT}`);
  }
  return { orgId: id, orgName: name, projectId: project.id, projectName: project.name };
}

function defaultOf(choices: readonly Choice[]): Choice | undefined {
  return choices.find(({ isDefault }) => isDefault) ?? choices[0];
}

async function get(coordinator: string, path: string, bearer: Bearer, limits?: Limits): Promise<Fields> {
  const answer = await exchange({ method: 'GET', url: `${coordinator}/api/v1/${path}`, bearer, ...limits });
  if (!isGood(answer)) throw refusalOf(answer, new URL(coordinator).host, 'the ids');
  return objectOf(answer);
}

function dataOf({ data }: Fields): Fields {
  const fields = fieldsOf(data);
  if (fields === undefined) throw notTheApi();
  return fields;
}

function ownerIn(data: Fields): Owner {
  return { accountId: textOf(data.account_id) ?? textOf(data.principal_id), email: textOf(data.email) };
}

function itemsOf(answer: Fields): Choice[] {
  const items = listOf(dataOf(answer).items);
  if (items === undefined) throw notTheApi();
  return items.map(choiceOf);
}

function choiceOf(item: unknown): Choice {
  const fields = fieldsOf(item);
  // Both names of an organization's id are in use.
  const id = textOf(fields?.organization_id) ?? textOf(fields?.org_id) ?? textOf(fields?.project_id);
  if (id === null) throw notTheApi();
  return { id, name: textOf(fields?.name) ?? id, isDefault: fields?.is_default === true };
}
