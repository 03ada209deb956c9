/** Lets go of the descriptors that a process was started with. */
import { closeSync, readdirSync, readFileSync } from 'node:fs';

/** `O_CLOEXEC` in /proc/PID/fdinfo (proc_pid_fdinfo(5)): Node sets it on every descriptor of its own. */
const CLOSE_ON_EXEC = 0o2000000;

/**
 * Closes what is open beyond standard input, output and error and is not Node's own: a lock that a script holds
 * (`flock 200`), or a pipe whose reader waits for its end. Where /proc does not list descriptors, nothing is closed; on
 * macOS libuv has already done so when it started this process.
 */
export function closeInheritedDescriptors(): void {
  let open: string[];
  try {
    open = readdirSync('/proc/self/fd');
  } catch {
    return;
  }
  for (const descriptor of open.map(Number).filter((each) => each > 2)) {
    try {
      const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1];
      if (flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0) closeSync(descriptor);
    } catch {
      // It was the one that listed the folder, and is closed already.
    }
  }
}
