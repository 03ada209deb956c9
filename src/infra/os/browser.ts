/** Opens a page for the person: by $BROWSER, or whatever the system calls its browser. */
import { type ChildProcess, spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';

export interface BrowserSettings {
  readonly platform: NodeJS.Platform;
  /** What a browser may know of the environment; `BROWSER` in it names one, or several. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Resolves to false when no browser could be started, as in a container or over SSH. A browser that starts and then
 * shows nothing cannot be told from one that works. `url` has no character that a shell or Windows would change.
 */
export async function openBrowser(url: string, settings: BrowserSettings): Promise<boolean> {
  for (const command of [...chosenBrowsers(settings), systemBrowser(settings)]) {
    const hasPlace = command.some((word) => word.includes('%s'));
    const words = command.map((word) => word.replaceAll('%s', url));
    if (await launch(hasPlace ? words : [...words, url], settings)) return true;
  }
  return false;
}

/** As Python's `webbrowser` reads the variable: commands in order, `%s` for the address. */
function chosenBrowsers({ environment }: BrowserSettings): string[][] {
  const commands = (environment.BROWSER ?? '').split(delimiter).map((command) => command.trim());
  return commands
    .filter((command) => command !== '')
    .map((command) =>
      (command.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^(["'])(.*)\1$/, '$2')),
    );
}

function systemBrowser({ platform, environment }: BrowserSettings): string[] {
  if (platform === 'darwin') return ['/usr/bin/open'];
  const handler = ['url.dll,FileProtocolHandler'];
  if (platform === 'win32')
    return [join(environment.SystemRoot ?? 'C:\\Windows', 'System32', 'rundll32.exe'), ...handler];
  if (environment.WSL_DISTRO_NAME !== undefined) return ['/mnt/c/Windows/System32/rundll32.exe', ...handler];
  return ['xdg-open'];
}

/** How long a launcher may take to say that it found no browser; one that works may live as long as its browser. */
const LAUNCH_MS = 1_500;

function launch([program = '', ...args]: string[], { environment }: BrowserSettings): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), LAUNCH_MS);
    timer.unref();
    const end = (succeeded: boolean): void => {
      clearTimeout(timer);
      resolve(succeeded);
    };
    try {
      const child: ChildProcess = spawn(program, args, {
        detached: true,
        stdio: 'ignore',
        windowsHide: true,
        env: environment,
      });
      child.once('error', () => end(false)).once('exit', (code) => end(code === 0 || code === null));
      child.unref();
    } catch {
      end(false); // An empty name, or one that no program can have.
    }
  });
}
