/** Bytes into text. */
import { isUtf8 } from 'node:buffer';

/** Reads all there is; undefined when it is more than `limit` bytes. Rejects with what the system says. */
export async function readBytes(input: NodeJS.ReadableStream, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    bytes += (chunk as Buffer).length;
    if (bytes > limit) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** A lone surrogate: no valid UTF-8 decodes to one, so it can stand for bytes that are not UTF-8. */
const INVALID = '\ud800';

/**
 * UTF-8, or UTF-16 with a byte-order mark (as PowerShell's `>` writes it); the mark is dropped. Undefined for UTF-16
 * without one. Bytes that are not valid become lone surrogates; a U+FFFD that the text does contain stays one.
 */
export function decodeText(bytes: Uint8Array): string | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [first, second] = buffer;
  if (first === 0xff && second === 0xfe) return fromUtf16(buffer);
  if (first === 0xfe && second === 0xff) return fromUtf16(swapped(buffer));
  if (isUnmarkedUtf16(buffer)) return undefined;
  return fromUtf8(buffer).replace(/^\ufeff/, '');
}

/** Whether a text that `decodeText` returned stands for bytes that were not valid. */
export function isDamaged(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
}

function fromUtf16(littleEndian: Buffer): string {
  const text = littleEndian.toString('utf16le', 2);
  return littleEndian.length % 2 === 0 ? text : text + INVALID;
}

function swapped(buffer: Buffer): Buffer {
  const even = Buffer.from(buffer.subarray(0, buffer.length - (buffer.length % 2))).swap16();
  return Buffer.concat([even, buffer.subarray(even.length)]);
}

/** In UTF-16 every other byte of an ASCII character is 0; UTF-8 text has no such bytes at all. */
function isUnmarkedUtf16(buffer: Buffer): boolean {
  if (buffer.length % 2 !== 0) return false;
  const sample = buffer.subarray(0, 4096);
  const zeros = [0, 0];
  for (const [at, byte] of sample.entries()) if (byte === 0) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1;
  const [even = 0, odd = 0] = zeros;
  return Math.min(even, odd) === 0 && Math.max(even, odd) > sample.length / 4;
}

function fromUtf8(buffer: Buffer): string {
  if (isUtf8(buffer)) return buffer.toString('utf8');
  const pieces = buffer.toString('latin1').split('\xef\xbf\xbd');
  const decoded = pieces.map((piece) => Buffer.from(piece, 'latin1').toString('utf8'));
  return decoded.map((piece) => piece.replaceAll('\ufffd', INVALID)).join('\ufffd');
}
