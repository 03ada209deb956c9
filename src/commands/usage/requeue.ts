/** `arcade usage requeue` */

import type { Run } from '../../invocation.ts';
import { requeue } from '../../usage/spool/consent.ts';
import { changeExisting, chosenRecord, notPossible } from './changing.ts';
import { counted } from './words.ts';

/** Lets quarantined records be sent once more. */
export const run: Run = async (invocation) => {
  const { output, options } = invocation;
  const id = chosenRecord(invocation);
  const { records, state } = changeExisting(invocation, (spool) => requeue(spool, id)) ?? NOTHING;
  if (id !== null && records === 0) throw notPossible(id, state, 'only quarantined ones can be requeued');
  if (options.json === true) output.json({ requeued: records });
  else output.line(records === 0 ? 'No record is quarantined.' : `Requeued ${counted(records, 'record')}.`);
  return undefined;
};

const NOTHING = { records: 0, state: null };
