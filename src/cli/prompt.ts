/** Asks for what must not be seen, and reads what is piped in. */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { ReadStream } from 'node:tty';

/** Standard input, as a terminal or a pipe. */
export type Input = NodeJS.ReadableStream & Partial<Pick<ReadStream, 'isTTY'>>;

/** Thrown when the person presses Ctrl-C at a prompt. */
export class PromptInterrupted extends Error {}

/**
 * Asks on a terminal without echo. `question` goes to `output`. Resolves to null at end of input (Ctrl-D);
 * rejects with PromptInterrupted at Ctrl-C.
 */
export function askHidden(
  input: Input,
  output: { write(text: string): unknown },
  question: string,
): Promise<string | null> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input, output: silent, terminal: true, historySize: 0 });
  output.write(question);
  return new Promise((resolve, reject) => {
    let answer: string | null = null;
    reader.once('line', (line) => {
      answer = line;
      reader.close();
    });
    reader.once('SIGINT', () => {
      reject(new PromptInterrupted());
      reader.close();
    });
    reader.once('close', () => {
      output.write('\n');
      resolve(answer);
    });
  });
}

/** Reads all of standard input as UTF-8 and takes one final line end off. */
export async function readAll(input: Input): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}
