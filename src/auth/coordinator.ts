/** What the coordinator says of accounts, organizations and projects. */
import { type Fields, isGood, notTheApi, objectOf, refusalOf } from '../api/answer.ts';
import { type Bearer, exchange } from '../infra/net/http.ts';

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

/** The owner of a token, with what is theirs; the projects are those of the default organization. */
export interface Member extends Owner {
  readonly organizations: readonly Choice[];
  readonly projects: readonly Choice[];
}

/** Asks `whoami`. Throws UserError: no answer, a refusal, or an answer that is not the API's. */
export async function askWhoami(coordinator: string, bearer: Bearer): Promise<Member> {
  const data = dataOf(await get(coordinator, 'auth/whoami', bearer));
  const list = (value: unknown): Choice[] => (Array.isArray(value) ? value.map(choiceOf) : []);
  return { ...ownerIn(data), organizations: list(data.organizations), projects: list(data.projects) };
}

/**
 * Asks whose an API key is: `validate`, for the newest `whoami` takes tokens only; `whoami` where there is no
 * `validate`. Throws UserError as `askWhoami` does.
 */
export async function askKeyOwner(coordinator: string, apiKey: string): Promise<Owner> {
  const found = await get(coordinator, 'auth/validate', apiKey).catch((error: unknown) => {
    if ((error as { code?: unknown }).code === 'NOT_FOUND') return get(coordinator, 'auth/whoami', apiKey);
    throw error;
  });
  return ownerIn(dataOf(found));
}

/** The organizations of the token's owner. Throws UserError. */
export async function listOrganizations(coordinator: string, bearer: Bearer): Promise<Choice[]> {
  return itemsOf(await get(coordinator, 'orgs', bearer));
}

/** The projects of an organization. Throws UserError. */
export async function listProjects(coordinator: string, bearer: Bearer, orgId: string): Promise<Choice[]> {
  return itemsOf(await get(coordinator, `orgs/${encodeURIComponent(orgId)}/projects`, bearer));
}

/** The one marked as default, else the first. */
export function defaultOf(choices: readonly Choice[]): Choice | undefined {
  return choices.find(({ isDefault }) => isDefault) ?? choices[0];
}

async function get(coordinator: string, path: string, bearer: Bearer): Promise<Fields> {
  const answer = await exchange({ method: 'GET', url: `${coordinator}/api/v1/${path}`, bearer });
  if (!isGood(answer)) throw refusalOf(answer, new URL(coordinator).host, 'the ids');
  return objectOf(answer);
}

function dataOf({ data }: Fields): Fields {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) throw notTheApi();
  return data as Fields;
}

function ownerIn(data: Fields): Owner {
  return { accountId: textOf(data.account_id) ?? textOf(data.principal_id), email: textOf(data.email) };
}

function itemsOf(answer: Fields): Choice[] {
  const items = dataOf(answer).items;
  if (!Array.isArray(items)) throw notTheApi();
  return items.map(choiceOf);
}

function choiceOf(item: unknown): Choice {
  if (typeof item !== 'object' || item === null) throw notTheApi();
  const fields = item as Fields;
  // Both names of an organization's id are in use.
  const id = textOf(fields.organization_id) ?? textOf(fields.org_id) ?? textOf(fields.project_id);
  if (id === null) throw notTheApi();
  return { id, name: textOf(fields.name) ?? id, isDefault: fields.is_default === true };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
