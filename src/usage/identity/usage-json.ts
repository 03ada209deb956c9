/** The file usage.json itself, without the spool: read with care, for anybody may have put anything there. */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
} from 'node:fs';
import { isDistinctId } from '../event/event.ts';

export interface SharedFile {
  readonly anonId: string;
  readonly principalId: string | null;
}

/** Largest usage.json that is read: ours has about a hundred bytes. */
const MAX_BYTES = 64n * 1024n;

/** What a text says; undefined when it cannot be understood. */
export function understand(text: string): SharedFile | undefined {
  try {
    const content = JSON.parse(text) as Record<string, unknown> | null;
    const { anon_id: anonId, linked_principal_id: principalId } = content ?? {};
    if (!isDistinctId(anonId)) return undefined;
    return { anonId, principalId: isDistinctId(principalId) ? principalId : null };
  } catch {
    return undefined; // Not JSON: the same as missing.
  }
}

const KEYS = new Set(['anon_id', 'linked_principal_id']);

/** What of a text may be kept: the text itself, without what else somebody has put there. Null where it says nothing. */
export function keepable(text: string): string | null {
  const shared = understand(text);
  if (shared === undefined) return null;
  const isBare = Object.keys(JSON.parse(text)).every((key) => KEYS.has(key));
  if (isBare) return text;
  return JSON.stringify({ anon_id: shared.anonId, linked_principal_id: shared.principalId });
}

/** The text of a plain file; null for anything else, also a link to one. Does not wait for the other end of a pipe. */
export function readText(path: string): string | null {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      const found = fstatSync(file, { bigint: true });
      return found.isFile() && found.size <= MAX_BYTES ? readFileSync(file, 'utf8') : null;
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
}

/** Tells one state of the file from another; null when there is none. */
export function stampOf(path: string): string | null {
  try {
    const { mtimeNs, size, ino }: BigIntStats = lstatSync(path, { bigint: true });
    return `${mtimeNs} ${size} ${ino}`;
  } catch {
    return null;
  }
}
