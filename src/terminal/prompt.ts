/** Asks for what must not be seen, and reads what is piped in. */
import { isUtf8 } from 'node:buffer';
import { StringDecoder } from 'node:string_decoder';
import type { ReadStream } from 'node:tty';
import { EXIT, UserError, usageError } from '../errors.ts';
import { LIMITS } from '../settings.ts';
import { type Ending, MARK_PASTES, openHiddenLine } from './hidden-line.ts';

/** Standard input, as a terminal or a pipe. */
export type Input = NodeJS.ReadableStream & Partial<Pick<ReadStream, 'isTTY' | 'setRawMode'>>;

/** Thrown when the person presses Ctrl-C at a prompt, or closes the terminal. */
export class PromptInterrupted extends Error {}

/** How long it must be quiet after surplus lines, so that none of them is left for the shell to run. */
const DRAIN_MS = 100;

/**
 * Asks on a terminal without echo. `question` goes to `output`. Resolves to null at end of input (Ctrl-D);
 * rejects with PromptInterrupted at Ctrl-C and when the terminal is closed, and with a usage error when lines follow that nobody asked for.
 */
export async function askHidden(
  input: Input,
  output: { write(text: string): unknown },
  question: string,
): Promise<string | null> {
  const restore = once(() => {
    try {
      input.setRawMode?.(false);
    } catch {
      return; // The terminal is gone.
    }
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
    let surplus: NodeJS.Timeout | undefined;
    const end = (ending: Ending): void => {
      clearTimeout(surplus);
      input.removeListener('data', take).removeListener('end', hangUp).removeListener('error', hangUp);
      input.pause();
      resolve(ending);
    };
    // The terminal has been closed: Ctrl-D is a character here, which `line` understands.
    const hangUp = (): void => end({ kind: 'interrupt' });
    const take = (chunk: Buffer | string): void => {
      surplus?.refresh();
      const ending = surplus === undefined ? line.feed(decoder.write(chunk as Buffer)) : null;
      if (ending?.kind === 'several') surplus = setTimeout(() => end(ending), DRAIN_MS);
      else if (ending !== null) end(ending);
    };
    input.on('data', take).once('end', hangUp).once('error', hangUp).resume();
  });
}

/**
 * Reads all of standard input as text and takes one final line end off: `echo` and most editors write it.
 * Rejects with a usage error when it cannot be read, is too large, or is not UTF-8.
 */
export async function readAll(input: Input): Promise<string> {
  const bytes = await readBytes(input, LIMITS.inputBytes).catch((cause: unknown) => {
    throw new UserError('VALUE_REQUIRED', 'Standard input cannot be read.', { exitCode: EXIT.usage, cause });
  });
  if (bytes === undefined) throw usageError('Standard input is too large.', undefined, 'INVALID_VALUE');
  if (!isUtf8(bytes)) {
    throw usageError(
      'Standard input is not UTF-8 text.',
      'Encode binary values first, for example with base64.',
      'INVALID_VALUE',
    );
  }
  return bytes.toString('utf8').replace(/\r?\n$/, '');
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
