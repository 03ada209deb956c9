const NEVER_CHANGED = new Int32Array(new SharedArrayBuffer(4));

/** Lets nothing happen in this process for `ms` milliseconds: for pauses inside what must not be interrupted. */
export function pause(ms: number): void {
  Atomics.wait(NEVER_CHANGED, 0, 0, ms);
}
