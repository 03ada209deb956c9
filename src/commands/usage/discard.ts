/** `arcade usage discard` */
import type { Run } from '../../invocation.ts';
import { canAsk, confirm } from '../../terminal/confirm.ts';
import { say, visible } from '../../terminal/visible.ts';
import { discard } from '../../usage/spool/consent.ts';
import { readLedger } from '../../usage/spool/ledger.ts';
import { changeRecords, chosenRecord } from './changing.ts';
import { readSpool } from './reading.ts';
import { counted } from './words.ts';

/** Permanently drops records, after a confirmation where a person can be asked. */
export const run: Run = async (invocation) => {
  const id = chosenRecord(invocation);
  if (id === null) {
    const { value: ledger } = await readSpool(invocation, readLedger);
    const records = ledger.pending + ledger.quarantined;
    if (records > 0) await confirm(invocation, say`Permanently drop ${counted(records, 'record')}?`);
  } else if (canAsk(invocation)) {
    await confirm(invocation, say`Permanently drop record ${visible(id)}?`);
  }
  return await changeRecords(invocation, id, {
    work: discard,
    did: 'discarded',
    cannot: 'only pending and quarantined records can be discarded',
    none: say`Nothing to discard.`,
  });
};
