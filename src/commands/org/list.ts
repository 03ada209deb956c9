/** `arcade org list` */
import { listOrganizations } from '../../auth/coordinator.ts';
import type { Run } from '../../invocation.ts';
import { say } from '../../terminal/visible.ts';
import { choiceFields, printChoices } from '../choices.ts';
import { requireLogin } from '../signed-in.ts';

/** Shows the organizations of whoever is signed in. */
export const run: Run = async (invocation) => {
  const { options, output } = invocation;
  const { bearer, coordinator, credentials } = await requireLogin(invocation);
  const organizations = await listOrganizations(coordinator, bearer);
  const active = credentials.context?.orgId ?? null;
  if (options.json === true) {
    output.json({ organizations: organizations.map((choice) => choiceFields(choice, active)) });
  } else if (organizations.length === 0) {
    output.line(
      say`No organizations found for your account. Please contact support@arcade.dev for assistance.`,
    );
  } else {
    await printChoices(output, say`Organizations`, organizations, active);
  }
};
