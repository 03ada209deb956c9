/** `arcade usage reset` */

import { type Run, respond } from '../../invocation.ts';
import { confirm } from '../../terminal/confirm.ts';
import { say, visible } from '../../terminal/visible.ts';
import { resetIdentity } from '../../usage/identity/reset.ts';
import { changeSpool } from './changing.ts';

/** Starts a new anonymous identity; earlier events stay with the old one. */
export const run: Run = async (invocation) => {
  await confirm(invocation, say`Start a new anonymous identity? This cannot be undone.`);
  const anonId = changeSpool(invocation, (spool) => resetIdentity(spool, Date.now()));
  await respond(invocation, { anon_id: anonId }, () =>
    invocation.output.line(say`Events are now sent as ${visible(anonId)} until you log in.`),
  );
  return undefined;
};
