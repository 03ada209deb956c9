/**
 * The long run: as many random histories as are asked for (10,000), from a seed (1), with what they did in sum, and
 * which edges of the state machine none of them took. Ends with 1 when one of them went wrong, or when a full run
 * has not taken every edge. With `mutations` it breaks the rules instead, one after the other (`mutations.ts`).
 */
import { runCampaign, tell } from './campaign.ts';
import { tryBreaks } from './mutations.ts';

const FULL = 10_000;

async function run(histories: number, first: number): Promise<boolean> {
  const started = performance.now();
  const { failure, counts, edges, missedEdges, histories: ran } = await runCampaign(first, histories);
  for (const [what, many] of [...counts].sort()) console.log(`${String(many).padStart(8)}  ${what}`);
  console.log(
    `${ran} histories in ${Math.round((performance.now() - started) / 1000)} s, seeds from ${first}`,
  );
  if (failure !== null) console.log(tell(failure));
  for (const edge of missedEdges) console.log(`never taken: ${edge}`);
  console.log(`${edges - missedEdges.length} of ${edges} edges of the state machine`);
  return failure === null && (missedEdges.length === 0 || ran < FULL);
}

const [what = '', which = ''] = process.argv.slice(2);
const isSound =
  what === 'mutations' ? await tryBreaks(which) : await run(Number(what || FULL), Number(which || 1));
process.exitCode = isSound ? 0 : 1;
