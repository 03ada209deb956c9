/**
 * The long run: as many random histories as are asked for (3,000), from a seed (1), with what they did in sum, and
 * which edges of the state machine neither they nor the corpus took. Ends with 1 when one of them went wrong, or when a full run
 * has not taken every edge. With `real` in front (200, 1) the processes are real ones; `mutations` breaks the rules
 * instead, one after the other (`mutations.ts`); `seeds` chooses those that `npm test` runs, up to 300.
 */
import { chooseSeeds, edgesIn, runCampaign, seedsFrom, tell } from './campaign.ts';
import { CORPUS } from './corpus.ts';
import { EDGE_CORPUS } from './corpus-edges.ts';
import { runHistory } from './history.ts';
import { tryBreaks } from './mutations.ts';
import { runRealCampaign } from './real-campaign.ts';

const FULL = 3_000;

async function run(histories: number, first: number): Promise<boolean> {
  const started = performance.now();
  const {
    failure,
    counts,
    edges,
    missedEdges,
    histories: ran,
  } = await runCampaign(seedsFrom(first, histories));
  for (const [what, many] of [...counts].sort()) console.log(`${String(many).padStart(8)}  ${what}`);
  console.log(
    `${ran} histories in ${Math.round((performance.now() - started) / 1000)} s, seeds from ${first}`,
  );
  if (failure !== null) console.log(tell(failure));
  const corpus = await runCorpus();
  for (const violation of corpus.violations) console.log(violation);
  const missed = missedEdges.filter((edge) => !corpus.edges.has(edge));
  for (const edge of missedEdges)
    console.log(`${corpus.edges.has(edge) ? 'by the corpus alone' : 'never taken'}: ${edge}`);
  console.log(`${ran} histories; ${edges - missed.length} of ${edges} edges of the state machine`);
  return failure === null && corpus.violations.length === 0 && (missed.length === 0 || ran < FULL);
}

/** Those that were thought out: edges that chance takes once in many thousand histories have one of their own. */
async function runCorpus(): Promise<{ edges: ReadonlySet<string>; violations: readonly string[] }> {
  const edges = new Set<string>();
  const wrong: string[] = [];
  for (const [what, steps] of Object.entries({ ...CORPUS, ...EDGE_CORPUS })) {
    for (const seed of [1, 2, 3]) {
      const { counts, violations } = await runHistory(steps, seed);
      for (const edge of edgesIn(counts)) edges.add(edge);
      wrong.push(...violations.map((violation) => `${what}, seed ${seed}: ${violation}`));
    }
  }
  return { edges, violations: wrong };
}

async function runReal(histories: number, first: number): Promise<boolean> {
  const { failures, events, deaths } = await runRealCampaign(first, histories);
  for (const failure of failures) console.log(failure);
  console.log(`${histories} histories with real processes: ${events} events, ${deaths} processes killed`);
  return failures.length === 0;
}

async function printSeeds(): Promise<boolean> {
  console.log((await chooseSeeds(Object.values({ ...CORPUS, ...EDGE_CORPUS }), 300)).join(', '));
  return true;
}

const [what = '', ...more] = process.argv.slice(2);
const [many, first] = (what === 'real' ? more : [what, ...more]).map(Number);
const isSound =
  what === 'mutations'
    ? await tryBreaks(more)
    : what === 'seeds'
      ? await printSeeds()
      : what === 'real'
        ? await runReal(many || 200, first || 1)
        : await run(many || FULL, first || 1);
process.exitCode = isSound ? 0 : 1;
