/** Runs the built program on a real pseudo-terminal, with a person who answers. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { execa } from 'execa';
import { baseEnvironment, PROGRAM } from './cli.ts';
import type { Sandbox } from './sandbox.ts';

export interface OnTerminal {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What is typed, each once the text before it has been shown. */
  readonly steps?: readonly (readonly [shown: string, typed: string])[];
  /** Sent to the program after the last step; CLOSE takes the terminal away. */
  readonly signal?: 'TERM' | 'HUP' | 'CLOSE';
  /** A command line of the shell that runs the program as `arcade`; else the program runs by itself. */
  readonly shell?: string;
}

export interface Shown {
  readonly exitCode: number;
  /** All that the terminal was sent; line ends as `\n`. */
  readonly shown: string;
  /** Whether the terminal was left showing what is typed. */
  readonly echoes: boolean;
}

/** Whether this machine can do it. */
export const hasTerminals = spawnSync('python3', ['-c', 'import pty, termios']).status === 0;

/** Rejects when a step's text was never shown. */
export async function onTerminal(
  { home, env: signedIn }: { readonly home: Sandbox; readonly env?: OnTerminal['env'] },
  args: readonly string[],
  on: OnTerminal = {},
): Promise<Shown> {
  const { columns = 80, rows = 40, steps = [], shell, signal = null } = on;
  const program = [process.execPath, '--', PROGRAM];
  const argv = shell === undefined ? [...program, ...args] : ['/bin/sh', '-c', shell, ...program, ...args];
  const plain = { ...baseEnvironment(home), TERM: 'xterm-256color', LANG: 'C.UTF-8' };
  // JSON leaves out what is undefined.
  const env = { ...plain, ...signedIn, ...on.env };
  const input = JSON.stringify({ argv, env, columns, rows, steps, signal, cwd: home.home });
  const { stdout } = await execa('python3', [join(import.meta.dirname, 'terminal.py')], { input });
  const { exitCode, shown, echoes, left } = JSON.parse(stdout);
  if (left > 0)
    throw new Error(`the terminal never showed ${JSON.stringify(steps.at(-left)?.[0])}: ${shown}`);
  return { exitCode, shown: shown.replaceAll('\r\n', '\n'), echoes };
}
