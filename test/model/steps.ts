/** What a history is made of, and how a random one comes about. */
import { below, pick, type Random, randomFrom, weighted } from './random.ts';

export type Who = 'A' | 'B' | 'C';

/** Credentials of an account: an OAuth login, or one of its two API keys. */
export interface Login {
  readonly who: Who;
  readonly via: 'oauth' | 'key 1' | 'key 2';
}

/**
 * The moment at which a process is killed: after so many statements, commits and requests, or when it has written
 * usage.json and not yet committed what that says.
 */
interface Mortal {
  readonly kill?: number | 'after usage.json';
}

/** What others do while a process is between two transactions, or waits for an answer. */
interface Interrupted {
  readonly meanwhile?: readonly Step[];
}

export type Step =
  /** Shell 0 uses the credentials file; in the others a key stands in the environment. */
  | ({ readonly do: 'command'; readonly shell: 0 | 1 | 2; readonly resolvable: boolean } & Mortal &
      Interrupted)
  | ({
      readonly do: 'login';
      readonly as: Login;
      readonly known: boolean;
      readonly tracked: boolean;
    } & Mortal &
      Interrupted)
  | ({ readonly do: 'logout'; readonly tracked: boolean } & Mortal & Interrupted)
  /** The credentials file by hand. */
  | { readonly do: 'replace'; readonly as: Login }
  | { readonly do: 'remove' | 'corrupt' | 'refresh' }
  | { readonly do: 'python login'; readonly as: Login }
  | { readonly do: 'python command' | 'python logout' }
  /** It found usage.json unusable, and its next command linked whoever was signed in then, if anybody was. */
  | { readonly do: 'python starts afresh'; readonly as: Login | null }
  /** usage.json by somebody else. */
  | { readonly do: 'usage.json'; readonly becomes: 'garbage' | 'nothing' | 'an earlier one' | 'an account' }
  | { readonly do: 'posthog'; readonly is: 'up' | 'down' | 'refusing' | 'throttling' | 'losing answers' }
  | { readonly do: 'arcade'; readonly is: 'up' | 'down' | 'refusing' }
  | ({ readonly do: 'drain'; readonly shell: 0 | 1 | 2; readonly impatient: boolean } & Mortal & Interrupted)
  | { readonly do: 'clock'; readonly byMs: number }
  | { readonly do: 'lose usage.db' };

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
  'lose usage.db': 0.6,
};

/** A random history; the same for the same seed. */
export function historyOf(seed: number): Step[] {
  const random = randomFrom(seed);
  return Array.from({ length: 3 + below(random, 22) }, () => randomStep(random, 0));
}

function randomStep(random: Random, depth: number): Step {
  const kind = weighted(random, depth === 0 ? WEIGHTS : { ...WEIGHTS, drain: 0, 'lose usage.db': 0 });
  const crowd = (chance: number): Interrupted & Mortal => {
    const kill = random() < 0.1 ? { kill: momentOf(random) } : {};
    if (depth > 0 || random() >= chance) return kill;
    return {
      ...kill,
      meanwhile: Array.from({ length: 1 + below(random, 3) }, () => randomStep(random, depth + 1)),
    };
  };
  switch (kind) {
    case 'command':
      return { do: kind, shell: shellOf(random), resolvable: random() < 0.95, ...crowd(0.1) };
    case 'login':
      return {
        do: kind,
        as: loginOf(random),
        known: random() < 0.75,
        tracked: random() < 0.9,
        ...crowd(0.15),
      };
    case 'logout':
      return { do: kind, tracked: random() < 0.75, ...crowd(0.1) };
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
    case 'drain':
      return { do: kind, shell: shellOf(random), impatient: random() < 0.7, ...crowd(0.35) };
    case 'clock':
      return { do: kind, byMs: pick(random, [HOUR, 25 * HOUR, -25 * HOUR, YEAR, -3 * YEAR]) };
    default:
      return { do: kind };
  }
}

function momentOf(random: Random): number | 'after usage.json' {
  return random() < 0.4 ? 'after usage.json' : 1 + below(random, 45);
}

function shellOf(random: Random): 0 | 1 | 2 {
  return random() < 0.8 ? 0 : pick(random, [1, 2] as const);
}

function loginOf(random: Random): Login {
  return {
    who: pick(random, ['A', 'A', 'B', 'B', 'C'] as const),
    via: pick(random, ['oauth', 'oauth', 'key 1', 'key 2'] as const),
  };
}
