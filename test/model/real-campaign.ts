/** Many short histories with real processes, some at a time. */
import { runRealHistory } from './real-history.ts';
import { type RealStep, realHistoryOf } from './real-steps.ts';

interface RealCampaign {
  readonly failures: readonly string[];
  readonly events: number;
  readonly deaths: number;
}

const AT_ONCE = 5;
/** More of a history whose commands spilled. */
const TRIES = 4;

/** Runs the histories of the seeds from `first`. */
export async function runRealCampaign(first: number, histories: number): Promise<RealCampaign> {
  const failures: string[] = [];
  let [next, events, deaths] = [first, 0, 0];
  const worker = async (): Promise<void> => {
    while (next < first + histories) {
      const seed = next;
      next += 1;
      const steps = realHistoryOf(seed);
      let outcome = await runRealHistory(steps, seed);
      for (let again = 0; outcome.spilled && again < TRIES; again += 1)
        outcome = await runRealHistory(steps, seed);
      events += outcome.events;
      deaths += outcome.deaths;
      if (outcome.violations.length > 0) failures.push(told(seed, outcome.violations, steps));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { failures, events, deaths };
}

function told(seed: number, violations: readonly string[], steps: readonly RealStep[]): string {
  return [`seed ${seed}:`, ...violations, ...steps.map((step) => `  ${JSON.stringify(step)},`)].join('\n');
}
