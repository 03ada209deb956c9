/** Who may sign in: users with their API keys, organizations and projects, and what they are allowed to do. */
import { randomBytes, randomUUID } from 'node:crypto';

/** A project as the coordinator lists it. */
export interface Project {
  readonly project_id: string;
  readonly name: string;
  readonly is_default: boolean;
}

/** An organization with its projects. The same organization may be given to several users. */
export interface Organization {
  readonly organization_id: string;
  readonly name: string;
  readonly is_default: boolean;
  readonly projects: readonly Project[];
}

/** An account. */
export interface User {
  readonly name: string;
  readonly email: string;
  readonly account_id: string;
  /** What `validate` calls the account; the same as `account_id` unless given. */
  readonly principal_id: string;
  /** Keys act on the default project of the default organization. */
  readonly api_keys: string[];
  readonly organizations: readonly Organization[];
}

/** What a test says about a user; the rest is made up. */
export type UserSpec = Pick<User, 'name'> & Partial<User>;

/** The organization and project that a login selects, in the words of `credentials.yaml`. */
export interface Context {
  readonly org_id: string;
  readonly org_name: string;
  readonly project_id: string;
  readonly project_name: string;
}

/** All accounts of one stand-in. */
export type Accounts = ReturnType<typeof createAccounts>;

/** Makes the accounts; without `specs` there are A, B and C, of whom A and B share an organization. */
export function createAccounts(specs: readonly UserSpec[] = threeUsers()) {
  const users = specs.map(fill);
  const revoked = new Set<string>();
  return {
    users,
    user(name: string): User {
      const found = users.find((user) => user.name === name);
      if (!found) throw new Error(`there is no user ${name}`);
      return found;
    },
    ofEmail: (email: string) => users.find((user) => user.email === email),
    ofKey: (apiKey: string) => users.find((user) => user.api_keys.includes(apiKey) && !revoked.has(apiKey)),
    /** A key of the user that works; a new one when all were revoked. */
    workingKey(user: User): string {
      const working = user.api_keys.find((key) => !revoked.has(key));
      if (working !== undefined) return working;
      const fresh = newKey();
      user.api_keys.push(fresh);
      return fresh;
    },
    revokeKeys: (user: User) => user.api_keys.forEach((key) => void revoked.add(key)),
  };
}

/** The one marked as default, else the first. */
export function preferred<T extends { readonly is_default: boolean }>(choices: readonly T[]): T | undefined {
  return choices.find((choice) => choice.is_default) ?? choices[0];
}

/** The context that a login of this user selects. Throws when the user has no project. */
export function contextOf(user: User): Context {
  const organization = preferred(user.organizations);
  const project = preferred(organization?.projects ?? []);
  if (!organization || !project) throw new Error(`${user.name} has no project`);
  return {
    org_id: organization.organization_id,
    org_name: organization.name,
    project_id: project.project_id,
    project_name: project.name,
  };
}

/** The user's first API key. */
export function keyOf(user: User): string {
  return user.api_keys[0] ?? '';
}

function fill(spec: UserSpec): User {
  const account_id = spec.account_id ?? randomUUID();
  return {
    email: `${spec.name.toLowerCase()}@example.test`,
    account_id,
    principal_id: account_id,
    api_keys: [newKey()],
    organizations: [organization(`${spec.name}'s organization`, true)],
    ...spec,
  };
}

function threeUsers(): UserSpec[] {
  const shared = organization('Shared', false);
  return [
    { name: 'A', organizations: [organization("A's organization", true), shared] },
    { name: 'B', organizations: [organization("B's organization", true), shared] },
    // Nothing of C's is marked as default: the first one counts.
    { name: 'C', organizations: [organization("C's organization", false, false)] },
  ];
}

function organization(name: string, isDefault: boolean, hasDefaultProject = true): Organization {
  return {
    organization_id: randomUUID(),
    name,
    is_default: isDefault,
    projects: [
      { project_id: randomUUID(), name: 'Playground', is_default: false },
      { project_id: randomUUID(), name: 'Production', is_default: hasDefaultProject },
    ],
  };
}

/** Random, so that a test which finds one where it should not be knows whose it is. */
function newKey(): string {
  return `arc_${randomBytes(24).toString('hex')}`;
}
