/** Stores who has signed in, and in which project they work. */

import type { Fields } from '../api/answer.ts';
import { UserError } from '../errors.ts';
import { LIMITS } from '../settings.ts';
import {
  type ApiKeyCredentials,
  type Context,
  isSameLogin,
  type OAuthCredentials,
  understand,
} from './credentials.ts';
import { fieldsOf } from './credentials-file.ts';
import { alone, authFields, changeCloud } from './lock.ts';
import type { Tokens } from './oauth.ts';

/** What a login yields. */
export type NewLogin =
  | (OAuthCredentials & Tokens & { readonly context: Context })
  | (ApiKeyCredentials & { readonly source: 'file' });

/**
 * Replaces whoever was signed in; what credentials.yaml holds beside that stays. Does nothing more once
 * `interrupted`. With `discard`, a file that cannot be understood is replaced. Throws UserError.
 */
export async function storeLogin(
  directory: string,
  login: NewLogin,
  { interrupted, discard }: { interrupted: AbortSignal; discard: boolean },
): Promise<void> {
  const edit = (cloud: Fields): Fields => {
    interrupted.throwIfAborted();
    const { api: _api, auth: _auth, user: _user, context: _context, coordinator_url: _url, ...kept } = cloud;
    return { ...kept, ...loginFields(login) };
  };
  await alone(directory, LIMITS.credentialsLockMs, () => changeCloud(directory, edit, { discard }));
}

/** Makes another organization and project the active ones, unless somebody else has signed in. Throws UserError. */
export async function storeContext(
  directory: string,
  credentials: OAuthCredentials,
  context: Context,
): Promise<void> {
  const edit = (cloud: Fields): Fields => {
    const found = understand({ cloud });
    if (found === undefined || !isSameLogin(found, credentials)) {
      throw new UserError('CREDENTIALS_BUSY', 'Somebody logged in or out meanwhile: nothing was switched.', {
        hint: 'Look with `arcade whoami` and try again.',
      });
    }
    return { ...cloud, context: { ...fieldsOf(cloud.context), ...contextFields(context) } };
  };
  await alone(directory, LIMITS.credentialsLockMs, () => changeCloud(directory, edit, { discard: false }));
}

function loginFields(login: NewLogin): Fields {
  const user = {
    ...(login.email === null ? {} : { email: login.email }),
    ...(login.accountId === null ? {} : { account_id: login.accountId }),
  };
  const both = { coordinator_url: login.coordinatorUrl, user };
  if (login.kind === 'api_key') return { api: { key: login.apiKey }, ...both };
  return { auth: authFields(login), ...both, context: contextFields(login.context) };
}

function contextFields({ orgId, orgName, projectId, projectName }: Context): Fields {
  return { org_id: orgId, org_name: orgName, project_id: projectId, project_name: projectName };
}
