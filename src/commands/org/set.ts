/** `arcade org set` */
import { defaultOf, listOrganizations, listProjects } from '../../auth/coordinator.ts';
import { contextOf } from '../../auth/new-login.ts';
import { storeContext } from '../../auth/store.ts';
import { UserError } from '../../errors.ts';
import type { Run } from '../../invocation.ts';
import { say, visible } from '../../terminal/visible.ts';
import { requireLogin } from '../signed-in.ts';

/** Makes another organization the active one, with its default project. */
export const run: Run = async (invocation) => {
  const { options, output, positionals, settings } = invocation;
  const [wanted = ''] = positionals;
  const { bearer, coordinator, credentials } = await requireLogin(invocation);
  const organization = (await listOrganizations(coordinator, bearer)).find(({ id }) => id === wanted);
  if (organization === undefined) {
    throw new UserError(
      'UNKNOWN_ORGANIZATION',
      `Organization '${wanted}' not found or you don't have access.`,
      { hint: 'Run `arcade org list` to see your organizations and their IDs.' },
    );
  }
  const project = defaultOf(await listProjects(coordinator, bearer, organization.id));
  const context = contextOf(organization, project);
  await storeContext(settings.directory ?? '', credentials, context);
  if (options.json === true) {
    output.json({
      organization: { id: organization.id, name: organization.name },
      project: { id: context.projectId, name: context.projectName },
    });
    return;
  }
  output.line(say`✓ Switched to organization: ${visible(organization.name)}`);
  output.line(say`  Active project: ${visible(context.projectName ?? context.projectId)}`);
};
