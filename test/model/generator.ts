/** How a random history comes about. */
import { below, pick, type Random, randomFrom, weighted } from './random.ts';
import { SCENES } from './scenes.ts';
import type { Interrupted, Login, Mortal, Step } from './steps.ts';

const HOUR = 3600_000;
const YEAR = 365 * 24 * HOUR;

const WEIGHTS: Readonly<Record<Step['do'], number>> = {
  command: 30,
  drain: 14,
  login: 9,
  logout: 4,
  replace: 7,
  remove: 3,
  corrupt: 1.5,
  refresh: 2,
  'python login': 2.5,
  'python command': 3,
  'python logout': 1.5,
  'python starts afresh': 3,
  'usage.json': 2,
  posthog: 5,
  arcade: 6,
  clock: 3,
  reset: 1.5,
  'lose usage.db': 0.6,
  'copy the machine': 1.5,
};

/** How many of the steps are whole scenes. */
const SCENE_SHARE = 0.06;

/** A random history; the same for the same seed. */
export function historyOf(seed: number): Step[] {
  const random = randomFrom(seed);
  return Array.from({ length: 3 + below(random, 22) }, () =>
    random() < SCENE_SHARE ? pick(random, SCENES)[1] : [randomStep(random, 0)],
  ).flat();
}

function randomStep(random: Random, depth: number): Step {
  const kind = weighted(
    random,
    depth === 0 ? WEIGHTS : { ...WEIGHTS, drain: 0, 'lose usage.db': 0, 'copy the machine': 0 },
  );
  const crowd = (chance: number): Interrupted & Mortal => {
    const kill = random() < 0.1 ? { kill: momentOf(random) } : {};
    if (depth > 0 || random() >= chance) return kill;
    return {
      ...kill,
      meanwhile: Array.from({ length: 1 + below(random, 3) }, () => randomStep(random, depth + 1)),
    };
  };
  const spilling = (): { spills?: true } => (random() < 0.1 ? { spills: true } : {});
  switch (kind) {
    case 'command':
      return { do: kind, shell: shellOf(random), resolvable: random() < 0.95, ...spilling(), ...crowd(0.1) };
    case 'login':
      return {
        do: kind,
        as: loginOf(random),
        known: random() < 0.75,
        tracked: random() < 0.9,
        ...spilling(),
        ...crowd(0.15),
      };
    case 'logout':
      return { do: kind, tracked: random() < 0.75, ...spilling(), ...crowd(0.1) };
    case 'drain':
      return { do: kind, shell: shellOf(random), impatient: random() < 0.7, ...crowd(0.35) };
    default:
      return plainStep(random, kind);
  }
}

/** A step that no process of ours takes. */
export function plainStep(
  random: Random,
  kind: Exclude<Step['do'], 'command' | 'login' | 'logout' | 'drain'>,
): Step {
  switch (kind) {
    case 'replace':
    case 'python login':
      return { do: kind, as: loginOf(random) };
    case 'python starts afresh':
      return { do: kind, as: random() < 0.6 ? loginOf(random) : null };
    case 'usage.json':
      return {
        do: kind,
        becomes: pick(random, ['garbage', 'nothing', 'an earlier one', 'an account'] as const),
      };
    case 'posthog':
      return {
        do: kind,
        is: pick(random, ['up', 'down', 'refusing', 'throttling', 'losing answers'] as const),
      };
    case 'arcade':
      return { do: kind, is: pick(random, ['up', 'down', 'down', 'refusing'] as const) };
    case 'clock':
      return { do: kind, byMs: pick(random, [HOUR, 25 * HOUR, -25 * HOUR, YEAR, -3 * YEAR]) };
    default:
      return { do: kind };
  }
}

/** Any account's credentials. */
export function loginOf(random: Random): Login {
  return {
    who: pick(random, ['A', 'A', 'B', 'B', 'C'] as const),
    via: pick(random, ['oauth', 'oauth', 'key 1', 'key 2'] as const),
  };
}

function momentOf(random: Random): number | 'after usage.json' {
  return random() < 0.4 ? 'after usage.json' : 1 + below(random, 45);
}

function shellOf(random: Random): 0 | 1 | 2 {
  return random() < 0.8 ? 0 : pick(random, [1, 2] as const);
}
