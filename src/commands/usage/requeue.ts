/** `arcade usage requeue` */

import { type Run, respond } from '../../invocation.ts';
import { say } from '../../terminal/visible.ts';
import { requeue } from '../../usage/spool/consent.ts';
import { changeExisting, chosenRecord, notPossible } from './changing.ts';
import { counted } from './words.ts';

/** Puts quarantined records back into the queue. */
export const run: Run = async (invocation) => {
  const id = chosenRecord(invocation);
  const { records, state } = (await changeExisting(invocation, (spool) => requeue(spool, id))) ?? NOTHING;
  if (id !== null && records === 0) throw notPossible(id, state, 'only quarantined records can be requeued');
  const done = records === 0 ? say`No quarantined records.` : say`Requeued ${counted(records, 'record')}.`;
  await respond(invocation, { requeued: records }, () => invocation.output.line(done));
  return undefined;
};

const NOTHING = { records: 0, state: null };
