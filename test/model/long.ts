/**
 * The long run: as many random histories as are asked for (10,000), from a seed (1), with what they did in
 * sum, and which edges of the state machine none of them took. Ends with 1 when one of them went wrong.
 */
import { runCampaign, tell } from './campaign.ts';

const [histories = 10_000, first = 1] = process.argv.slice(2).map(Number);
const started = performance.now();
const { failure, counts, missedEdges, histories: ran } = await runCampaign(first, histories);
for (const [what, many] of [...counts].sort()) console.log(`${String(many).padStart(8)}  ${what}`);
console.log(`${ran} histories in ${Math.round((performance.now() - started) / 1000)} s, seeds from ${first}`);
if (failure !== null) console.log(tell(failure));
for (const edge of missedEdges) console.log(`never taken: ${edge}`);
process.exitCode = failure === null ? 0 : 1;
