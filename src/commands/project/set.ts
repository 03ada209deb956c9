/** `arcade project set` */
import { listProjects } from '../../auth/coordinator.ts';
import { storeContext } from '../../auth/store.ts';
import { UserError } from '../../errors.ts';
import type { Run } from '../../invocation.ts';
import { say, visible } from '../../terminal/visible.ts';
import { requireContext, requireLogin } from '../signed-in.ts';

/** Makes another project of the active organization the active one. */
export const run: Run = async (invocation) => {
  const { options, output, positionals, settings } = invocation;
  const [wanted = ''] = positionals;
  const { bearer, coordinator, credentials } = await requireLogin(invocation);
  const context = requireContext(credentials);
  const project = (await listProjects(coordinator, bearer, context.orgId)).find(({ id }) => id === wanted);
  if (project === undefined) {
    throw new UserError(
      'UNKNOWN_PROJECT',
      `Project '${wanted}' not found in organization '${context.orgName ?? context.orgId}'.`,
      { hint: 'Run `arcade project list` to see its projects and their IDs.' },
    );
  }
  await storeContext(settings.directory ?? '', credentials, {
    ...context,
    projectId: project.id,
    projectName: project.name,
  });
  if (options.json === true) {
    output.json({
      organization: { id: context.orgId, name: context.orgName },
      project: { id: project.id, name: project.name },
    });
    return;
  }
  output.line(say`✓ Switched to project: ${visible(project.name)}`);
};
