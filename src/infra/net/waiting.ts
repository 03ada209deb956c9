/** When the process has nothing to do but wait for the network, and whether it was answered. */

export interface NetworkWatch {
  /** A server has answered one of this process's requests. */
  readonly answered: boolean;
}

let onWaiting: (() => void) | undefined;
let answered = false;

/** Calls `listener` once, right after the next request has been written. */
export function watchNetwork(listener: () => void): NetworkWatch {
  onWaiting = listener;
  answered = false;
  return {
    get answered() {
      return answered;
    },
  };
}

/** Notes that a request has been handed to an open connection; it is written in this turn of the event loop. */
export function noteSent(): void {
  if (onWaiting !== undefined) setImmediate(onWaiting);
  onWaiting = undefined;
}

/** Notes that the head of an answer has come. */
export function noteAnswer(): void {
  answered = true;
}
