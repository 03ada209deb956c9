/** `arcade usage discard` */

import type { Run } from '../../invocation.ts';
import { canAsk, confirm } from '../../terminal/confirm.ts';
import { discard } from '../../usage/spool/consent.ts';
import { readLedger } from '../../usage/spool/ledger.ts';
import { changeExisting, chosenRecord, notPossible } from './changing.ts';
import { readSpool } from './reading.ts';
import { counted } from './words.ts';

/** Drops records for good. All of them only after a question, where there is somebody to ask. */
export const run: Run = async (invocation) => {
  const { output, options } = invocation;
  const id = chosenRecord(invocation);
  if (id !== null && canAsk(invocation)) await confirm(invocation, `Drop record ${id} for good?`);
  if (id === null) {
    const ledger = readSpool(invocation, readLedger);
    const records = (ledger?.pending ?? 0) + (ledger?.quarantined ?? 0);
    if (records > 0) await confirm(invocation, `Drop ${counted(records, 'record')} for good?`);
  }
  const { records, state } = changeExisting(invocation, (spool) => discard(spool, id)) ?? NOTHING;
  if (id !== null && records === 0) throw notPossible(id, state, 'it is out of our hands');
  if (options.json === true) output.json({ discarded: records });
  else
    output.line(records === 0 ? 'There is nothing to discard.' : `Discarded ${counted(records, 'record')}.`);
  return undefined;
};

const NOTHING = { records: 0, state: null };
