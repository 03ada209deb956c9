/** `arcade login` as a person goes through it, with a browser that is a plain HTTP client. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import type { User } from './arcade/accounts.ts';
import { signIn } from './arcade/browser.ts';
import type { Arcade } from './arcade.ts';
import { type Ran, type Running, arcade as runArcade, startArcadeCli, UNTRACKED } from './cli.ts';
import { type Came, inside } from './inside.ts';
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

/** Runs a login that ends before the person is asked for anything. */
export function refused(home: Sandbox, arcade: Arcade, args: readonly string[] = []): Promise<Came> {
  return inside(home, ['login', '--no-browser', '--timeout', '5', '--host', arcade.coordinator.url, ...args]);
}

/** It failed with one line and a hint, and stored nothing. */
export function assertFailed(home: Sandbox, ran: Omit<Ran, 'signal'>, message: RegExp): void {
  assert.equal(ran.exitCode, 1, ran.stderr);
  assert.equal(ran.stdout, '');
  const lines = ran.stderr
    .split('\n')
    .filter((line) => !/^(Open this URL|The browser returns|\S+ does not support OAuth)/.test(line));
  assert.match(lines[0] ?? '', /^Error: /);
  assert.match(lines[0] ?? '', message);
  assert.ok(lines.length <= 3, `an error and a hint: ${ran.stderr}`);
  assert.ok(!existsSync(join(home.directory, 'credentials.yaml')), 'nothing is stored');
}

/** Where a refresh arrives. */
export const TOKEN = /oauth2\/token$/;

/** A command that needs the login. */
export const list = (home: Sandbox, arcade: Arcade, env: Record<string, string> = {}) =>
  runArcade(home, ['secret', 'list', '--json', '--host', arcade.engine.url], {
    env: { ...UNTRACKED, ...env },
  });

/** How often a server was asked for tokens. */
export const refreshes = (arcade: Arcade): number =>
  arcade.requests.filter(({ path }) => TOKEN.test(path)).length;
