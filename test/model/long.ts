/**
 * The long run: as many random histories as are asked for (10,000), from a seed (1), with what they did in sum, and
 * which edges of the state machine neither they nor the corpus took. Ends with 1 when one of them went wrong, or when a full run
 * has not taken every edge. With `real` in front (200, 1) the processes are real ones; `mutations` breaks the rules
 * instead, one after the other (`mutations.ts`).
 */
import { edgesIn, runCampaign, tell } from './campaign.ts';
import { EDGE_CORPUS } from './corpus-edges.ts';
import { runHistory } from './history.ts';
import { tryBreaks } from './mutations.ts';
import { runRealCampaign } from './real-campaign.ts';

const FULL = 10_000;

async function run(histories: number, first: number): Promise<boolean> {
  const started = performance.now();
  const { failure, counts, edges, missedEdges, histories: ran } = await runCampaign(first, histories);
  for (const [what, many] of [...counts].sort()) console.log(`${String(many).padStart(8)}  ${what}`);
  console.log(
    `${ran} histories in ${Math.round((performance.now() - started) / 1000)} s, seeds from ${first}`,
  );
  if (failure !== null) console.log(tell(failure));
  const found = await edgesOfCorpus();
  const missed = missedEdges.filter((edge) => !found.has(edge));
  for (const edge of missedEdges)
    console.log(`${found.has(edge) ? 'by the corpus alone' : 'never taken'}: ${edge}`);
  console.log(`${edges - missed.length} of ${edges} edges of the state machine`);
  return failure === null && (missed.length === 0 || ran < FULL);
}

/** Those that chance takes once in many thousand histories have one of their own. */
async function edgesOfCorpus(): Promise<Set<string>> {
  const found = new Set<string>();
  for (const steps of Object.values(EDGE_CORPUS)) {
    for (const edge of edgesIn((await runHistory(steps, 1)).counts)) found.add(edge);
  }
  return found;
}

async function runReal(histories: number, first: number): Promise<boolean> {
  const { failures, events, deaths } = await runRealCampaign(first, histories);
  for (const failure of failures) console.log(failure);
  console.log(`${histories} histories with real processes: ${events} events, ${deaths} processes killed`);
  return failures.length === 0;
}

const [what = '', ...more] = process.argv.slice(2);
const [many, first] = (what === 'real' ? more : [what, ...more]).map(Number);
const isSound =
  what === 'mutations'
    ? await tryBreaks(more)
    : what === 'real'
      ? await runReal(many || 200, first || 1)
      : await run(many || FULL, first || 1);
process.exitCode = isSound ? 0 : 1;
