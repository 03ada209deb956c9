/** Who an event goes out as, in words. */

import type { WireRecord } from '../../infra/net/posthog.ts';
import type { Invocation } from '../../invocation.ts';
import { credentialsSeen } from '../../telemetry/record.ts';
import { type Safe, say, visible } from '../../terminal/visible.ts';
import { NEW_ID, previewCapture } from '../../usage/append/preview.ts';
import type { CommandName } from '../../usage/event/event.ts';
import type { Spool } from '../../usage/spool/spool.ts';

export interface Sender {
  /** Null: it is not known before Arcade has said it, or the id is still to be drawn. */
  readonly distinct_id: string | null;
  readonly words: Safe;
}

/** Who the next event would go out as, found out by recording one on a copy. */
export async function nextSender({
  settings,
  credentials,
  connection,
  readLine,
}: Invocation): Promise<(copy: Spool) => Sender> {
  const { seen, context } = await credentialsSeen(credentials, connection, settings);
  const command = readLine(['whoami']).event as CommandName;
  return (copy) => {
    const around = { command, failure: null, credentials: seen, context, logsIn: false };
    const sender = senderOf(previewCapture(copy, settings, around).capture);
    return { ...sender, words: say`${sender.words}${reasonOf(seen.account)}` };
  };
}

/** Why it is not an account, where that is so. */
function reasonOf(account: string | null | undefined): Safe {
  if (account === null) return say` (not logged in)`;
  return account === undefined ? say` (the login cannot be read)` : say``;
}

/** The sender of an event. */
export function senderOf({ distinctId, properties }: WireRecord): Sender {
  if (distinctId === '')
    return { distinct_id: null, words: say`your account once Arcade confirms it, otherwise an anonymous id` };
  if (distinctId === NEW_ID) return { distinct_id: null, words: say`a new random id` };
  const kind = properties.$process_person_profile === false ? say`an anonymous id` : say`your account`;
  return { distinct_id: distinctId, words: say`${kind}, ${visible(distinctId)}` };
}
