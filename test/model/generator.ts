/** How a random history comes about. */

import type { OtherStep } from './others.ts';
import { below, pick, type Random, randomFrom, weighted } from './random.ts';
import { SCENES } from './scenes.ts';
import {
  command,
  drain,
  type Interrupted,
  type Login,
  login,
  logout,
  type Mortal,
  type Step,
} from './steps.ts';

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
      return command({
        shell: shellOf(random),
        resolvable: random() < 0.95,
        ...spilling(),
        ...crowd(0.1),
      });
    case 'login': {
      const how = { known: random() < 0.75, tracked: random() < 0.9 };
      return login(loginOf(random), { ...how, ...spilling(), ...crowd(0.15) });
    }
    case 'logout':
      return logout({ tracked: random() < 0.75, ...spilling(), ...crowd(0.1) });
    case 'drain':
      return drain({ shell: shellOf(random), impatient: random() < 0.7, ...crowd(0.35) });
    case 'usage.json':
      return {
        do: kind,
        becomes: pick(random, ['garbage', 'nothing', 'an earlier one', 'an account'] as const),
      };
    case 'clock':
      return { do: kind, byMs: pick(random, [HOUR, 25 * HOUR, -25 * HOUR, YEAR, -3 * YEAR]) };
    case 'reset':
    case 'lose usage.db':
    case 'copy the machine':
      return { do: kind };
    default:
      return otherStep(random, kind);
  }
}

/** With real processes: a short history, in which nothing needs to be arranged inside of a process. */
export function realHistoryOf(seed: number): Step[] {
  const random = randomFrom(seed);
  return Array.from({ length: 4 + below(random, 6) }, () => realStep(random));
}

const REAL_WEIGHTS = {
  command: 24,
  drain: 12,
  login: 10,
  logout: 4,
  replace: 7,
  remove: 2,
  corrupt: 1,
  'python login': 3,
  'python command': 3,
  'python logout': 1,
  'python starts afresh': 2,
  posthog: 4,
  arcade: 4,
  'usage.json': 1,
} as const;

const EXPORT = ['rename', 'after rename', 'UPDATE installation SET export_stamp'];
const IN_COMMANDS = [
  ...EXPORT,
  'INSERT INTO identity',
  'after UPDATE identity SET',
  'INTO account',
  'INSERT INTO record',
  'after INSERT INTO record',
];
const IN_DRAINS = [
  ...EXPORT,
  'INTO account',
  'UPDATE record SET distinct_id',
  'after UPDATE record SET distinct_id',
  'UPDATE record SET sealed',
  'INSERT INTO attempt',
  "after UPDATE record SET state = 'delivered'",
];

function realStep(random: Random): Step {
  const kind = weighted(random, REAL_WEIGHTS);
  const shell = shellOf(random);
  const mortal: Mortal =
    random() < 0.25 ? { kill: pick(random, kind === 'drain' ? IN_DRAINS : IN_COMMANDS) } : {};
  switch (kind) {
    case 'command':
      return command({ shell, ...(random() < 0.2 ? { many: 3 } : mortal) });
    case 'drain':
      return drain({ shell, impatient: random() < 0.6, ...mortal });
    case 'login':
      return login(loginOf(random), mortal);
    case 'logout':
      return logout(mortal);
    case 'usage.json':
      return { do: kind, becomes: pick(random, ['garbage', 'nothing'] as const) };
    default:
      return otherStep(random, kind);
  }
}

function otherStep(random: Random, kind: OtherStep['do']): Step {
  switch (kind) {
    case 'replace':
    case 'python login':
      return { do: kind, as: loginOf(random) };
    case 'python starts afresh':
      return { do: kind, as: random() < 0.6 ? loginOf(random) : null };
    case 'posthog':
      return {
        do: kind,
        is: pick(random, ['up', 'down', 'refusing', 'throttling', 'losing answers'] as const),
      };
    case 'arcade':
      return { do: kind, is: pick(random, ['up', 'down', 'down', 'refusing'] as const) };
    default:
      return { do: kind };
  }
}

function loginOf(random: Random): Login {
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
