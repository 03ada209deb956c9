/** The program: help and the version at once, everything else as a command that is run, reported and recorded. */
import { EXIT } from './errors.ts';
import { type Parsed, parseLine } from './program/parse.ts';
import type { Process } from './run.ts';
import { openOutput } from './terminal/output.ts';
import { flushed, watchPipes } from './terminal/pipes.ts';
import { say, visible } from './terminal/visible.ts';

/** Runs one command line. Resolves to the exit code when there is nothing more to wait for. Never rejects. */
export async function main(around: Process): Promise<number> {
  const parsed = parseLine(around.argv);
  if (parsed.kind === 'version' || parsed.kind === 'help') return await show(parsed, around);
  return await (await import('./run.ts')).runLine(parsed, around);
}

type Shown = Extract<Parsed, { kind: 'version' | 'help' }>;

async function show(parsed: Shown, { env, program, stdout, stderr }: Process): Promise<number> {
  const isPlain = parsed.kind === 'help' && parsed.options['no-color'] === true;
  const output = openOutput(stdout, stderr, isPlain ? { ...env, NO_COLOR: '1' } : env);
  const written = watchPipes(stdout, stderr);
  if (parsed.kind === 'version') output.line(say`arcade ${visible(program.version)}`);
  else await (await import('./program/help.ts')).printHelp(parsed.words, output);
  const error = await written();
  if (error !== undefined) await (await import('./terminal/failure.ts')).printError(output, error, false);
  await flushed(stdout, stderr);
  return error?.exitCode ?? EXIT.done;
}
