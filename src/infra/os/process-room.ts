/** Whether the system still lets this user, or this container, start as many threads as another program needs. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A limit of the user's that is far away is not worth counting threads for, which takes a look at every process. */
const WORTH_COUNTING = 512;

/**
 * False where `threads` more would reach a limit: `pids.max` of a control group (cgroups(7)) or RLIMIT_NPROC
 * (getrlimit(2)). A program beyond it does not fail: it is aborted, or hangs. True where nothing is known of a limit, as
 * on every system but Linux.
 */
export function hasRoomFor(threads: number): boolean {
  if (process.platform !== 'linux') return true;
  return groups().every((folder) => roomIn(folder) >= threads) && roomOfUser() >= threads;
}

/** The folders of the groups of this process, and of those around them. */
function groups(): string[] {
  const lines = (read('/proc/self/cgroup') ?? '').split('\n');
  return lines.flatMap((line) => {
    const [, controllers = '', path] = /^\d+:([^:]*):(.+)$/.exec(line) ?? [];
    const isPids = controllers === '' || controllers.split(',').includes('pids');
    if (path === undefined || !isPids) return [];
    const names = [controllers === '' ? '/sys/fs/cgroup' : '/sys/fs/cgroup/pids', ...path.split('/')];
    return names.map((_, i) => join(...names.slice(0, i + 1)));
  });
}

function roomIn(folder: string): number {
  const [max, current] = ['pids.max', 'pids.current'].map((name) =>
    Number(read(join(folder, name)) ?? 'max'),
  );
  const room = (max ?? Number.NaN) - (current ?? Number.NaN);
  return Number.isNaN(room) ? Number.POSITIVE_INFINITY : room;
}

function roomOfUser(): number {
  const limit = Number(/^Max processes\s+(\d+)/m.exec(read('/proc/self/limits') ?? '')?.[1] ?? Number.NaN);
  // Root is not held to it.
  if (!(limit <= WORTH_COUNTING) || process.getuid?.() === 0) return Number.POSITIVE_INFINITY;
  let threads = 0;
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const status = read(`/proc/${pid}/status`) ?? '';
    if (Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]) === process.getuid?.())
      threads += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }
  return limit - threads;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined; // It is not there, or has ended.
  }
}
