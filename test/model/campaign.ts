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

/** Runs the histories of the seeds from `first`; stops at the first that goes wrong. */
export async function runCampaign(first: number, histories: number): Promise<Campaign> {
  const counts = new Map<string, number>();
  const missed = allEdges();
  const edges = missed.size;
  for (let seed = first; seed < first + histories; seed += 1) {
    const outcome = await runHistory(historyOf(seed), seed);
    for (const [what, many] of outcome.counts) counts.set(what, (counts.get(what) ?? 0) + many);
    for (const edge of edgesIn(outcome.counts)) missed.delete(edge);
    if (outcome.violations.length > 0) {
      return {
        histories: seed - first + 1,
        failure: await shorten(seed, outcome.violations),
        counts,
        edges,
        missedEdges: [...missed],
      };
    }
  }
  return { histories, failure: null, counts, edges, missedEdges: [...missed] };
}

/** The edges of the state machine among what happened. */
export function edgesIn(counts: ReadonlyMap<string, number>): string[] {
  return [...counts.keys()].flatMap((what) => (what.startsWith(EDGE) ? what.slice(EDGE.length) : []));
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
