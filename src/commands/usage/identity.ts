/** `arcade usage identity` */

import type { Run } from '../../invocation.ts';
import { printTable } from '../../terminal/table.ts';
import { say } from '../../terminal/visible.ts';
import { type IdentitySummary, listIdentities } from '../../usage/inspect/identities.ts';
import { readSpool } from './reading.ts';
import { relativeTime, withIsoTimes } from './words.ts';

/** Lists who this machine's events have been sent as, oldest first, with what is known of each. */
export const run: Run = async (invocation) => {
  const { output } = invocation;
  const { value: identities, absence } = await readSpool(invocation, listIdentities);
  if (absence !== null) output.note(absence);
  if (invocation.json) {
    output.json(withIsoTimes({ identities }));
    return undefined;
  }
  if (identities.length === 0) {
    output.line(say`This machine has no identity yet.`);
    return undefined;
  }
  const now = Date.now();
  const rows = identities.map((identity) => [
    identity.anon_id,
    accountOf(identity),
    relativeTime(identity.created_at, now),
    identity.current ? 'current' : `retired ${relativeTime(identity.retired_at ?? now, now)}`,
    identity.alias ?? '',
    String(identity.pending),
  ]);
  const ids = ['Anonymous id', 'Account'].map((heading) => ({ heading, whole: true }) as const);
  await printTable(output, [...ids, 'Created', 'Status', 'Alias', 'Pending'], rows);
  return undefined;
};

/** What is known of the account in plain words. */
function accountOf({ principal_id, state, current, in_doubt }: IdentitySummary): string {
  if (principal_id !== null) {
    return state === 'linked' ? principal_id : `${principal_id} (according to the Python CLI)`;
  }
  if (in_doubt) return 'none, or one linked by the Python CLI';
  if (state === 'unresolved') {
    return current ? 'not known yet' : 'never known';
  }
  return current ? 'not logged in' : 'not known';
}
