/** `arcade usage identity` */

import type { Run } from '../../invocation.ts';
import { printTable } from '../../terminal/table.ts';
import { say } from '../../terminal/visible.ts';
import { type IdentitySummary, listIdentities } from '../../usage/inspect/identities.ts';
import { readSpool } from './reading.ts';
import { isoTime, relativeTime } from './words.ts';

/** Lists who this machine's events have been sent as, oldest first, with what is known of each. */
export const run: Run = async (invocation) => {
  const { output } = invocation;
  const { value: identities, absence } = await readSpool(invocation, listIdentities);
  if (absence !== null) output.note(absence);
  if (invocation.json) {
    output.json({ identities: identities.map(document) });
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
    identity.current ? 'in use' : `retired ${relativeTime(identity.retired_at ?? now, now)}`,
    identity.alias ?? '',
    String(identity.pending),
  ]);
  await printTable(output, ['Anonymous id', 'Account', 'Begun', 'Now', 'Alias', 'Pending'], rows);
  return undefined;
};

function document({ created_at, linked_at, retired_at, ...rest }: IdentitySummary): unknown {
  return {
    ...rest,
    created_at: isoTime(created_at),
    linked_at: linked_at === null ? null : isoTime(linked_at),
    retired_at: retired_at === null ? null : isoTime(retired_at),
  };
}

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
