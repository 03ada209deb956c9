/** Starts another Node program and lets go of it. */
import { parse } from 'node:path';
import { type Program, tlsFlags } from '../../settings.ts';
import { hasRoomFor } from './process-room.ts';

interface Detached {
  readonly program: Program;
  readonly script: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Reads execa ahead of its use; a command does so while it waits for the network. */
export async function prepareToStart(): Promise<void> {
  await import('execa');
}

/** Node's own flags for a program that nothing waits for. */
export const LEAN: readonly string[] = [
  // One thread of V8's own in place of four, and none that waits for a debugger: a container may allow few, and a
  // process that cannot start one is aborted.
  '--v8-pool-size=0',
  '--disable-sigusr1',
  // What a flusher of a long queue leaves behind is collected early (see `stayLean`).
  '--max-semi-space-size=2',
];
/**
 * For work that takes long in a process that was started with `LEAN`: its memory stays at half. As a flag of Node's it
 * would void the code that V8 has cached, Node's own too, which costs a start 15 ms.
 */
export function stayLean(): void {
  process.getBuiltinModule('node:v8').setFlagsFromString('--heap-growing-percent=20');
}

/** All threads of such a program: two of Node, one of V8, two of the pool, and one that keeps the time. */
const THREADS = 6;
/** For the next command, which may have more threads at its height than this one has at this moment. */
const SPARE = 6;
/** One look-up of a name may be stuck while a file is synced. */
const POOL = { UV_THREADPOOL_SIZE: '2' };

/**
 * Starts `script` in a session of its own: it shares no terminal, no pipe, no folder and none of the caller's
 * environment, and goes on when the caller ends. Resolves once it is started. A program that
 * cannot be started is no error here: the next command tries again. Where it would reach a limit of processes it is not
 * started, for the next command would then be aborted.
 */
export async function startDetached({ program, script, environment }: Detached): Promise<void> {
  if (!hasRoomFor(THREADS + SPARE)) return;
  const { execa } = await import('execa');
  const child = execa(program.execPath, argumentsOf(program, script), {
    ...surroundings(script, environment),
    detached: true,
    cleanup: false,
    stdio: 'ignore',
    buffer: false,
  });
  child.nodeChildProcess.unref();
}

/**
 * Runs `script` with the same Node, flags and environment, and waits for its end, `limitMs` at most. Resolves to what it
 * has printed, or to why there is nothing: the first line of its errors, or how it ended. Never rejects.
 */
export async function runAttached(
  { program, script, environment }: Detached,
  words: readonly string[],
  limitMs: number,
): Promise<{ readonly output: string } | { readonly failure: string }> {
  const { execa } = await import('execa');
  const ended = await execa(program.execPath, [...argumentsOf(program, script), ...words], {
    ...surroundings(script, environment),
    timeout: limitMs,
    stdin: 'ignore',
  });
  if (!ended.failed) return { output: ended.stdout ?? '' };
  const [line = ''] = ended.stderr.split('\n').filter((each) => each.trim() !== '');
  return { failure: line || (ended.shortMessage ?? 'it ended early') };
}

function argumentsOf({ execArgv }: Program, script: string): string[] {
  return [...inherited(execArgv), ...LEAN, '--', script];
}

function surroundings(script: string, environment: Detached['environment']) {
  return {
    // A working directory keeps a folder from being deleted, or its file system from being unmounted.
    cwd: parse(script).root,
    env: { ...environment, ...POOL },
    extendEnv: false,
    windowsHide: true,
    reject: false,
  } as const;
}

/** Of the caller's own flags those that let Node run this project from source, and those that make its TLS work. */
function inherited(execArgv: readonly string[]): string[] {
  const imports = execArgv.filter(
    (flag, i) => flag === '--import' || execArgv[i - 1] === '--import' || flag.startsWith('--import='),
  );
  return [...imports, ...tlsFlags(execArgv)];
}
