/** The real program in a history: its commands, its logins with a browser, its flusher, and their deaths. */
import { arcade, baseEnvironment } from '../support/cli.ts';
import { FLUSHER_PROGRAM } from '../support/flusher.ts';
import { logIn } from '../support/login.ts';
import { keyOf, type RealWorld } from './real-world.ts';
import type { Login, Mortal } from './steps.ts';

export interface Ended {
  readonly killed: boolean;
  readonly exitCode: number | undefined;
  readonly stderr: string;
}

interface Process {
  readonly args: readonly string[];
  readonly input?: string;
  /** An API key in its environment. */
  readonly key?: string | undefined;
  readonly kill: Mortal['kill'];
  /** It knows where PostHog is. */
  readonly drains?: boolean;
  readonly program?: string;
}

/** Runs a process to its end, whatever that is. */
export async function run(world: RealWorld, process: Process): Promise<Ended> {
  const { args, input = '', key, kill = '', drains = false, program } = process;
  const env = {
    ...environment(world),
    ARCADE_TEST_KILL_AT: String(kill),
    ...(key === undefined ? {} : { ARCADE_API_KEY: key }),
    // Only a drain has somewhere to send to: no flusher comes in between unseen.
    ...(drains ? world.servers.posthog.env : {}),
  };
  const running = { env, input, hook: 'kill-at.mjs', program } as const;
  const { signal, exitCode, stderr } = await arcade(world.home, args, running);
  return { killed: signal === 'SIGKILL', exitCode, stderr };
}

/** A login: with a key it may die, with a browser it does not. */
export async function logInAs(world: RealWorld, login: Login, kill: Mortal['kill']): Promise<Ended> {
  if (login.via !== 'oauth')
    return await run(world, { args: ['login', '--force', '--api-key'], input: `${keyOf(login)}\n`, kill });
  const { arcade } = world.servers;
  const ended = await logIn(world.home, arcade, arcade.user(login.who), ['--force'], {
    env: environment(world),
  });
  return { killed: false, exitCode: ended.exitCode, stderr: ended.stderr };
}

/** A drain: by the flusher, or by a person who does not care for back-off. */
export async function drainWith(
  world: RealWorld,
  { impatient, ...how }: Pick<Process, 'key' | 'kill'> & { readonly impatient: boolean },
): Promise<Ended> {
  return impatient
    ? await run(world, { args: ['usage', 'flush'], drains: true, ...how })
    : await run(world, { args: [], drains: true, program: FLUSHER_PROGRAM, ...how });
}

const environment = ({ home, servers }: RealWorld): Record<string, string> => ({
  ...baseEnvironment(home),
  ARCADE_URL: servers.arcade.url,
});
