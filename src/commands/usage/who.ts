/** Who an event goes out as, in words. */

import type { Invocation } from '../../invocation.ts';
import { credentialsSeen } from '../../telemetry/seen.ts';
import { visible } from '../../terminal/output.ts';
import type { CommandName } from '../../usage/event/event.ts';
import { type Previewed, previewCapture } from '../../usage/inspect/preview.ts';
import type { Spool } from '../../usage/spool/spool.ts';

export interface Sender {
  /** Null: it is not known before Arcade has said it, or the id is still to be drawn. */
  readonly distinct_id: string | null;
  readonly words: string;
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
    const sender = senderOf(
      previewCapture(copy, settings, { command, failure: null, credentials: seen, context }),
    );
    return { ...sender, words: `${sender.words}${reasonOf(seen.account)}` };
  };
}

/** Why it is not an account, where that is so. */
function reasonOf(account: string | null | undefined): string {
  if (account === null) return ', since nobody is logged in';
  return account === undefined ? ', since the login cannot be read' : '';
}

/** The sender of a previewed or stored event. */
export function senderOf({ wire, newcomer }: Omit<Previewed, 'alias'>): Sender {
  const shown = visible(wire.distinctId);
  const anonymous = wire.properties.$process_person_profile === false;
  if (wire.distinctId === '') {
    return {
      distinct_id: null,
      words: 'the account that is logged in if Arcade says which it is, else an anonymous id',
    };
  }
  if (newcomer) return { distinct_id: null, words: 'nobody in particular: a new random id' };
  return anonymous
    ? { distinct_id: wire.distinctId, words: `an anonymous id, ${shown}` }
    : { distinct_id: wire.distinctId, words: `the account that is logged in, ${shown}` };
}
