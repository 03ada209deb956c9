/** What a history with real processes is made of, and how a random one comes about. */

import { loginOf, plainStep } from './generator.ts';
import { below, pick, type Random, randomFrom, weighted } from './random.ts';
import type { Step } from './steps.ts';

export interface RealStep {
  readonly step: Step;
  /** Where the process is killed, as `kill-at.mjs` takes it; '' for nowhere. */
  readonly killAt: string;
  /** So many commands at once. */
  readonly many: number;
}

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

const WEIGHTS = {
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

/** A short random history; the same for the same seed. */
export function realHistoryOf(seed: number): RealStep[] {
  const random = randomFrom(seed);
  return Array.from({ length: 4 + below(random, 6) }, () => realStep(random));
}

function realStep(random: Random): RealStep {
  const step = stepOf(random);
  const dies = random() < 0.25;
  const points = step.do === 'drain' ? IN_DRAINS : IN_COMMANDS;
  const isCrowd = step.do === 'command' && !dies && random() < 0.2;
  return { step, killAt: dies ? pick(random, points) : '', many: isCrowd ? 3 : 1 };
}

function stepOf(random: Random): Step {
  const kind = weighted(random, WEIGHTS);
  const shell = random() < 0.8 ? 0 : pick(random, [1, 2] as const);
  switch (kind) {
    case 'command':
      return { do: kind, shell, resolvable: true };
    case 'drain':
      return { do: kind, shell, impatient: random() < 0.6 };
    case 'login':
      return { do: kind, as: loginOf(random), known: true, tracked: true };
    case 'logout':
      return { do: kind, tracked: true };
    case 'usage.json':
      return { do: kind, becomes: pick(random, ['garbage', 'nothing'] as const) };
    default:
      return plainStep(random, kind);
  }
}
