/** What every command is given, and what it gives back. */

import type { ConnectionOptions } from './auth/connection.ts';
import type { Credentials } from './auth/credentials.ts';
import type { ErrorCode } from './errors.ts';
import type { Options, Parsed } from './program/parse.ts';
import type { Settings } from './settings.ts';
import type { Output } from './terminal/output.ts';
import type { Input } from './terminal/prompt.ts';
import type { IdentityChange } from './usage/append/append.ts';
import type { CommandName } from './usage/event/event.ts';

export interface Invocation {
  readonly options: Options;
  readonly positionals: readonly string[];
  readonly connection: ConnectionOptions;
  readonly settings: Settings;
  readonly output: Output;
  readonly input: Input;
  /** Asks on the terminal without echo; null at end of input. */
  readonly askHidden: (question: string) => Promise<string | null>;
  /** Takes another command line apart, and tells which events it would be recorded by; null for none. */
  readonly understand: (argv: readonly string[]) => { parsed: Parsed; event: CommandName | null };
  /** The credentials in force, read once. Rejects with UserError when they cannot be read. */
  readonly credentials: () => Promise<Credentials>;
  /** To be called by a command that has changed who is signed in, with what it signed in with. */
  readonly identityChanged: (change: NonNullable<IdentityChange>, signedIn: Credentials | undefined) => void;
  /** Aborted when a signal, or Ctrl-C at a prompt, ends the command. */
  readonly interrupted: AbortSignal;
  /** Work that an interruption must let end, or the login would be lost; it waits a few seconds at most. */
  readonly protect: (work: Promise<unknown>) => void;
}

/**
 * A command. It resolves to nothing when it has succeeded, or to the code of a failure that it has already told the
 * person about; it rejects with UserError for one that is still to be told.
 */
export type Run = (invocation: Invocation) => Promise<ErrorCode | undefined>;

/** The connection flags among the options. */
export function connectionOf(options: Options): ConnectionOptions {
  const text = (name: string): string | undefined => {
    const value = options[name];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    host: text('host'),
    port: text('port'),
    tls: options.tls === true,
    noTls: options['no-tls'] === true,
  };
}
