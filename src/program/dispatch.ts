/** Finds what a command line runs. sade keeps the tree of commands; it is loaded when one of them runs. */
import sade from 'sade';
import type { Run } from '../invocation.ts';
import { COMMANDS } from './commands.ts';

/** Loads the command that `words` name; the line itself has been taken apart already. */
export async function dispatch(words: string): Promise<Run> {
  const program = sade('arcade');
  for (const [name, { load }] of COMMANDS) program.command(name).action(load);
  const { handler } = program.parse(['node', 'arcade', ...words.split(' ')], { lazy: true });
  return (await handler()) as Run;
}
