/**
 * `npm run test:long [PART...]`: what is too long for `npm test`, one part after the other, and one table of what came
 * of each. Ends with 1 when one of them failed; with 2 for a part that there is none of.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

interface Part {
  readonly what: string;
  /** A program of this folder and what it is given. It ends with 1 when it fails; its last line says what came of it. */
  readonly run: readonly [file: string, ...args: string[]];
}

const MINUTE_MS = 60_000;
/** Of one part: on two cores that do nothing else the longest takes about five minutes. */
const LIMIT_MS = 25 * MINUTE_MS;

const PARTS: Readonly<Record<string, Part>> = {
  model: { what: '3,000 random histories, and those thought out', run: ['../model/long.ts', '3000'] },
  real: { what: '100 random histories with real processes', run: ['../model/long.ts', 'real', '100'] },
  storm: { what: '64 processes, 200 events each, killed at 40 points', run: ['storm.ts'] },
  crowd: { what: '64 and 256 commands at once, a lock held for 30 s, beside busy loops', run: ['crowd.ts'] },
  deaths: {
    what: 'SIGKILL at each step of spilling, taking in, setting aside and disable',
    run: ['deaths.ts'],
  },
  obstacles: { what: 'what holds a flusher up, each 3 times', run: ['deadlines.ts', 'obstacles', '3'] },
  million: { what: 'a flusher before a million records', run: ['deadlines.ts', 'million', '1'] },
  mutations: { what: 'each rule broken in turn', run: ['../model/long.ts', 'mutations'] },
};

const names = process.argv.slice(2);
const unknown = names.filter((name) => !Object.hasOwn(PARTS, name));
if (unknown.length === 0) await runAll(names.length === 0 ? Object.keys(PARTS) : names);
else {
  console.error(`No such part: ${unknown.join(', ')}. There are: ${Object.keys(PARTS).join(', ')}.`);
  process.exitCode = 2;
}

async function runAll(parts: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'arcade-long-'));
  const rows = [
    ['part', 'what', 'what came of it', 'minutes', ''],
    ['---', '---', '---', '---:', '---'],
  ];
  const started = performance.now();
  for (const name of parts) rows.push(await runPart(name, join(folder, `${name}.log`)));
  const verdict = process.exitCode === 1 ? 'FAILED' : 'passed';
  rows.push(['all', '', `their output: ${folder}`, minutes(started), verdict]);
  for (const row of rows) console.log(`| ${row.join(' | ')} |`);
}

async function runPart(name: string, log: string): Promise<string[]> {
  const { what, run: [file, ...args] = [''] } = PARTS[name] ?? { what: '' };
  console.error(`${name}: ${what} ...`);
  const started = performance.now();
  const { exitCode, all, stdout, timedOut } = await execa(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, file), ...args],
    { all: true, reject: false, stdin: 'ignore', timeout: LIMIT_MS, forceKillAfterDelay: 1_000 },
  );
  writeFileSync(log, all);
  if (exitCode !== 0) process.exitCode = 1;
  const verdict = exitCode === 0 ? 'passed' : timedOut ? 'NOT IN TIME' : 'FAILED';
  return [name, what, stdout.trimEnd().split('\n').at(-1) ?? '', minutes(started), verdict];
}

function minutes(since: number): string {
  return ((performance.now() - since) / MINUTE_MS).toFixed(1);
}
