/** `arcade org list|set` and `arcade project list|set`: one noun in two sizes. */
import { type Choice, contextIn, listOrganizations, listProjects } from '../auth/coordinator.ts';
import type { Context } from '../auth/credentials.ts';
import { storeContext } from '../auth/store.ts';
import { UserError } from '../errors.ts';
import type { Invocation, Run } from '../invocation.ts';
import { printTable } from '../terminal/table.ts';
import { type Safe, say, visible } from '../terminal/visible.ts';
import { requireContext, requireLogin, type SignedIn } from './signed-in.ts';

/** Shows the organizations of the signed-in account. */
export const listOrgs: Run = async (invocation) => {
  const login = await requireLogin(invocation);
  const organizations = await listOrganizations(login.coordinator, login.bearer);
  return printChoices(invocation, organizations, login.credentials.context?.orgId ?? null, {
    key: 'organizations',
    title: say`Organizations`,
    none: say`No organizations found for your account. Please contact support@arcade.dev for assistance.`,
  });
};

/** Shows the projects of the active organization. */
export const listProjectsOfOrg: Run = async (invocation) => {
  const login = await requireLogin(invocation);
  const { orgId, orgName, projectId } = requireContext(login.credentials);
  const projects = await listProjects(login.coordinator, login.bearer, orgId);
  const name = visible(orgName ?? orgId);
  return printChoices(invocation, projects, projectId, {
    key: 'projects',
    title: say`Projects of ${name}`,
    none: say`No projects found in organization '${name}'.`,
  });
};

/** Makes another organization the active one, with its default project. */
export const setOrg: Run = async (invocation) => {
  const login = await requireLogin(invocation);
  const { coordinator, bearer } = login;
  const organization = chosen(invocation, await listOrganizations(coordinator, bearer));
  if (organization === undefined) {
    throw new UserError(
      'UNKNOWN_ORGANIZATION',
      `Organization '${invocation.positionals[0]}' not found or you don't have access.`,
      { hint: 'Run `arcade org list` to see your organizations and their ids.' },
    );
  }
  const context = contextIn(organization, await listProjects(coordinator, bearer, organization.id));
  await switchTo(invocation, login, context, [
    say`✓ Switched to organization: ${visible(organization.name)}`,
    say`  Active project: ${visible(context.projectName ?? context.projectId)}`,
  ]);
  return undefined;
};

/** Makes another project of the active organization the active one. */
export const setProject: Run = async (invocation) => {
  const login = await requireLogin(invocation);
  const context = requireContext(login.credentials);
  const project = chosen(invocation, await listProjects(login.coordinator, login.bearer, context.orgId));
  if (project === undefined) {
    throw new UserError(
      'UNKNOWN_PROJECT',
      `Project '${invocation.positionals[0]}' not found in organization '${context.orgName ?? context.orgId}'.`,
      { hint: 'Run `arcade project list` to see its projects and their ids.' },
    );
  }
  await switchTo(invocation, login, { ...context, projectId: project.id, projectName: project.name }, [
    say`✓ Switched to project: ${visible(project.name)}`,
  ]);
  return undefined;
};

function chosen({ positionals }: Invocation, choices: readonly Choice[]): Choice | undefined {
  return choices.find(({ id }) => id === positionals[0]);
}

async function switchTo(
  { options, output, settings }: Invocation,
  { credentials }: SignedIn,
  context: Context,
  lines: readonly Safe[],
): Promise<void> {
  await storeContext(settings.directory ?? '', credentials, context);
  if (options.json !== true) {
    for (const line of lines) output.line(line);
    return;
  }
  output.json({
    organization: { id: context.orgId, name: context.orgName },
    project: { id: context.projectId, name: context.projectName },
  });
}

interface Words {
  readonly key: string;
  readonly title: Safe;
  readonly none: Safe;
}

async function printChoices(
  { options, output }: Invocation,
  choices: readonly Choice[],
  active: string | null,
  { key, title, none }: Words,
): Promise<undefined> {
  if (options.json === true) {
    const shown = choices.map(({ id, name, isDefault }) => ({
      id,
      name,
      default: isDefault,
      active: id === active,
    }));
    output.json({ [key]: shown });
    return;
  }
  if (choices.length === 0) return output.line(none) as undefined;
  const yes = (is: boolean): string => (is ? 'yes' : '');
  const rows = choices.map(({ id, name, isDefault }) => [name, id, yes(isDefault), yes(id === active)]);
  output.line((await output.paint('stdout')).bold(title));
  await printTable(output, ['Name', { heading: 'ID', whole: true }, 'Default', 'Active'], rows);
}
