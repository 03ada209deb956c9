/** `arcade whoami` */

import { coordinatorUrl } from '../auth/connection.ts';
import { askKeyOwner, askWhoami, type Owner } from '../auth/coordinator.ts';
import { type Context, isFromEnvironment, type SomeCredentials } from '../auth/credentials.ts';
import { bearerOf } from '../auth/token.ts';
import { UserError } from '../errors.ts';
import type { Invocation, Run } from '../invocation.ts';
import { say, visible } from '../terminal/visible.ts';
import { notLoggedIn } from './signed-in.ts';

/** Shows who is signed in, from the credentials; the coordinator is asked only for what they do not say. */
export const run: Run = async (invocation) => {
  const { options, output } = invocation;
  const credentials = await invocation.credentials();
  if (credentials.kind === 'none') throw notLoggedIn();
  const context = credentials.kind === 'oauth' ? credentials.context : null;
  const owner = await ownerOf(invocation, credentials, options.json === true);
  if (options.json === true) {
    output.json({
      email: owner.email,
      account_id: owner.accountId,
      organization: context && { id: context.orgId, name: context.orgName },
      project: context && { id: context.projectId, name: context.projectName },
      auth: isFromEnvironment(credentials) ? 'environment' : credentials.kind,
    });
    return;
  }
  output.line(say`Logged in as: ${visible(owner.email ?? owner.accountId ?? '(unknown account)')}`);
  tellContext(output, context);
  tellExpiry(output, credentials);
};

/** Without the network where possible, and where the e-mail is known also when the network is needed and fails. */
async function ownerOf(invocation: Invocation, credentials: SomeCredentials, whole: boolean): Promise<Owner> {
  const { email, accountId } = credentials;
  if (whole ? accountId !== null : (email ?? accountId) !== null) return { email, accountId };
  try {
    const asked = await askOwner(invocation, credentials);
    return { email: email ?? asked.email, accountId: asked.accountId };
  } catch (error) {
    if (email !== null && error instanceof UserError) return { email, accountId };
    throw error;
  }
}

async function askOwner({ protect, settings }: Invocation, credentials: SomeCredentials): Promise<Owner> {
  const coordinator = coordinatorUrl(settings, credentials);
  if (credentials.kind === 'api_key') return askKeyOwner(coordinator, credentials.apiKey);
  return askWhoami(coordinator, await bearerOf(credentials, settings, protect));
}

function tellContext(output: Invocation['output'], context: Context | null): void {
  if (context === null) {
    output.line(say`No active organization/project set.`);
    return;
  }
  output.line(say`Active organization: ${visible(context.orgName ?? context.orgId)}`);
  output.line(say`   ID: ${visible(context.orgId)}`);
  output.line(say`Active project: ${visible(context.projectName ?? context.projectId)}`);
  output.line(say`   ID: ${visible(context.projectId)}`);
}

function tellExpiry(output: Invocation['output'], credentials: SomeCredentials): void {
  if (credentials.kind !== 'oauth' || credentials.refreshToken !== null) return;
  if (credentials.expiresAt === null || credentials.expiresAt > Date.now()) return;
  output.note(say`Note: this login has expired. Run \`arcade login\` to log in again.`);
}
