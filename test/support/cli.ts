/** Runs the built program as a person does: a process of its own, its streams, its exit code. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa, type Options } from 'execa';
import type { Sandbox } from './sandbox.ts';

const ROOT = join(import.meta.dirname, '..', '..');
export const PROGRAM = join(ROOT, 'dist', 'arcade.js');

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
  /** A command line of bash that runs it, as `"$@"`. */
  readonly shell?: string;
  /** The user who runs it, for tests that root runs. */
  readonly user?: number;
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
  { env, input, cwd, hook, shell, user, program }: Running = {},
) {
  const options = {
    env: { ...baseEnvironment(home), ...env },
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    cwd: cwd ?? (user === undefined ? home.home : '/'),
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
  } satisfies Options;
  const runnable = user === undefined ? { node: process.execPath, program: PROGRAM } : everyones();
  const [file = '', ...words] = [
    ...(user === undefined ? [] : asUser(user)),
    ...(shell === undefined ? [] : ['bash', '-c', shell, 'bash']),
    runnable.node,
    ...(hook === undefined ? [] : ['--import', join(import.meta.dirname, hook)]),
    '--',
    program ?? runnable.program,
    ...args,
  ];
  return execa(file, words, options);
}

/** Nothing is recorded. */
export const UNTRACKED = { ARCADE_USAGE_TRACKING: '0' };
/** Events are recorded, as they are by default. */
export const TRACKED = { ARCADE_USAGE_TRACKING: undefined };

/** Nothing of the machine's own settings: the tests are the same everywhere. */
export function baseEnvironment(home: Sandbox): Record<string, string> {
  return { PATH: process.env.PATH ?? '', HOME: home.home };
}

/** A user who owns nothing. */
export const NOBODY = 65_534;
/** Why nothing can be run as another user here; false where it can. */
export const notRoot = process.getuid?.() === 0 ? false : 'only root can become another user';

const LEFT_OUT = ['deps', 'src'].map((name) => join(ROOT, 'node_modules', 'better-sqlite3', name));

interface Runnable {
  readonly node: string;
  readonly program: string;
}

let runnable: Runnable | undefined;

/** Node and the program where every user can run them: those of this clone, else copies that go with this process. */
export function everyones(): Runnable {
  runnable ??= [process.execPath, PROGRAM].every(isEveryones)
    ? { node: process.execPath, program: PROGRAM }
    : copied();
  return runnable;
}

/** The words that run a command line as the user of this id. */
export function asUser(id: number): readonly string[] {
  return ['setpriv', `--reuid=${id}`, `--regid=${id}`, '--clear-groups', '--'];
}

function isEveryones(path: string): boolean {
  const [file = '', ...words] = [...asUser(NOBODY), 'test', '-r', path];
  return spawnSync(file, words).status === 0;
}

function copied(): Runnable {
  const folder = mkdtempSync(join(tmpdir(), 'arcade-everyones-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['dist', 'migrations', 'package.json', join('node_modules', 'better-sqlite3')])
    cpSync(join(ROOT, name), join(folder, name), {
      recursive: true,
      dereference: true,
      filter: (path) => !LEFT_OUT.includes(path),
    });
  mkdirSync(join(folder, 'bin'));
  cpSync(process.execPath, join(folder, 'bin', 'node'), { dereference: true });
  chmodSync(folder, 0o755);
  return { node: join(folder, 'bin', 'node'), program: join(folder, 'dist', 'arcade.js') };
}
