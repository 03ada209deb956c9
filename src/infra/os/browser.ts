/** Opens a page for the person: whatever the system calls its browser. */
import type { ChildProcess } from 'node:child_process';

/**
 * Resolves to false when no browser could be started, as in a container or over SSH. A browser that starts and
 * then shows nothing cannot be told from one that works.
 */
export async function openBrowser(url: string): Promise<boolean> {
  try {
    const { default: open } = await import('open');
    const launcher = await open(url);
    return await launched(launcher);
  } catch {
    return false; // There is no launcher.
  }
}

/** How long a launcher may take to say that it found no browser; one that works may live as long as its browser. */
const LAUNCH_MS = 1_500;

function launched(launcher: ChildProcess): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), LAUNCH_MS);
    timer.unref();
    launcher.once('exit', (code) => {
      clearTimeout(timer);
      resolve(code === 0 || code === null);
    });
  });
}
