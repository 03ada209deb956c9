/**
 * The table of what can hold a flusher up: each case many times, the worst time from the start of its process to
 * its end, and what became of the events. `DEADLINE_TRIES=100 node --import tsx test/bench/deadlines.ts`
 */
import { OBSTACLES, SECLUDED, tryObstacle, type Verdict } from '../support/deadlines.ts';
import { withoutNamespaces } from '../support/flusher.ts';

const TRIES = Number(process.env.DEADLINE_TRIES ?? 10);
const TOGETHER = Number(process.env.DEADLINE_TOGETHER ?? 2);
const RECORDS = 20;
const LIMIT_MS = 10_500;

const missing = withoutNamespaces();
if (missing !== undefined) console.log(`Not tried, ${missing}: ${Object.keys(SECLUDED).join(', ')}`);
const cases = Object.entries({ ...OBSTACLES, ...(missing === undefined ? SECLUDED : {}) });
const verdicts = new Map<string, Verdict[]>(cases.map(([name]) => [name, []]));

for (let done = 0; done < TRIES; done += TOGETHER) {
  const round = Array.from({ length: Math.min(TOGETHER, TRIES - done) }, () => cases).flat();
  await Promise.all(
    round.map(async ([name, obstacle]) => {
      verdicts.get(name)?.push(await tryObstacle(obstacle, RECORDS));
    }),
  );
  process.stderr.write(`${Math.min(done + TOGETHER, TRIES)} of ${TRIES}\n`);
}

console.log(
  '| case | times tried | worst, ms | largest, MB | events lost | copies on the wire | duplicates |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- |');
for (const [name, tried] of verdicts) {
  const most = (of: (verdict: Verdict) => number): number => Math.round(Math.max(...tried.map(of)));
  const sum = (of: (verdict: Verdict) => number): number =>
    tried.reduce((total, each) => total + of(each), 0);
  const worst = most(({ ms }) => ms);
  const [lost, copies, duplicates] = [sum((v) => v.lost), sum((v) => v.copies), sum((v) => v.duplicates)];
  console.log(
    `| ${name} | ${tried.length} | ${worst} | ${most(({ peakMb }) => peakMb)} | ${lost} | ${copies} | ${duplicates} |`,
  );
  if (worst > LIMIT_MS || lost !== 0 || duplicates !== 0) process.exitCode = 1;
}
