/** Watches undici, without loading it, for the moments that matter to everything else. */
import { subscribe } from 'node:diagnostics_channel';

export interface NetworkWatch {
  /** A server has answered one of this process's requests. */
  readonly answered: boolean;
}

/**
 * Calls `onWaiting` once, right after the first request has been written: from then on the process has nothing
 * to do but wait. The channels are undici's documented diagnostics.
 */
export function watchNetwork(onWaiting: () => void): NetworkWatch {
  const watch = { answered: false };
  let waited = false;
  subscribe('undici:client:sendHeaders', () => {
    if (waited) return;
    waited = true;
    setImmediate(onWaiting);
  });
  subscribe('undici:request:headers', () => {
    watch.answered = true;
  });
  return watch;
}
