/** Prompts for a hidden value, and reads piped input. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import type { ReadStream } from 'node:tty';
import { EXIT, UserError, usageError } from '../errors.ts';
import { decodeText, isDamaged, readBytes } from '../infra/text.ts';
import { LIMITS } from '../settings.ts';
import { type Ending, MARK_PASTES, openHiddenLine } from './hidden-line.ts';
import type { Stream } from './output.ts';

/** Standard input, as a terminal or a pipe. */
export type Input = NodeJS.ReadableStream & Partial<Pick<ReadStream, 'isTTY' | 'setRawMode'>>;

/** Thrown when the person presses Ctrl-C at a prompt, or closes the terminal. */
export class PromptInterrupted extends Error {}

/** What a decoder writes for bytes that are not UTF-8, and what `isDamaged` looks for. */
const [REPLACEMENT, INVALID] = ['\ufffd', '\ud800'];

/** Silence after surplus lines, so that none of them is left for the shell to run. */
const DRAIN_MS = 100;

export interface Prompting {
  /** A terminal. */
  readonly input: Input;
  readonly stderr: Pick<Stream, 'isTTY' | 'write'>;
  /** `TERM`: a dumb terminal is told nothing. */
  readonly term: string | undefined;
  /** Ends the prompt: the terminal is restored at once, before anything else that the signal sets off. */
  readonly interrupted: AbortSignal;
}

/**
 * Asks on the terminal without echo. Resolves to null at end of input (Ctrl-D); rejects with PromptInterrupted at
 * Ctrl-C and when the terminal is closed, and with a usage error when more than one line or NUL is entered, or where no
 * terminal can show the question.
 */
export async function askHidden(prompting: Prompting, question: string): Promise<string | null> {
  const { input, interrupted, term } = prompting;
  const screen = openScreen(prompting.stderr);
  const marks = term === 'dumb' ? { on: '', off: '' } : MARK_PASTES;
  const restore = (): void => {
    try {
      input.setRawMode?.(false);
      screen.write(`${marks.off}\n`);
    } catch {
      return; // The terminal is gone.
    }
    screen.close();
  };
  // An error elsewhere ends the process without coming back here.
  process.once('exit', restore);
  const ask = (): void => {
    input.setRawMode?.(true);
    screen.write(`${marks.on}${question}`);
  };
  // A shell gives the terminal its own modes while the process is stopped, and Node believes it is still raw.
  const askAgain = (): void => {
    input.setRawMode?.(false);
    ask();
  };
  process.on('SIGCONT', askAgain);
  ask();
  const ending = await readLine(input, interrupted);
  process.removeListener('SIGCONT', askAgain);
  process.removeListener('exit', restore);
  restore();
  switch (ending.kind) {
    case 'line':
      return requireText(ending.text.replace(/^\ufeff/, '').replaceAll(REPLACEMENT, INVALID), 'The value');
    case 'end':
      return null;
    case 'interrupt':
      throw new PromptInterrupted();
    case 'several':
      throw usageError(
        'The value has more than one line.',
        'For a value of several lines use --stdin < FILE.',
        'INVALID_VALUE',
      );
  }
}

interface Screen {
  write(text: string): void;
  close(): void;
}

/** The terminal itself where stderr is redirected. */
function openScreen(stderr: Prompting['stderr']): Screen {
  if (stderr.isTTY === true) return { write: (text) => void stderr.write(text), close: () => undefined };
  try {
    const terminal = openSync(process.platform === 'win32' ? '\\\\.\\CONOUT$' : '/dev/tty', 'w');
    return { write: (text) => void writeSync(terminal, text), close: () => closeSync(terminal) };
  } catch (cause) {
    throw new UserError('VALUE_REQUIRED', 'There is no terminal to prompt on.', {
      hint: 'Pipe the value in.',
      exitCode: EXIT.usage,
      cause,
    });
  }
}

function readLine(input: Input, interrupted: AbortSignal): Promise<Ending> {
  const line = openHiddenLine();
  const decoder = new StringDecoder('utf8');
  return new Promise((resolve) => {
    let surplus: NodeJS.Timeout | undefined;
    const end = (ending: Ending): void => {
      clearTimeout(surplus);
      interrupted.removeEventListener('abort', interrupt);
      input.removeListener('data', take).removeListener('end', interrupt).removeListener('error', interrupt);
      input.pause();
      resolve(ending);
    };
    // At the end of input the terminal has been closed: Ctrl-D is a character here, which `line` understands.
    const interrupt = (): void => end({ kind: 'interrupt' });
    const take = (chunk: Buffer | string): void => {
      surplus?.refresh();
      const ending = surplus === undefined ? line.feed(decoder.write(chunk as Buffer)) : null;
      if (ending?.kind === 'several') surplus = setTimeout(() => end(ending), DRAIN_MS);
      else if (ending !== null) end(ending);
    };
    interrupted.addEventListener('abort', interrupt);
    input.on('data', take).once('end', interrupt).once('error', interrupt).resume();
  });
}

/**
 * Reads all of standard input as text. The line end of a single line is dropped, which `echo` and most editors write; a
 * text of several lines, such as a key file, stays as it is. Rejects with a usage error when it cannot be read, is too
 * large, holds NUL, or is not text.
 */
export async function readAll(input: Input): Promise<string> {
  const bytes = await readBytes(input, LIMITS.inputBytes).catch((cause: unknown) => {
    throw new UserError('VALUE_REQUIRED', 'Cannot read standard input.', { exitCode: EXIT.usage, cause });
  });
  if (bytes === undefined) throw usageError('Standard input is too large.', undefined, 'INVALID_VALUE');
  const text = decodeText(bytes);
  if (text === undefined) {
    throw usageError(
      'Standard input is UTF-16 without a byte-order mark.',
      'Convert it to UTF-8.',
      'INVALID_VALUE',
    );
  }
  requireText(text, 'Standard input');
  return /^[^\r\n]*\r?\n$/.test(text) ? text.replace(/\r?\n$/, '') : text;
}

function requireText(text: string, what: string): string {
  const hint = 'Encode binary values first, for example with base64.';
  if (isDamaged(text)) throw usageError(`${what} is not UTF-8 text.`, hint, 'INVALID_VALUE');
  if (text.includes('\0')) throw usageError(`${what} contains a NUL character.`, hint, 'INVALID_VALUE');
  return text;
}
