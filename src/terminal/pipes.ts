/** Output that has been written: flushed, failed, or without a reader. */
import { fstatSync, type Stats, writeSync } from 'node:fs';
import { UserError } from '../errors.ts';

const nextTurn = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));

/** Resolves when all output has been flushed, or has failed, and after pending signals were delivered. */
export async function flushed(...streams: readonly NodeJS.WritableStream[]): Promise<void> {
  // Node looks for signals between two turns of this kind; the first one may come before it looks.
  await nextTurn();
  await nextTurn();
  await Promise.all(
    streams.map((stream) => new Promise<void>((resolve) => stream.write('', () => resolve()))),
  );
}

/**
 * Node writes to a file once and takes no notice when the system took less of it, as on a disk that is just full.
 * Makes a standard stream that goes to a file write on until all is written or the system says why not.
 */
export function writeWholly(stream: NodeJS.WriteStream, file: number): void {
  if (kindOf(file)?.isFile() !== true) return;
  stream._write = (chunk: Buffer, _encoding, done) => {
    try {
      for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
      done();
    } catch (error) {
      done(error as Error);
    }
  };
}

/** Whether a descriptor is a pipe or a socket, whose reader may go away. */
export function isPipe(file: number): boolean {
  const found = kindOf(file);
  return found?.isFIFO() === true || found?.isSocket() === true;
}

function kindOf(file: number): Stats | undefined {
  try {
    return fstatSync(file);
  } catch {
    return undefined; // It is closed.
  }
}

type Emitter = Pick<NodeJS.EventEmitter, 'on'>;

/**
 * Watches the streams of the terminal. The function that it returns resolves to the error of a result that could not be
 * written; a reader that has seen enough (`arcade secret list | head -1`) is no failure.
 */
export function watchPipes(stdout: Emitter, stderr: Emitter): () => Promise<UserError | undefined> {
  let failed: NodeJS.ErrnoException | undefined;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Windows calls it the end of the file.
    if (error.code !== 'EPIPE' && error.code !== 'EOF') failed ??= error;
  });
  stderr.on('error', () => undefined);
  return async () => {
    // A stream reports a failed write a moment after it.
    await nextTurn();
    if (failed === undefined) return undefined;
    return new UserError('OUTPUT_FAILED', 'The output could not be written.', {
      hint: 'Check the free space on the target device.',
      cause: failed,
    });
  };
}
