/** How a process ends that a signal has ended. Old Nodes read this file: no newer syntax. */
import { constants } from 'node:os';

/**
 * Ends this process by the signal, as if nothing had listened for it. On Windows, where a signal to oneself is exit
 * code 1 or not to be had (https://nodejs.org/api/process.html#signal-events), by the exit code that shells show for it.
 */
export function endBySignal(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  if (process.platform === 'win32') process.exit(128 + constants.signals[signal]);
  process.kill(process.pid, signal);
}
