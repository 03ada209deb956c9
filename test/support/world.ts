/** A world for one test: a home, stand-ins for Arcade and PostHog, and `arcade` at work between them. */
import type { TestContext } from 'node:test';
import type { User } from './arcade/accounts.ts';
import { keyOf } from './arcade/accounts.ts';
import { type Arcade, type ArcadeOptions, startArcade } from './arcade.ts';
import { type Ran, type Running, arcade as runArcade, UNTRACKED } from './cli.ts';
import { type Came, type Inside, inside } from './inside.ts';
import { type PostHog, type PostHogOptions, startPostHog } from './posthog.ts';
import { fillSpool } from './queue.ts';
import { type Sandbox, sandbox } from './sandbox.ts';

export interface World {
  readonly home: Sandbox;
  readonly arcade: Arcade;
  readonly posthog: PostHog;
  /** User A. */
  readonly user: User;
  /** Signed in as the user by `ARCADE_API_KEY`, at the stand-in by `ARCADE_URL`, nothing recorded. */
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

interface WorldOptions extends ArcadeOptions {
  readonly posthog?: PostHogOptions;
  /** So many captures are pending. */
  readonly records?: number;
}

/** Everything of it goes when the test does. */
export async function world(
  t: TestContext,
  { posthog: sink, records = 0, ...options }: WorldOptions = {},
): Promise<World> {
  const [arcade, posthog] = await Promise.all([startArcade(options), startPostHog(sink)]);
  t.after(() => Promise.all([arcade.close(), posthog.close()]));
  const home = sandbox(t);
  if (records > 0) fillSpool(home.directory, records);
  const user = arcade.user('A');
  const env = { ...UNTRACKED, ARCADE_URL: arcade.url, ARCADE_API_KEY: keyOf(user) };
  return {
    home,
    arcade,
    posthog,
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
export function outcome(ran: Omit<Ran, 'signal'>): [number | undefined, string, string] {
  return [ran.exitCode, ran.stdout, ran.stderr];
}
