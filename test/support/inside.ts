/**
 * Runs the program in this process, with streams and an environment of the test's own: for help, wrong lines, tables
 * and views, without the 0.2 s that a process takes to start. Nothing is recorded unless the test asks for it.
 */
import { PassThrough, Writable } from 'node:stream';
import { main } from '../../src/main.ts';
import type { Input } from '../../src/terminal/prompt.ts';
import { TRACKED, UNTRACKED } from './cli.ts';
import { PROGRAM } from './program.ts';
import type { Sandbox } from './sandbox.ts';

export interface Inside {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string | Uint8Array;
  /** Standard input and error are a terminal, on which this is typed: one text for each prompt. */
  readonly typed?: readonly (string | Uint8Array)[];
  /** The same, for a person who reads: what is typed when standard error shows this. Undefined types nothing. */
  readonly answer?: (shown: string) => Promise<string | undefined>;
  /** Standard output and error are a terminal of so many columns, which shows no colors. */
  readonly columns?: number;
}

export interface Came {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `arcade` with these arguments, at this home. */
export async function inside(
  home: Sandbox,
  args: readonly string[],
  { env, input, answer, typed = answer && [], columns = typed && 80 }: Inside = {},
): Promise<Came> {
  const stdout = new Screen(columns);
  const stderr = new Screen(columns);
  const stdin = typed === undefined ? new PassThrough().end(input ?? '') : terminal(typed);
  if (answer !== undefined)
    stderr.onText = async (shown) => {
      const text = await answer(shown);
      if (text !== undefined) (stdin as PassThrough).write(text);
    };
  const exitCode = await main({
    argv: args,
    env: { HOME: home.home, ...UNTRACKED, LANG: 'C.UTF-8', NO_COLOR: '1', ...env },
    program: PROGRAM,
    stdin,
    stdout,
    stderr,
    signals: { on: () => undefined, endBy: () => undefined },
    monotonic: () => performance.now() / 1000,
    startedAt: performance.now() / 1000,
  });
  return { exitCode, stdout: stdout.text, stderr: stderr.text };
}

/** `arcade usage` with these words, as with recording on. */
export function usage(home: Sandbox, words: readonly string[], on: Inside = {}): Promise<Came> {
  return inside(home, ['usage', ...words], { ...on, env: { ...TRACKED, ...on.env } });
}

/** The document of one of its views; which of its fields a test reads, the test says. */
export async function usageJson<T>(home: Sandbox, ...words: string[]): Promise<T> {
  return JSON.parse((await usage(home, ['--json', ...words])).stdout) as T;
}

export interface Status {
  readonly consent: { readonly enabled: boolean; readonly decided_by: string };
  readonly identity: { readonly anon_id: string | null; readonly linked_principal_id: string | null };
  readonly ledger: Readonly<
    Record<'recorded' | 'delivered' | 'pending' | 'quarantined' | 'purged', number> & {
      dropped: Readonly<Record<string, number>>;
    }
  >;
  readonly spilled: number;
  readonly store: { readonly state: string };
}

/** What `usage status` says. */
export function statusOf(home: Sandbox): Promise<Status> {
  return usageJson<Status>(home, 'status');
}

function terminal(typed: NonNullable<Inside['typed']>): Input {
  const left = [...typed];
  const stream = new PassThrough();
  const setRawMode = (isRaw: boolean): void => {
    const next = isRaw ? left.shift() : undefined;
    if (next !== undefined) stream.write(next);
  };
  return Object.assign(stream, { isTTY: true, setRawMode }) as unknown as Input;
}

class Screen extends Writable {
  text = '';
  onText: (shown: string) => Promise<void> = async () => undefined;
  readonly isTTY: boolean;
  readonly columns: number;

  constructor(columns: number | undefined) {
    super();
    this.isTTY = columns !== undefined;
    this.columns = columns ?? 0;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    void this.onText(this.text);
    done();
  }
}
