/** Asks for what must not be seen, and reads what is piped in. */
import { StringDecoder } from 'node:string_decoder';
import type { ReadStream } from 'node:tty';
import { usageError } from '../errors.ts';
import { type Ending, MARK_PASTES, openHiddenLine } from './hidden-line.ts';

/** Standard input, as a terminal or a pipe. */
export type Input = NodeJS.ReadableStream & Partial<Pick<ReadStream, 'isTTY' | 'setRawMode'>>;

/** Thrown when the person presses Ctrl-C at a prompt. */
export class PromptInterrupted extends Error {}

/** How long what follows a line is awaited, so that none of it is left for the shell to run. */
const DRAIN_MS = 100;

/**
 * Asks on a terminal without echo. `question` goes to `output`. Resolves to null at end of input (Ctrl-D);
 * rejects with PromptInterrupted at Ctrl-C, and with a usage error when lines follow that nobody asked for.
 */
export async function askHidden(
  input: Input,
  output: { write(text: string): unknown },
  question: string,
): Promise<string | null> {
  const restore = once(() => {
    input.setRawMode?.(false);
    output.write(`${MARK_PASTES.off}\n`);
  });
  // A signal ends the process without coming back here.
  process.once('exit', restore);
  input.setRawMode?.(true);
  output.write(`${MARK_PASTES.on}${question}`);
  const ending = await readLine(input);
  process.removeListener('exit', restore);
  restore();
  switch (ending.kind) {
    case 'line':
      return ending.text;
    case 'end':
      return null;
    case 'interrupt':
      throw new PromptInterrupted();
    case 'several':
      throw usageError(
        'More than one line was given for the value.',
        'Use --stdin < FILE for a value of several lines.',
        'INVALID_VALUE',
      );
  }
}

function readLine(input: Input): Promise<Ending> {
  const line = openHiddenLine();
  const decoder = new StringDecoder('utf8');
  return new Promise((resolve) => {
    let ended = false;
    const end = (ending: Ending): void => {
      input.removeListener('data', take).removeListener('end', hangUp).removeListener('error', hangUp);
      input.pause();
      resolve(ending);
    };
    const hangUp = (): void => end({ kind: 'end' });
    const take = (chunk: Buffer | string): void => {
      const ending = ended ? null : line.feed(decoder.write(chunk as Buffer));
      if (ending === null) return;
      ended = true;
      if (ending.kind === 'several') setTimeout(() => end(ending), DRAIN_MS);
      else end(ending);
    };
    input.on('data', take).once('end', hangUp).once('error', hangUp).resume();
  });
}

/** Reads all there is; undefined when it is more than `limit` bytes. Rejects with what the system says. */
export async function readBytes(input: Input, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    bytes += (chunk as Buffer).length;
    if (bytes > limit) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}
