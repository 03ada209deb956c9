/** Who holds a lock on a file, as far as the system tells without being asked for the lock. */
import { readFileSync, statSync } from 'node:fs';

/** Process ids that hold one of `paths` for writing. Only Linux tells; elsewhere, and of other containers, nobody. */
export function writersOf(...paths: string[]): number[] {
  return holdersOf(paths, 'WRITE');
}

/** Whether a process has the database at `path` open with its log: each of them holds a lock on the log's index. */
export function isLogInUse(path: string): boolean {
  return holdersOf([`${path}-shm`], '(?:READ|WRITE)').length > 0;
}

function holdersOf(paths: readonly string[], mode: string): number[] {
  try {
    const inodes = paths.flatMap(
      (path) => statSync(path, { bigint: true, throwIfNoEntry: false })?.ino ?? [],
    );
    if (inodes.length === 0) return [];
    const held = new RegExp(
      `^\\d+: POSIX +\\S+ +${mode} +(\\d+) [0-9a-f]+:[0-9a-f]+:(?:${inodes.join('|')}) `,
      'gm',
    );
    const pids = [...readFileSync('/proc/locks', 'utf8').matchAll(held)].map((match) => Number(match[1]));
    return [...new Set(pids)];
  } catch {
    return [];
  }
}
