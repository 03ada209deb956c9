/** Somebody signed in to a stand-in, at a machine of their own: where the tests of `arcade secret` begin. */
import type { TestContext } from 'node:test';
import type { User } from './arcade/accounts.ts';
import { keyOf } from './arcade/client.ts';
import { type Arcade, type ArcadeOptions, startArcade } from './arcade.ts';
import { type Ran, type Running, arcade as runArcade } from './cli.ts';
import { type Came, type Inside, inside } from './inside.ts';
import { type Sandbox, sandbox } from './sandbox.ts';

export interface Desk {
  readonly arcade: Arcade;
  readonly home: Sandbox;
  readonly user: User;
  /** Signed in by `ARCADE_API_KEY`, at the stand-in by `ARCADE_URL`, nothing recorded. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Runs `arcade`; `running.env` comes on top. */
  run(args: readonly string[], running?: Running): Promise<Ran>;
  /** Runs it in this process; `on.env` comes on top. */
  inside(args: readonly string[], on?: Inside): Promise<Came>;
  /** The secrets of the user, as `KEY=VALUE`. */
  stored(): string[];
  /** What came from the program, as `METHOD path`. */
  requests(): string[];
}

/** Everything of it goes when the test does. */
export async function desk(t: TestContext, options?: ArcadeOptions): Promise<Desk> {
  const arcade = await startArcade(options);
  t.after(() => arcade.close());
  const home = sandbox(t);
  const user = arcade.user('A');
  const env = { ARCADE_USAGE_TRACKING: '0', ARCADE_URL: arcade.url, ARCADE_API_KEY: keyOf(user) };
  return {
    arcade,
    home,
    user,
    env,
    run: (args, running = {}) => runArcade(home, args, { ...running, env: { ...env, ...running.env } }),
    inside: (args, on) => inside(home, args, { ...on, env: { ...env, ...on?.env } }),
    stored: () => arcade.secretsOf(user).map(({ key, value }) => `${key}=${value}`),
    requests: () =>
      arcade.requests.map(({ method, path, query }) => `${method} ${path}${query && `?${query}`}`),
  };
}

/** What a run is to look like: exit code, stdout, stderr. */
export function outcome({
  exitCode,
  stdout,
  stderr,
}: Omit<Ran, 'signal'>): [number | undefined, string, string] {
  return [exitCode, stdout, stderr];
}
