/** What every command is given, and what it gives back. */
import type { ConnectionOptions } from './auth/connection.ts';
import type { Credentials } from './auth/credentials.ts';
import type { FailureCode, UserError } from './errors.ts';
import type { Settings } from './settings.ts';
import type { Output } from './terminal/output.ts';
import type { Input } from './terminal/prompt.ts';
import type { CommandName, SignInChange } from './usage/event/event.ts';

/** Values by option name; switches are `true`. The last of several wins. `program/commands.ts` adds the names. */
// biome-ignore lint/suspicious/noEmptyInterface: it is extended where the options are.
export interface Options {}

export interface Invocation {
  readonly options: Options;
  readonly positionals: readonly string[];
  /** The result is to be one JSON document. */
  readonly json: boolean;
  readonly connection: ConnectionOptions;
  readonly settings: Settings;
  readonly output: Output;
  /** Milliseconds since the process began. */
  readonly elapsedMs: () => number;
  /** Standard input. A getter, because touching the process's own opens it. */
  readonly input: Input;
  /** Asks on the terminal without echo; null at end of input. Rejects with a usage error under --no-input. */
  readonly askHidden: (question: string) => Promise<string | null>;
  /** Reads another command line without running it. */
  readonly readLine: (argv: readonly string[]) => LineReading;
  /** What may stand next on a command line, of which the last word is being typed. */
  readonly complete: (typed: readonly string[]) => Completion;
  /** The credentials in force, read once. Rejects with UserError when they cannot be read. */
  readonly credentials: () => Promise<Credentials>;
  /** To be called by a command that has changed who is signed in, with what it signed in with. */
  readonly identityChanged: (change: SignInChange, signedIn: Credentials | undefined) => void;
  /** Aborted when a signal, or Ctrl-C at a prompt, ends the command. */
  readonly interrupted: AbortSignal;
  /** Work that must finish before an interrupted process exits, or the login would be lost; it gets a few seconds at most. */
  readonly protect: (work: Promise<unknown>) => void;
}

/** A command line that is looked at and not run. */
export interface LineReading {
  /** The command, or the group whose help it asks for; null when there is none. */
  readonly words: string | null;
  /** What its event would be called; null: it records none. */
  readonly event: CommandName | null;
  readonly connection: ConnectionOptions;
  /** Why it cannot be run. */
  readonly error: UserError | undefined;
}

/** What a shell may offer. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  /** What the candidates are that the table of commands does not know. */
  readonly values: Completed | null;
  /** What stands before such a value in its word: `--env-file=`. */
  readonly prefix: string;
}

export type Candidate = readonly [value: string, description: string];

/** Values that a shell can offer. */
export type Completed = 'secret keys' | 'organizations' | 'projects' | 'records' | 'files' | 'a command line';

/**
 * A command. Resolves to undefined on success, or to the code of a failure that it has already printed. Throws
 * UserError for failures that are still to be printed.
 */
export type Run = (invocation: Invocation) => Promise<FailureCode | undefined>;

/** The connection flags among the options. */
export function connectionOf({ host, port, tls, 'no-tls': noTls }: Options): ConnectionOptions {
  return { host, port, tls: tls === true, noTls: noTls === true };
}

/** Prints a result: as JSON where that was asked for, else as `print` does. */
export async function respond(
  { json, output }: Invocation,
  document: unknown,
  print: () => void | Promise<void>,
): Promise<void> {
  if (json) output.json(document);
  else await print();
}
