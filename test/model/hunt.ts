/** Runs the corpus and then random histories until one goes wrong, and says which. Ends with 1 when one did. */
import { CORPUS } from './corpus.ts';
import { EDGE_CORPUS } from './corpus-edges.ts';
import { historyOf } from './generator.ts';
import { runHistory } from './history.ts';
import type { Step } from './steps.ts';

const histories = Number(process.argv[2] ?? 300);

async function hunt(): Promise<string | undefined> {
  const goesWrong = async (steps: readonly Step[], seed: number): Promise<boolean> =>
    (await runHistory(steps, seed)).violations.length > 0;
  for (const [name, steps] of Object.entries({ ...CORPUS, ...EDGE_CORPUS })) {
    for (const seed of [1, 2, 3]) if (await goesWrong(steps, seed)) return `the history "${name}"`;
  }
  for (let seed = 1; seed <= histories; seed += 1) {
    if (await goesWrong(historyOf(seed), seed)) return `random history ${seed}`;
  }
  return undefined;
}

const found = await hunt();
if (found !== undefined) console.log(found);
process.exitCode = found === undefined ? 0 : 1;
