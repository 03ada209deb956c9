/** Many histories: what they did in sum, and the first that went wrong. */
import { CORPUS } from './corpus.ts';
import { allEdges } from './edges.ts';
import { historyOf } from './generator.ts';
import { runHistory } from './history.ts';
import { SCENES } from './scenes.ts';
import { shrink } from './shrink.ts';
import type { Step } from './steps.ts';

interface Story {
  readonly what: string;
  readonly seed: number;
  readonly steps: readonly Step[];
}

interface Failure extends Story {
  readonly violations: readonly string[];
}

interface Campaign {
  readonly histories: number;
  readonly failure: Failure | null;
  readonly counts: ReadonlyMap<string, number>;
  /** Edges of the state machine that none of them took. */
  readonly missedEdges: readonly string[];
}

const storyOf = ([what, steps]: readonly [string, readonly Step[]]): Story => ({ what, seed: 1, steps });

/** Each state with each thing that may come next. Together they take every edge of the state machine. */
export const SCENE_STORIES: readonly Story[] = SCENES.map(storyOf);

/** What needs no chance: what once went wrong, and the scenes. */
export const KNOWN_STORIES: readonly Story[] = [...Object.entries(CORPUS).map(storyOf), ...SCENE_STORIES];

/** So many random histories, from a seed. */
export function* randomStories(first: number, many: number): Generator<Story> {
  for (let seed = first; seed < first + many; seed += 1)
    yield { what: `random history ${seed}`, seed, steps: historyOf(seed) };
}

/** Runs the histories; stops at the first that goes wrong. */
export async function runCampaign(stories: Iterable<Story>): Promise<Campaign> {
  const counts = new Map<string, number>();
  const missed = allEdges();
  let failure: Failure | null = null;
  let histories = 0;
  for (const story of stories) {
    const outcome = await runHistory(story.steps, story.seed);
    histories += 1;
    for (const [what, many] of outcome.counts) {
      counts.set(what, (counts.get(what) ?? 0) + many);
      missed.delete(what.replace(/^edge /, ''));
    }
    if (outcome.violations.length === 0) continue;
    failure = { ...story, violations: outcome.violations };
    break;
  }
  return { histories, failure, counts, missedEdges: [...missed] };
}

/** A failure made short; '' for none. */
export async function tell(failure: Failure | null): Promise<string> {
  if (failure === null) return '';
  const { what, seed } = failure;
  const kinds = new Set(failure.violations.map(kindOf));
  const steps = await shrink(failure.steps, async (fewer) =>
    (await runHistory(fewer, seed)).violations.some((violation) => kinds.has(kindOf(violation))),
  );
  const { violations } = await runHistory(steps, seed);
  return told(what, violations, steps);
}

/** A failure as a person can read it, and paste it into the corpus. */
export function told(what: string, violations: readonly string[], steps: readonly Step[]): string {
  return [`${what}:`, ...violations, ...steps.map((step) => `  ${JSON.stringify(step)},`)].join('\n');
}

/** What went wrong, without which event and which id it was. */
function kindOf(violation: string): string {
  return violation.replace(/ but .*| of [ABC]$|[0-9a-f]{8}-[-0-9a-f]+|\d+/g, '');
}
