/** How the table of commands describes what can be typed. */
import type { Completed, Run } from '../invocation.ts';

export interface Option {
  readonly name: string;
  readonly short?: string;
  /** Name of its value in help; without it the option is a switch. */
  readonly value?: string;
  /** The only values it takes. */
  readonly choices?: readonly string[];
  /** The least and the greatest number it takes: a whole one, unless the value counts SECONDS. */
  readonly range?: readonly [min: number, max: number];
  /** The option that it cannot stand beside. */
  readonly not?: string;
  /** Its value when it is not given, for help. */
  readonly default?: string;
  readonly completes?: Completed;
  readonly describe: string;
}

/** Commands under one word. */
export interface Group {
  /** The first line is the summary. */
  readonly describe: readonly string[];
  /** Options of all its commands; they may stand before the subcommand. */
  readonly options: readonly Option[];
  /** The command that the group's name stands for when no subcommand is given; without one: help. */
  readonly runs?: string;
  /** Runs of its commands are no usage events. */
  readonly recorded?: false;
  /** Another name of the group. */
  readonly alias?: string;
  readonly examples: readonly string[];
}

export interface Command {
  /** Positional arguments, such as `<OLD> <NEW>`, `[ID]` or `<KEY>...`. How many there may be follows from it. */
  readonly usage?: string;
  /** The first line is the summary. */
  readonly describe: readonly string[];
  readonly examples: readonly string[];
  readonly options?: readonly Option[];
  /** False: it has no result to print as JSON. */
  readonly json?: false;
  /** When it exits with 1, where that needs saying. */
  readonly fails?: string;
  /** What its positional arguments are. */
  readonly completes?: Completed;
  readonly choices?: readonly string[];
  /** It is listed on the first page of help. */
  readonly everyday?: true;
  /** Everything after `--` or the first positional argument is handed over untouched. */
  readonly verbatim?: true;
  /** Its runs are no usage events. */
  readonly recorded?: false;
  /** Shells call it, people do not. */
  readonly hidden?: true;
  readonly load: () => Promise<Run>;
}
