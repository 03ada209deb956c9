/** Times whole processes as the system accounts for them, in turn, so that pairs can be compared. Needs python3. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface Sample {
  readonly wallMs: number;
  readonly cpuMs: number;
  /** The largest resident set. macOS counts in bytes where Linux counts in kilobytes: Linux only. */
  readonly peakMb: number;
}

export interface Case {
  /** What Node is given. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Brings the machine to where this case begins; not timed. */
  readonly before?: () => Promise<void> | void;
}

/** Runs all cases in turn, `rounds` times after one that warms up, so that a change of the machine's speed meets all. */
export async function inTurn(
  cases: ReadonlyMap<string, Case>,
  rounds: number,
): Promise<Map<string, Sample[]>> {
  const samples = new Map([...cases.keys()].map((name) => [name, [] as Sample[]]));
  const python = spawn('python3', [join(import.meta.dirname, 'processes.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
  try {
    for (let round = -1; round < rounds; round += 1) {
      for (const [name, one] of cases) {
        const sample = await measure(one, python, answers);
        if (round >= 0) samples.get(name)?.push(sample);
      }
    }
  } finally {
    python.stdin.end();
  }
  return samples;
}

async function measure(
  { args, env, before }: Case,
  python: ChildProcess,
  answers: AsyncIterator<string>,
): Promise<Sample> {
  await before?.();
  python.stdin?.write(`${JSON.stringify({ args: [process.execPath, ...args], env })}\n`);
  const { value, done } = await answers.next();
  if (done === true) throw new Error('python3 ended');
  const { status, ...sample } = JSON.parse(value) as Sample & { status: number };
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with wait status ${status}`);
  return sample;
}

export interface Spread {
  readonly median: number;
  /** Half of all values lie between these two. */
  readonly low: number;
  readonly high: number;
}

/** The median of some numbers, and how far they spread around it. */
export function spreadOf(numbers: readonly number[]): Spread {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const [below = Number.NaN, above = below] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
    return below + (above - below) * (place - Math.floor(place));
  };
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

export function median(numbers: readonly number[]): number {
  return spreadOf(numbers).median;
}
