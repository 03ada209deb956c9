/** Starts another Node program and lets go of it. */
import type { Program } from '../../settings.ts';

interface Detached {
  readonly program: Program;
  readonly script: string;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Reads execa ahead of its use; a command does so while it waits for the network. */
export async function prepareToStart(): Promise<void> {
  await import('execa');
}

/**
 * Starts `script` in a session of its own: it shares no terminal, no pipe, no working directory and none of
 * the caller's environment, and goes on when the caller ends. Resolves once it is started. A program that
 * cannot be started is no error here: the next command tries again.
 */
export async function startDetached({ program, script, directory, environment }: Detached): Promise<void> {
  const { execa } = await import('execa');
  const child = execa(program.execPath, [...inherited(program.execArgv), '--', script], {
    cwd: directory,
    env: { ...environment },
    extendEnv: false,
    detached: true,
    cleanup: false,
    stdio: 'ignore',
    windowsHide: true,
    reject: false,
    buffer: false,
  });
  child.nodeChildProcess.unref();
}

/** Of the caller's own flags only those that let Node run this project from source. */
function inherited(execArgv: readonly string[]): string[] {
  return execArgv.filter(
    (flag, i) => flag === '--import' || execArgv[i - 1] === '--import' || flag.startsWith('--import='),
  );
}
