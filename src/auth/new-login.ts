/** From the proof of a login to what is stored: whose it is, and which project is active. */
import { UserError } from '../errors.ts';
import type { Proof } from './attempt.ts';
import { askKeyOwner, askWhoami, defaultOf, type Owner } from './coordinator.ts';
import type { Context } from './credentials.ts';
import type { NewLogin } from './store.ts';

const CONTACT = 'Please contact support@arcade.dev for assistance.';

/** Asks the coordinator who has signed in. Throws UserError when it does not say. */
export async function newLoginOf(proof: Proof, coordinatorUrl: string): Promise<NewLogin> {
  if (proof.kind === 'api_key') {
    const owner = await askKeyOwner(coordinatorUrl, proof.apiKey).catch(ifItCannotSay);
    return keyLogin(proof.apiKey, { ...owner, email: proof.email ?? owner.email }, coordinatorUrl);
  }
  const { accountId, email, organizations, projects } = await askWhoami(
    coordinatorUrl,
    proof.tokens.accessToken,
  );
  const organization = defaultOf(organizations);
  if (organization === undefined) {
    throw new UserError('NO_ORGANIZATION', `No organizations found for your account. ${CONTACT}`);
  }
  const context = contextOf(organization, defaultOf(projects));
  return { ...proof.tokens, kind: 'oauth', accountId, email, coordinatorUrl, context };
}

/** The login of an API key that its coordinator knows. Throws UserError for one that it does not. */
export async function newKeyLogin(apiKey: string, coordinatorUrl: string): Promise<NewLogin> {
  return keyLogin(apiKey, await askKeyOwner(coordinatorUrl, apiKey), coordinatorUrl);
}

interface Named {
  readonly id: string;
  readonly name: string;
}

/** The context of an organization and its project. Throws UserError when it has none. */
export function contextOf(organization: Named, project: Named | undefined): Context {
  if (project === undefined) {
    throw new UserError('NO_PROJECT', `No projects found in organization '${organization.name}'. ${CONTACT}`);
  }
  return {
    orgId: organization.id,
    orgName: organization.name,
    projectId: project.id,
    projectName: project.name,
  };
}

/** A coordinator that has just handed out a key need not be able to say whose it is. */
function ifItCannotSay(error: unknown): Owner {
  if (error instanceof UserError && error.code === 'NOT_FOUND') return { accountId: null, email: null };
  throw error;
}

function keyLogin(apiKey: string, { accountId, email }: Owner, coordinatorUrl: string): NewLogin {
  return { kind: 'api_key', source: 'file', apiKey, accountId, email, coordinatorUrl };
}
