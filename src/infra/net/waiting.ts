/** Watches undici, without loading it, for the moments that matter to everything else. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';

export interface NetworkWatch {
  /** A server has answered one of this process's requests. */
  readonly answered: boolean;
  /** Ends the watch. */
  stop(): void;
}

/**
 * Calls `onWaiting` once, right after the first request has been written: from then on the process has nothing
 * to do but wait. The channels are undici's documented diagnostics.
 */
export function watchNetwork(onWaiting: () => void): NetworkWatch {
  let answered = false;
  const onSent = (): void => {
    unsubscribe('undici:client:sendHeaders', onSent);
    setImmediate(onWaiting);
  };
  const onAnswer = (): void => {
    answered = true;
  };
  subscribe('undici:client:sendHeaders', onSent);
  subscribe('undici:request:headers', onAnswer);
  return {
    get answered() {
      return answered;
    },
    stop() {
      unsubscribe('undici:client:sendHeaders', onSent);
      unsubscribe('undici:request:headers', onAnswer);
    },
  };
}
