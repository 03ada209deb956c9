/**
 * The long run: what went wrong once, every scene, and as many random histories as are asked for (10,000), from a seed
 * (1), with what they did in sum. Ends with 1 when one of them went wrong, or when they have not taken every edge of the
 * state machine. With `real` in front (200, 1) the processes are real ones; `mutations` breaks the rules instead, one
 * after the other (`mutations.ts`); `hunt` only says which history goes wrong.
 */
import { KNOWN_STORIES, randomStories, runCampaign, tell } from './campaign.ts';
import { allEdges } from './edges.ts';
import { tryBreaks } from './mutations.ts';
import { runRealCampaign } from './real-history.ts';

async function run(many: number, first: number): Promise<boolean> {
  const started = performance.now();
  const stories = [...KNOWN_STORIES, ...randomStories(first, many)];
  const { failure, counts, missedEdges, histories } = await runCampaign(stories);
  for (const [what, times] of [...counts].sort()) console.log(`${String(times).padStart(8)}  ${what}`);
  if (failure !== null) console.log(await tell(failure));
  for (const edge of missedEdges) console.log(`never taken: ${edge}`);
  const edges = allEdges().size;
  console.log(
    `${histories} histories in ${Math.round((performance.now() - started) / 1000)} s, seeds from ${first}; ` +
      `${edges - missedEdges.length} of ${edges} edges of the state machine`,
  );
  return failure === null && missedEdges.length === 0;
}

async function hunt(many: number): Promise<boolean> {
  const { failure } = await runCampaign([...KNOWN_STORIES, ...randomStories(1, many)]);
  if (failure !== null) console.log(`the history "${failure.what}"`);
  return failure === null;
}

async function runReal(histories: number, first: number): Promise<boolean> {
  const { failures, events, deaths } = await runRealCampaign(first, histories);
  for (const failure of failures) console.log(failure);
  console.log(`${histories} histories with real processes: ${events} events, ${deaths} processes killed`);
  return failures.length === 0;
}

const [what = '', ...words] = process.argv.slice(2);
const [many = 0, first = 1] = (/^\d/.test(what) ? [what, ...words] : words).map(Number);
const modes: Readonly<Record<string, () => Promise<boolean>>> = {
  real: () => runReal(many || 200, first),
  mutations: () => tryBreaks(words),
  hunt: () => hunt(many),
};
process.exitCode = (await (modes[what] ?? (() => run(many || 10_000, first)))()) ? 0 : 1;
