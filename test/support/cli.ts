/** Runs the built program as a person does: a process of its own, its streams, its exit code. */
import { join } from 'node:path';
import { execa, type Options } from 'execa';
import type { Sandbox } from './sandbox.ts';

export const PROGRAM = join(import.meta.dirname, '..', '..', 'dist', 'arcade.js');

export interface Ran {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  /** Beside what a shell gives: PATH and a home. Undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  /** In place of `arcade`. */
  readonly program?: string | undefined;
  /** A module of this folder that is loaded into the process first: its first lines say what for. */
  readonly hook?: 'held-open.mjs' | 'kill-at.mjs' | 'kill-step.mjs';
}

/** Runs `arcade` with these arguments and waits for its end; never rejects for an exit code. */
export async function arcade(home: Sandbox, args: readonly string[], running: Running = {}): Promise<Ran> {
  const { exitCode, signal, stdout, stderr } = await startArcadeCli(home, args, running);
  return { exitCode, signal, stdout: String(stdout ?? ''), stderr: String(stderr ?? '') };
}

/** Starts `arcade` and hands out the process. */
export function startArcadeCli(
  home: Sandbox,
  args: readonly string[],
  { env, input, cwd, hook, program = PROGRAM }: Running = {},
) {
  const options = {
    env: { ...baseEnvironment(home), ...env },
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    cwd: cwd ?? home.home,
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
  } satisfies Options;
  const hooked = hook === undefined ? [] : ['--import', join(import.meta.dirname, hook)];
  return execa(process.execPath, [...hooked, '--', program, ...args], options);
}

/** Nothing is recorded. */
export const UNTRACKED = { ARCADE_USAGE_TRACKING: '0' };

/** Nothing of the machine's own settings: the tests are the same everywhere. */
export function baseEnvironment(home: Sandbox): Record<string, string> {
  return { PATH: process.env.PATH ?? '', HOME: home.home };
}
