/**
 * What each fault of the store costs a command: the same command with tracking and without, in turn, each in a
 * fresh home with that fault. `secret list` waits 50 ms for its engine, which hides much; `secret set =` waits for
 * nothing. Prints a table in Markdown.
 */
import { cpus } from 'node:os';
import { execa } from 'execa';
import { startArcade } from '../support/arcade.ts';
import { FAULTS, type Fault, faulty, withoutFault } from '../support/faults.ts';
import { openSandbox, removeHome } from '../support/sandbox.ts';
import { median } from './measure.ts';

/** Unless a fault says otherwise. */
const COST_MS = 25;
const COMMANDS = [
  ['secret', 'list'],
  ['secret', 'set', '='],
] as const;
/** The shell's own clock, right before and right after the program alone. */
const TIMED = `exec 3>&1; { FROM=$EPOCHREALTIME; $SWITCH "$@" >&3 3>&-; CODE=$?; printf '\\n%s %s' $FROM $EPOCHREALTIME >&2; exit $CODE; }`;

interface Ran {
  readonly ms: number;
  readonly seen: string;
}

await benchFaults(Number(process.env.BENCH_ROUNDS ?? 15), process.argv[2]);

/** Measures every fault whose name contains `only`. */
async function benchFaults(rounds: number, only = ''): Promise<void> {
  const server = await startArcade({ latencyMs: 50 });
  const signIn = { ARCADE_API_KEY: server.user('A').api_keys[0] ?? '', ARCADE_URL: server.url };
  console.log(
    `Node ${process.versions.node}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, medians of ${rounds} pairs, ms\n`,
  );
  console.log('| fault | command | runs | untracked | tracked | longer | at most | outputs equal |');
  console.log('| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |');
  try {
    for (const [what, fault] of Object.entries(FAULTS).filter(([name]) => name.includes(only))) {
      const without = withoutFault(fault);
      if (without !== false) console.log(`| ${what} | not measured: ${without} | | | | | | |`);
      else for (const words of COMMANDS) console.log(await row(what, fault, words, signIn, rounds));
    }
  } finally {
    await server.close();
  }
}

async function row(
  what: string,
  fault: Fault,
  words: readonly string[],
  signIn: Readonly<Record<string, string>>,
  rounds: number,
): Promise<string> {
  const pairs: { off: Ran; on: Ran }[] = [];
  for (let i = -1; i < rounds; i += 1) {
    const untracked = (): Promise<Ran> => once(fault, words, { ...signIn, ARCADE_USAGE_TRACKING: '0' });
    const tracked = (): Promise<Ran> => once(fault, words, signIn);
    const first = i % 2 === 0 ? await untracked() : await tracked();
    const second = i % 2 === 0 ? await tracked() : await untracked();
    // The first pair warms the file cache.
    if (i >= 0) pairs.push(i % 2 === 0 ? { off: first, on: second } : { off: second, on: first });
  }
  const ms = (pick: (pair: { off: Ran; on: Ran }) => number): string => median(pairs.map(pick)).toFixed(0);
  const equal = pairs.every(({ off, on }) => off.seen === on.seen) ? 'yes' : 'NO';
  const figures = [ms(({ off }) => off.ms), ms(({ on }) => on.ms), ms(({ off, on }) => on.ms - off.ms)];
  const cells = [what, `\`${words.join(' ')}\``, rounds, ...figures, fault.costMs ?? COST_MS, equal];
  return `| ${cells.join(' | ')} |`;
}

/** One command in a home of its own. */
async function once(
  fault: Fault,
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Ran> {
  const home = openSandbox();
  const end = await fault.prepare?.(home);
  const command = faulty(home, fault, words, env, TIMED);
  const options = { env: command.env, extendEnv: false, reject: false, stdin: 'ignore' } as const;
  const { exitCode, stdout, stderr } = await execa(command.file, command.args, options);
  await end?.();
  await removeHome(home);
  const [, shown = '', from, to] = /^([\s\S]*)\n([\d.]+) ([\d.]+)$/.exec(stderr) ?? [];
  const notice = /^Arcade collects CLI usage data .*\n/m;
  return {
    ms: (Number(to) - Number(from)) * 1000,
    seen: `${exitCode} ${stdout} ${shown.replace(notice, '').replaceAll(home.home, '~')}`,
  };
}
