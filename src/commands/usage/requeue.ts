/** `arcade usage requeue` */
import type { Run } from '../../invocation.ts';
import { say } from '../../terminal/visible.ts';
import { requeue } from '../../usage/spool/consent.ts';
import { changeRecords, chosenRecord } from './changing.ts';

/** Puts quarantined records back into the queue. */
export const run: Run = (invocation) =>
  changeRecords(invocation, chosenRecord(invocation), {
    work: requeue,
    did: 'requeued',
    cannot: 'only quarantined records can be requeued',
    none: say`No quarantined records.`,
  });
