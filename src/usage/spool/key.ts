/**
 * usage.key: the key by which credentials are told apart without saying anything about them. It stands beside the
 * database, so that an event can be spilled with its fingerprint while the database cannot be had.
 */
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { createPrivateFile, readText, replaceAtomically } from '../../infra/os/files.ts';
import { pause } from '../../infra/pause.ts';

const FORM = /^[0-9a-f]{64}$/;
/** Longer than another process takes from making the file to writing into it. */
const HALF_WRITTEN_MS = 50;

const keyFile = (directory: string): string => join(directory, 'usage.key');

/** The key; undefined where there is none. */
export function readKey(directory: string): Buffer | undefined {
  const text = readText(keyFile(directory)) ?? '';
  return FORM.test(text) ? Buffer.from(text, 'hex') : undefined;
}

/** The key, which is `seed` where there was none. Of processes that make it at once all get the same. Throws the system's error. */
export function ensureKey(directory: string, seed: Buffer): Buffer {
  createPrivateFile(keyFile(directory), seed.toString('hex'));
  // Its maker reads it, too: another process may have replaced what was not written yet.
  for (let waitedMs = 0; waitedMs < HALF_WRITTEN_MS; waitedMs += 5) {
    const key = readKey(directory);
    if (key !== undefined) return key;
    pause(5);
  }
  // Its maker was killed before it wrote.
  replaceKey(directory, seed);
  return readKey(directory) ?? seed;
}

/** Puts another key in its place: no fingerprint from before says anything any more. Throws the system's error. */
export function replaceKey(directory: string, key: Buffer): void {
  replaceAtomically(keyFile(directory), key.toString('hex'));
}

/**
 * Which credentials these are, without saying anything about them to anyone who has not this installation's key. Null for
 * no credentials, undefined where that cannot be told.
 */
export function fingerprintBy<T extends null | undefined>(key: Buffer, account: string | T): string | T {
  if (typeof account !== 'string') return account;
  return createHmac('sha256', key).update(account).digest('base64url');
}
