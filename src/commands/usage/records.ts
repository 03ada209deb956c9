/** `arcade usage requeue` and `arcade usage discard` */
import { UserError, usageError } from '../../errors.ts';
import { type Invocation, type Run, respond } from '../../invocation.ts';
import { canAsk, confirm } from '../../terminal/confirm.ts';
import { type Safe, say, visible } from '../../terminal/visible.ts';
import { findRecord } from '../../usage/inspect/records.ts';
import { discard, requeue } from '../../usage/spool/consent.ts';
import { readLedger } from '../../usage/spool/ledger.ts';
import type { Spool } from '../../usage/spool/spool.ts';
import { changeSpool } from './changing.ts';
import { readSpool } from './reading.ts';
import { counted } from './words.ts';

/** Puts quarantined records back into the queue. */
export const requeueRecords: Run = (invocation) =>
  changeRecords(invocation, chosenRecord(invocation), {
    work: requeue,
    did: 'requeued',
    cannot: 'only quarantined records can be requeued',
    none: say`No quarantined records.`,
  });

/** Permanently drops records, after a confirmation where a person can be asked. */
export const discardRecords: Run = async (invocation) => {
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

/** The one record that was named, or null for --all. Throws a usage error for neither, or both. */
function chosenRecord({ options, positionals }: Invocation): string | null {
  const [id = null] = positionals;
  if ((options.all === true) === (id !== null))
    throw usageError(`Specify a record id or --all${id === null ? '' : ', not both'}.`, LIST_HINT);
  return id;
}

interface RecordChange {
  /** Returns how many records it has changed. */
  readonly work: (spool: Spool, uuid: string | null) => number;
  readonly did: 'requeued' | 'discarded';
  /** Why it cannot be done to a record in another state. */
  readonly cannot: string;
  readonly none: Safe;
}

/** Changes the record that is named by its id or uuid, or all with `id` null; where nothing was recorded nothing is made. */
async function changeRecords(
  invocation: Invocation,
  id: string | null,
  { work, did, cannot, none }: RecordChange,
): Promise<undefined> {
  const { value: found, absence } = await readSpool(invocation, (copy) =>
    id === null ? undefined : findRecord(copy, id)?.record,
  );
  if (id !== null && found === undefined) throw noSuchRecord(id);
  const records = absence === null ? changeSpool(invocation, (spool) => work(spool, found?.uuid ?? null)) : 0;
  if (found !== undefined && records === 0)
    throw new UserError('WRONG_STATE', `Record ${id} is ${found.state}: ${cannot}.`);
  const done = say`${did === 'requeued' ? say`Requeued` : say`Discarded`} ${counted(records, 'record')}.`;
  await respond(invocation, { [did]: records }, () => invocation.output.line(records === 0 ? none : done));
  return undefined;
}

const LIST_HINT = 'See `arcade usage list` for the ids.';

/** The error of an id that no record has. */
export function noSuchRecord(id: string): UserError {
  return new UserError('NO_SUCH_RECORD', `There is no record ${id}.`, {
    hint: `${LIST_HINT} How many were dropped, and why, stands in \`arcade usage status\`.`,
  });
}
