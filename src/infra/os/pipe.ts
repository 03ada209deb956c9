/** What kind of thing a descriptor is. */
import { fstatSync } from 'node:fs';

/** Whether it is a pipe or a socket, whose reader may go away. */
export function isPipe(descriptor: number): boolean {
  try {
    const found = fstatSync(descriptor);
    return found.isFIFO() || found.isSocket();
  } catch {
    return false;
  }
}
