/** How a command or a group is described. */
import type { Run } from '../invocation.ts';
import type { CommandName } from '../usage/event/event.ts';
import type { OptionSpec, Shape } from './parse.ts';

export interface CommandSpec extends Shape {
  readonly positionals: readonly [number, number];
  readonly usage: string;
  /** The first line is the summary. */
  readonly describe: readonly string[];
  readonly examples: readonly string[];
  /** What its events are called; null: it records none. */
  readonly event: CommandName | null;
  readonly load: () => Promise<Run>;
}

export interface GroupSpec extends Shape {
  readonly positionals: null;
  readonly describe: readonly string[];
  readonly examples?: readonly string[];
}

export const JSON_OUT: OptionSpec = { name: 'json', describe: 'Print the result as one JSON document' };
