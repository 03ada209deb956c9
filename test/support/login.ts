/** `arcade login` as a person goes through it, with a browser that is a plain HTTP client. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import type { User } from './arcade/accounts.ts';
import { signIn } from './arcade/browser.ts';
import type { Arcade } from './arcade.ts';
import { type Ran, type Running, startArcadeCli } from './cli.ts';
import type { Sandbox } from './sandbox.ts';
import { until } from './until.ts';

/** A login that waits for its browser. */
export interface WaitingLogin {
  /** The page that the person is to open. */
  readonly url: string;
  /** Where the browser is to come back to, without parameters. */
  readonly callback: URL;
  readonly state: string;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly stderr: () => string;
  readonly ended: Promise<Ran>;
}

/** Starts a login without a browser and waits until it says where to go. Throws what it printed if it ends before. */
export async function startLogin(
  home: Sandbox,
  arcade: Arcade,
  args: readonly string[] = [],
  running: Running = {},
): Promise<WaitingLogin> {
  const all = ['login', '--no-browser', '--host', arcade.coordinator.url, ...args];
  const child = startArcadeCli(home, all, running);
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  let over = false;
  const ended = child.then(({ exitCode, signal, stdout, stderr: all }) => {
    over = true;
    return { exitCode, signal, stdout: String(stdout ?? ''), stderr: String(all ?? '') };
  });
  await until(() => over || /log in: http\S+\n/.test(stderr), { what: 'the address to log in at' });
  if (over) throw new Error(`the login ended: ${JSON.stringify(await ended)}`);
  const url = /log in: (http\S+)\n/.exec(stderr)?.[1] ?? '';
  const query = new URL(url).searchParams;
  const callback = URL.parse(query.get('redirect_uri') ?? query.get('callback_uri') ?? '');
  if (callback === null) {
    child.kill();
    throw new Error(`the address does not lead back: ${url}`);
  }
  return {
    url,
    callback,
    state: query.get('state') ?? '',
    kill: (signal) => void child.kill(signal),
    stderr: () => stderr,
    ended,
  };
}

/** A whole login; resolves to what the program printed and what the browser showed. */
export async function logIn(
  home: Sandbox,
  arcade: Arcade,
  user: User,
  args: readonly string[] = [],
  running: Running = {},
): Promise<Ran & { readonly page: { status: number; body: string } }> {
  const waiting = await startLogin(home, arcade, args, running);
  const page = await signIn(waiting.url, { user });
  return { ...(await waiting.ended), page };
}

/** What credentials.yaml holds. */
// biome-ignore lint/suspicious/noExplicitAny: what a test reads from it is a shape that it asserts
export function storedCredentials(home: Sandbox): any {
  return load(readFileSync(join(home.directory, 'credentials.yaml'), 'utf8'));
}
