/** Reads what `--env-file` names: a file, a named pipe, or a pipe of the shell's such as `<(command)`. */
import { close, constants, fstatSync, openSync, readFileSync, readSync, realpathSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../errors.ts';
import { reasonOf } from '../infra/os/reasons.ts';
import { readBytes } from '../infra/text.ts';
import { LIMITS } from '../settings.ts';

/** A password manager that serves a file as a named pipe may ask the person first. */
const WRITER_WAIT_MS = 20_000;
const LOOK_EVERY_MS = 20;

/**
 * The bytes of the file, or of `input` for `-`. Throws `ENV_FILE_UNREADABLE`. A named pipe may have no writer for
 * `writerWaitMs`.
 */
export async function readEnvFile(
  path: string,
  input: NodeJS.ReadableStream,
  writerWaitMs = WRITER_WAIT_MS,
): Promise<Uint8Array> {
  let descriptor: number | undefined;
  try {
    if (path === '-') return await readBounded(path, input);
    // A pipe without a writer would otherwise block here, and with it the end of the process.
    descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const found = fstatSync(descriptor);
    if (found.isDirectory()) throw unreadable(path, 'it is a directory');
    if (!found.isFile() && !found.isFIFO()) throw unreadable(path, 'it is neither a file nor a pipe');
    if (found.size > LIMITS.inputBytes) throw unreadable(path, 'it is too large');
    if (found.isFile()) return readFileSync(descriptor);
    const begun = await readFirst(descriptor, isNamed(path) ? writerWaitMs : 0);
    if (begun?.length === 0) {
      if (isNamed(path)) throw unreadable(path, 'nothing was written to the pipe');
      return begun;
    }
    const pipe = new Socket({ fd: descriptor, readable: true, writable: false });
    descriptor = undefined; // Closed with the socket.
    if (begun !== undefined) pipe.unshift(begun);
    return await readBounded(path, pipe);
  } catch (error) {
    throw error instanceof UserError ? error : unreadable(path, reasonOf(error), error);
  } finally {
    if (descriptor !== undefined) close(descriptor);
  }
}

async function readBounded(path: string, input: NodeJS.ReadableStream): Promise<Uint8Array> {
  const bytes = await readBytes(input, LIMITS.inputBytes);
  if (bytes === undefined) throw unreadable(path, 'it is too large');
  return bytes;
}

/**
 * What a pipe holds already; undefined when a writer has it open and has written nothing yet. Nothing at all means that
 * no writer has it open, which waiting for data would not tell: then it looks again until one comes, or `waitMs` is over.
 */
async function readFirst(pipe: number, waitMs: number): Promise<Buffer | undefined> {
  const deadline = performance.now() + waitMs;
  const buffer = Buffer.alloc(64 * 1024);
  for (;;) {
    try {
      const length = readSync(pipe, buffer);
      if (length > 0 || performance.now() >= deadline) return buffer.subarray(0, length);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
      throw error;
    }
    await sleep(LOOK_EVERY_MS);
  }
}

/** Whether the pipe has a place in the file system; a shell's, below /dev, has lost its writer for good. */
function isNamed(path: string): boolean {
  try {
    return !realpathSync.native(path).startsWith('/dev/');
  } catch {
    return false; // On Linux such a pipe is a link to no file.
  }
}

function unreadable(path: string, why: string, cause?: unknown): UserError {
  const what = path === '-' ? 'standard input' : `the environment file ${path}`;
  const hint = 'Name another file with --env-file.';
  return new UserError('ENV_FILE_UNREADABLE', `Cannot read ${what}: ${why}.`, { hint, cause });
}
