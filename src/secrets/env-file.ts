/** Reads what `--env-file` names: a file, or a pipe such as the shell's `<(command)`. */
import { close, constants, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { UserError } from '../errors.ts';
import { LIMITS } from '../settings.ts';
import { visible } from '../terminal/output.ts';
import { readBytes } from '../terminal/prompt.ts';

/** The bytes of the file. Throws UserError when there are none to be had. */
export async function readEnvFile(path: string): Promise<Uint8Array> {
  let descriptor: number | undefined;
  try {
    // A pipe that nobody writes to would otherwise block here, and with it the end of the process.
    descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const found = fstatSync(descriptor);
    if (found.isDirectory()) throw unreadable(path, 'it is a directory');
    if (!found.isFile() && !found.isFIFO()) throw unreadable(path, 'it is neither a file nor a pipe');
    if (found.size > LIMITS.inputBytes) throw unreadable(path, 'it is too large');
    if (found.isFile()) return readFileSync(descriptor);
    const begun = readAtOnce(descriptor);
    if (begun?.length === 0) return begun;
    const pipe = new Socket({ fd: descriptor, readable: true, writable: false });
    descriptor = undefined; // Closed with the socket.
    if (begun !== undefined) pipe.unshift(begun);
    const bytes = await readBytes(pipe, LIMITS.inputBytes);
    if (bytes === undefined) throw unreadable(path, 'it is too large');
    return bytes;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw unreadable(
      path,
      REASONS[(error as NodeJS.ErrnoException).code ?? ''] ?? 'the system refuses',
      error,
    );
  } finally {
    if (descriptor !== undefined) close(descriptor);
  }
}

/**
 * What a pipe holds already: nothing when nobody writes to it, which waiting would not tell; undefined when it
 * is worth waiting for.
 */
function readAtOnce(pipe: number): Buffer | undefined {
  const buffer = Buffer.alloc(64 * 1024);
  try {
    return buffer.subarray(0, readSync(pipe, buffer));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
}

const REASONS: Partial<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'it does not exist',
  EACCES: 'you may not read it',
  EPERM: 'you may not read it',
  ENAMETOOLONG: 'its name is too long',
};

function unreadable(path: string, why: string, cause?: unknown): UserError {
  return new UserError(
    'ENV_FILE_UNREADABLE',
    `The environment file ${visible(path)} cannot be read: ${why}.`,
    {
      hint: 'Name another file with --env-file.',
      cause,
    },
  );
}
