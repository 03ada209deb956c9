/**
 * `npm run test:long [WORD...]`: what is too long for `npm test`, one after the other, and one table of what came of
 * each. Ends with 1 when one of them failed, or when all together have not ended within an hour. With words, only
 * those that one of the words is found in.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

const LIMIT_MS = 3_600_000;

/** Each ends with 1 when it fails, and says in its last line what came of it. */
const RUNS: Readonly<Record<string, readonly string[]>> = {
  'model: 10,000 random histories, the corpus with three seeds each': ['model/long.ts', '10000'],
  'model: 200 random histories with real processes': ['model/long.ts', 'real', '200'],
  'storm: 64 processes, 200 events each, 40 killed': ['bench/storm.ts'],
  'crowd: 64 and 256 commands at once beside two busy loops, a lock held for a minute': ['bench/crowd.ts'],
  'deaths: SIGKILL at each step of spilling, taking in and disable': ['bench/deaths.ts'],
  'deadlines: each obstacle five times': ['bench/deadlines.ts', 'obstacles', '5'],
  'deadlines: a queue of a million records, twice': ['bench/deadlines.ts', 'queue', '2'],
  'mutations: each rule broken in turn': ['model/long.ts', 'mutations'],
};

const words = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'arcade-long-'));
const started = performance.now();
const rows: (readonly string[])[] = [];
for (const [what, [file = '', ...args]] of Object.entries(RUNS)) {
  if (words.length > 0 && !words.some((word) => what.includes(word))) continue;
  console.error(`${what} ...`);
  const began = performance.now();
  const { exitCode, all, stdout, timedOut } = await execa(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, file), ...args],
    {
      all: true,
      reject: false,
      stdin: 'ignore',
      timeout: Math.max(1, Math.round(started + LIMIT_MS - began)),
    },
  );
  if (exitCode !== 0) process.exitCode = 1;
  writeFileSync(join(folder, `${rows.length + 1}.log`), all);
  const verdict = exitCode === 0 ? 'passed' : timedOut ? 'NOT WITHIN AN HOUR' : 'FAILED';
  rows.push([what, stdout.trimEnd().split('\n').at(-1) ?? '', minutes(began), verdict]);
}
rows.push([
  'all of them',
  `their output: ${folder}`,
  minutes(started),
  process.exitCode ? 'FAILED' : 'passed',
]);
for (const row of [['run', 'what came of it', 'minutes', ''], ['---', '---', '---:', '---'], ...rows])
  console.log(`| ${row.join(' | ')} |`);

function minutes(since: number): string {
  return ((performance.now() - since) / 60_000).toFixed(1);
}
