/** Many random histories: what they did in sum, and the first that went wrong, made short. */
import { allEdges } from './edges.ts';
import { historyOf } from './generator.ts';
import { runHistory } from './history.ts';
import { shrink } from './shrink.ts';
import type { Step } from './steps.ts';

export interface Campaign {
  readonly histories: number;
  readonly failure: { seed: number; violations: readonly string[]; steps: readonly Step[] } | null;
  readonly counts: ReadonlyMap<string, number>;
  /** How many edges the state machine has. */
  readonly edges: number;
  /** Those that no history took. */
  readonly missedEdges: readonly string[];
}

const EDGE = 'edge ';

/**
 * Random histories that, with those that were thought out, take every edge of the state machine: `npm run test:model
 * -- seeds` chooses them.
 */
export const SEEDS: readonly number[] = [
  27, 31, 34, 40, 42, 43, 61, 66, 73, 76, 80, 92, 109, 116, 128, 142, 195, 203, 214, 227, 245, 284, 288,
];

/** Runs the histories of the seeds; stops at the first that goes wrong. */
export async function runCampaign(seeds: readonly number[]): Promise<Campaign> {
  const counts = new Map<string, number>();
  const missed = allEdges();
  const edges = missed.size;
  for (const [i, seed] of seeds.entries()) {
    const outcome = await runHistory(historyOf(seed), seed);
    for (const [what, many] of outcome.counts) counts.set(what, (counts.get(what) ?? 0) + many);
    for (const edge of edgesIn(outcome.counts)) missed.delete(edge);
    if (outcome.violations.length > 0) {
      return {
        histories: i + 1,
        failure: await shorten(seed, outcome.violations),
        counts,
        edges,
        missedEdges: [...missed],
      };
    }
  }
  return { histories: seeds.length, failure: null, counts, edges, missedEdges: [...missed] };
}

/** The edges of the state machine among what happened. */
export function edgesIn(counts: ReadonlyMap<string, number>): string[] {
  return [...counts.keys()].flatMap((what) => (what.startsWith(EDGE) ? what.slice(EDGE.length) : []));
}

/** The fewest of the histories of the seeds up to `last`, roughly, that take the edges that the corpus does not. */
export async function chooseSeeds(corpus: readonly (readonly Step[])[], last: number): Promise<number[]> {
  const missed = allEdges();
  for (const steps of corpus)
    for (const edge of edgesIn((await runHistory(steps, 1)).counts)) missed.delete(edge);
  const taken: { readonly seed: number; readonly edges: readonly string[] }[] = [];
  for (const seed of seedsFrom(1, last))
    taken.push({ seed, edges: edgesIn((await runHistory(historyOf(seed), seed)).counts) });
  const chosen: number[] = [];
  const news = ({ edges }: { edges: readonly string[] }): number =>
    edges.filter((edge) => missed.has(edge)).length;
  while (missed.size > 0) {
    const best = taken.reduce((most, each) => (news(each) > news(most) ? each : most));
    if (news(best) === 0) throw new Error(`never taken: ${[...missed].join(', ')}`);
    chosen.push(best.seed);
    for (const edge of best.edges) missed.delete(edge);
  }
  return chosen.sort((a, b) => a - b);
}

/** So many seeds, from the first. */
export function seedsFrom(first: number, many: number): number[] {
  return Array.from({ length: many }, (_, i) => first + i);
}

/** A failure as a person can read it, and paste it into the corpus. */
export function tell({ seed, violations, steps }: NonNullable<Campaign['failure']>): string {
  return [
    `seed ${seed}:`,
    ...violations,
    '[',
    ...steps.map((step) => `  ${JSON.stringify(step)},`),
    ']',
  ].join('\n');
}

async function shorten(
  seed: number,
  violations: readonly string[],
): Promise<NonNullable<Campaign['failure']>> {
  const kinds = new Set(violations.map(kindOf));
  const steps = await shrink(historyOf(seed), async (fewer) =>
    (await runHistory(fewer, seed)).violations.some((violation) => kinds.has(kindOf(violation))),
  );
  return { seed, violations: (await runHistory(steps, seed)).violations, steps };
}

/** What went wrong, without which event and which id it was. */
function kindOf(violation: string): string {
  return violation.replace(/ but .*| of [ABC]$|[0-9a-f]{8}-[-0-9a-f]+|\d+/g, '');
}
