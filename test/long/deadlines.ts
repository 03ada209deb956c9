/**
 * The table of what can hold a flusher up: each case many times, the worst time from the start of its process to
 * its end, and what became of the events. `node --import tsx test/long/deadlines.ts [obstacles|million] [TIMES]`:
 * `million` is the queue of a million alone, whose making would hold up the others.
 */
import { openBigQueue } from '../support/big-queue.ts';
import { OBSTACLES, SECLUDED, tryObstacle, type Verdict } from '../support/deadlines.ts';
import { withoutNamespaces } from '../support/flusher.ts';

const [what = 'obstacles', times = '10'] = process.argv.slice(2);
const TRIES = Number(times);
const RECORDS = 20;
const LIMIT_MS = 10_500;
const MANY = 1_000_000;
/** Slow enough for the queue to stay as long as it is. */
const BIG_QUEUE_DELAY_MS = 2_000;

const missing = withoutNamespaces();
if (missing !== undefined) console.log(`Not tried, ${missing}: ${Object.keys(SECLUDED).join(', ')}`);
const cases = Object.entries({ ...OBSTACLES, ...(missing === undefined ? SECLUDED : {}) });
const verdicts = new Map<string, Verdict[]>(cases.map(([name]) => [name, []]));

if (what === 'million') await tryBigQueue();
else await tryCases();

/** One after the other, for all of them share a database of half a gigabyte. */
async function tryBigQueue(): Promise<void> {
  verdicts.clear();
  const queue = openBigQueue(MANY);
  const tried: Verdict[] = [];
  for (let done = 0; done < TRIES; done += 1) tried.push(await queue.drain(BIG_QUEUE_DELAY_MS));
  await queue.remove();
  verdicts.set(`queue of ${MANY.toLocaleString('en')}`, tried);
}

async function tryCases(): Promise<void> {
  for (let done = 0; done < TRIES; done += 1) {
    await Promise.all(
      cases.map(async ([name, obstacle]) => {
        verdicts.get(name)?.push(await tryObstacle(obstacle, RECORDS));
      }),
    );
    process.stderr.write(`${done + 1} of ${TRIES}\n`);
  }
}

console.log(
  '| case | times tried | worst, ms | largest, MB | events lost | copies on the wire | duplicates |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- |');
for (const [name, tried] of verdicts) {
  const { worst, largest, lost, copies, duplicates } = summed(tried);
  console.log(`| ${name} | ${tried.length} | ${worst} | ${largest} | ${lost} | ${copies} | ${duplicates} |`);
}
const { worst, largest, lost, copies, duplicates } = summed([...verdicts.values()].flat());
console.log(
  `worst ${worst} ms of ${LIMIT_MS}, ${largest} MB; ${lost} lost, ${copies} copies on the wire, ${duplicates} duplicates`,
);
if (worst > LIMIT_MS || lost !== 0 || duplicates !== 0) process.exitCode = 1;

function summed(tried: readonly Verdict[]) {
  const most = (of: (verdict: Verdict) => number): number => Math.round(Math.max(...tried.map(of)));
  const sum = (of: (verdict: Verdict) => number): number =>
    tried.reduce((total, each) => total + of(each), 0);
  return {
    worst: most(({ ms }) => ms),
    largest: most(({ peakMb }) => peakMb),
    lost: sum((verdict) => verdict.lost),
    copies: sum((verdict) => verdict.copies),
    duplicates: sum((verdict) => verdict.duplicates),
  };
}
