/** Flushers as processes: started by the test, or found running, and timed to their end. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { LEAN } from '../../src/infra/os/detached.ts';
import { baseEnvironment } from './cli.ts';
import type { Sandbox } from './sandbox.ts';
import { until } from './until.ts';

export const FLUSHER_PROGRAM = join(import.meta.dirname, '..', '..', 'dist', 'flusher.js');

export interface Ended {
  /** From the start of the process to its end. */
  readonly ms: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Largest resident set that was seen. */
  readonly peakMb: number;
}

export interface Started {
  readonly pid: number;
  readonly ended: Promise<Ended>;
}

/** Starts a flusher as a command does. `inside` is shell code that runs first, in namespaces of its own. */
export function startFlusher(home: Sandbox, env: Readonly<Record<string, string>>, inside?: string): Started {
  const started = performance.now();
  const node = [process.execPath, ...LEAN, '--', FLUSHER_PROGRAM];
  const [file = '', ...args] =
    inside === undefined
      ? node
      : [
          'unshare',
          '-rnm',
          'sh',
          '-ec',
          `${inside}\ncut -d' ' -f1 /proc/uptime > "$HOME/began"\nexec "$@"`,
          'sh',
          ...node,
        ];
  const child = spawn(file, args, {
    env: { ...baseEnvironment(home), ...env },
    stdio: 'ignore',
    cwd: home.home,
  });
  const pid = child.pid ?? 0;
  let peakMb = 0;
  const look = setInterval(() => {
    peakMb = Math.max(peakMb, residentMb(pid));
  }, 20);
  const ended = once(child, 'exit').then(([code, signal]) => {
    clearInterval(look);
    // What was made ready in the namespaces is no part of the flusher's life.
    const ms =
      inside === undefined
        ? performance.now() - started
        : (uptime() - Number(readFileSync(join(home.home, 'began'), 'utf8'))) * 1000;
    return { ms: Math.round(ms), code, signal, peakMb };
  });
  return { pid, ended };
}

function residentMb(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0; // It has ended.
  }
}

/** Why namespaces cannot be made here, or undefined when they can. */
export function withoutNamespaces(): string | undefined {
  const { status, error } = spawnSync('unshare', ['-rnm', 'ip', 'link', 'set', 'lo', 'up']);
  return status === 0 ? undefined : `no user namespaces or no ip command here: ${error?.message ?? status}`;
}

/** Shell code for `startFlusher`: packets to 10.9.9.0/24 leave and nobody ever answers. */
export const BLACK_HOLE = `
ip link set lo up
ip link add v0 type veth peer name v1
ip addr add 10.9.9.1/24 dev v0
ip link set v0 up
ip link set v1 up
ip neigh add 10.9.9.9 lladdr 02:00:00:00:00:01 dev v0`;

/** Shell code for `startFlusher`: name servers that never answer. */
export const DEAD_NAME_SERVER = `${BLACK_HOLE}
printf 'nameserver 10.9.9.9\\nnameserver 10.9.9.9\\nnameserver 10.9.9.9\\n' > "$HOME/resolv.conf"
mount --bind "$HOME/resolv.conf" /etc/resolv.conf`;

/** The flushers that work in this home, alive or stopped, but not those that are dead and not yet buried. */
export function flushersOf(home: Sandbox): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isFlusherOf(home, pid));
}

/** Waits until the last of them has ended. */
export async function flushersEnded(home: Sandbox): Promise<void> {
  await until(() => flushersOf(home).length === 0, { what: 'the flusher to end', timeoutMs: 15_000 });
}

export interface Watch {
  /** How many have been seen so far, and how many of them at once. */
  readonly seen: () => number;
  readonly most: () => number;
  stop(): void;
}

/** Looks at the flushers of a home again and again, until it is stopped. */
export function watchFlushers(home: Sandbox): Watch {
  const seen = new Set<number>();
  let most = 0;
  const look = setInterval(() => {
    const alive = flushersOf(home);
    most = Math.max(most, alive.length);
    for (const pid of alive) seen.add(pid);
  }, 25);
  return { seen: () => seen.size, most: () => most, stop: () => clearInterval(look) };
}

function isFlusherOf(home: Sandbox, pid: number): boolean {
  try {
    return (
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(FLUSHER_PROGRAM) &&
      environmentOf(pid).some(
        (entry) => entry === `ARCADE_WORK_DIR=${home.home}` || entry === `HOME=${home.home}`,
      )
    );
  } catch {
    return false; // It ended while we looked.
  }
}

function environmentOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
}

export interface Account {
  readonly recorded: number;
  readonly delivered: number;
  readonly pending: number;
  readonly quarantined: number;
  readonly backoff: string | null;
}

/** The ledger of a home, and why it is backing off. */
export function accountOf(home: Sandbox): Account {
  const ledger = home.rows<{ name: string; value: number }>('SELECT name, value FROM ledger');
  const of = (name: string): number => ledger.find((row) => row.name === name)?.value ?? 0;
  const [backoff] = home.rows<{ reason: string }>('SELECT reason FROM backoff');
  return {
    recorded: of('recorded'),
    delivered: of('delivered'),
    pending: of('pending'),
    quarantined: of('quarantined'),
    backoff: backoff?.reason ?? null,
  };
}
