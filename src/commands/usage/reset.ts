/** `arcade usage reset` */

import type { Run } from '../../invocation.ts';
import { confirm } from '../../terminal/confirm.ts';
import { resetIdentity } from '../../usage/spool/consent.ts';
import { changeSpool } from './changing.ts';

/** Becomes a new anonymous identity; what was recorded before stays with the old one. */
export const run: Run = async (invocation) => {
  const { output, options } = invocation;
  await confirm(invocation, 'Become a new anonymous identity? The present one is not taken up again.');
  const anonId = changeSpool(invocation, (spool) => resetIdentity(spool, Date.now()));
  if (options.json === true) output.json({ anon_id: anonId });
  else output.line(`From now on events go out as ${anonId}, until you are logged in.`);
  return undefined;
};
