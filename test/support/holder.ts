/** Another process that has a database open: this one would lose its own locks as soon as it looks at the file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const HOLDER = `
  const [path, sql, ms] = process.argv.slice(-3);
  const db = new (require('better-sqlite3'))(path);
  db.exec(sql);
  console.log('held');
  // Named here, for a database that is collected as garbage is closed.
  const end = () => process.exit(db.open ? 0 : 1);
  process.stdin.on('end', end).resume();
  setTimeout(end, Number(ms));
`;

/**
 * Runs `sql`, such as the beginning of a transaction, and holds what that has locked for `ms`, or until the returned
 * function kills it.
 */
export async function hold(path: string, sql: string, ms = 600_000): Promise<() => Promise<void>> {
  const holder = spawn(process.execPath, ['-e', HOLDER, path, sql, String(ms)], {
    cwd: import.meta.dirname,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(holder, 'exit');
  await once(holder.stdout, 'data');
  return async () => {
    holder.kill('SIGKILL');
    await ended;
  };
}
