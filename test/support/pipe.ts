/** A named pipe, which Node cannot make by itself. */
import { spawnSync } from 'node:child_process';

/** Makes one at `path`. Throws when the system has none. */
export function makePipe(path: string): void {
  const { status, stderr } = spawnSync('sh', ['-c', 'mkfifo "$0"', path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`no pipe: ${stderr}`);
}
