/** Who holds a lock on a file, as far as the system tells without being asked for the lock. */
import { readFileSync, statSync } from 'node:fs';

/** Process ids that hold `path` for writing. Only Linux tells; elsewhere, and of other containers, nobody. */
export function writersOf(path: string): number[] {
  try {
    const { ino } = statSync(path, { bigint: true });
    const held = new RegExp(`^\\d+: POSIX +\\S+ +WRITE +(\\d+) [0-9a-f]+:[0-9a-f]+:${ino} `, 'gm');
    const pids = [...readFileSync('/proc/locks', 'utf8').matchAll(held)].map((match) => Number(match[1]));
    return [...new Set(pids)];
  } catch {
    return [];
  }
}
