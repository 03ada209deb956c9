/** Times whole processes as the system accounts for them, and compares two of them pair by pair. */
import { execa } from 'execa';

export interface Sample {
  readonly wallMs: number;
  readonly cpuMs: number;
}

export interface Case {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Brings the machine to where this case begins; not timed. */
  readonly before?: () => Promise<void>;
}

/** Runs Node with these arguments once. Throws when it cannot be run; its exit code is not looked at. */
export async function measure({ args, env, before }: Case): Promise<Sample> {
  await before?.();
  // bash's `time` reports what wait4(2) says of the child, to the millisecond.
  const script = 'TIMEFORMAT="%3R %3U %3S"; { time "$@" >/dev/null 2>&1; } 2>&1';
  const { stdout } = await execa('bash', ['-c', script, 'bash', process.execPath, ...args], {
    env,
    extendEnv: false,
    reject: false,
  });
  const [wall, user, system] = stdout.trim().split(/\s+/).map(Number);
  if (wall === undefined || user === undefined || system === undefined)
    throw new Error(`not timed: ${stdout}`);
  return { wallMs: wall * 1000, cpuMs: (user + system) * 1000 };
}

/** Runs all cases in turn, `rounds` times, so that a change of the machine's speed meets them all. */
export async function inTurn(
  cases: ReadonlyMap<string, Case>,
  rounds: number,
): Promise<Map<string, Sample[]>> {
  const samples = new Map([...cases.keys()].map((name) => [name, [] as Sample[]]));
  for (let round = -1; round < rounds; round += 1) {
    for (const [name, one] of cases) {
      const sample = await measure(one);
      if (round >= 0) samples.get(name)?.push(sample); // The first round warms the file cache.
    }
  }
  return samples;
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
