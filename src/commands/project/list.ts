/** `arcade project list` */
import { listProjects } from '../../auth/coordinator.ts';
import type { Run } from '../../invocation.ts';
import { say, visible } from '../../terminal/visible.ts';
import { choiceFields, printChoices } from '../choices.ts';
import { requireContext, requireLogin } from '../signed-in.ts';

/** Shows the projects of the active organization. */
export const run: Run = async (invocation) => {
  const { options, output } = invocation;
  const { bearer, coordinator, credentials } = await requireLogin(invocation);
  const { orgId, orgName, projectId } = requireContext(credentials);
  const projects = await listProjects(coordinator, bearer, orgId);
  if (options.json === true) {
    output.json({ projects: projects.map((choice) => choiceFields(choice, projectId)) });
  } else if (projects.length === 0) {
    output.line(say`No projects found in organization '${visible(orgName ?? orgId)}'.`);
  } else {
    await printChoices(output, say`Projects of ${visible(orgName ?? orgId)}`, projects, projectId);
  }
};
