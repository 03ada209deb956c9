/**
 * usage.json: the identity as the Python programs that share the folder read and write it,
 * `{"anon_id", "linked_principal_id"}`. Written only while the spool's write lock is held, so that a later
 * state is never overwritten by an earlier one.
 */
import { readFileSync, statSync } from 'node:fs';
import { writeAtomically } from '../infra/files.ts';
import { isDistinctId } from './event.ts';
import { type Installation, type Spool, sharedFile } from './spool.ts';

interface SharedFile {
  readonly anonId: string;
  readonly principalId: string | null;
}

/** Largest usage.json that is read: ours has about a hundred bytes. */
const MAX_BYTES = 64 * 1024;

/**
 * What usage.json says, if it is not as we last wrote it: its identity, or 'broken' when it is missing or
 * cannot be understood, in which case it is to be written again. Null: nothing has changed.
 */
export function readShared(spool: Spool, installation: Installation): SharedFile | 'broken' | null {
  const path = sharedFile(spool.directory);
  const stamp = stampOf(path);
  if (stamp !== null && stamp === installation.export_stamp) return null;
  if (stamp === null) return 'broken';
  try {
    const found = statSync(path);
    if (!found.isFile() || found.size > MAX_BYTES) return 'broken';
    return understand(JSON.parse(readFileSync(path, 'utf8'))) ?? 'broken';
  } catch {
    return 'broken'; // Not readable or not JSON: the same as missing.
  }
}

/** Writes the current identity to usage.json. Throws the file system's error. Call inside a transaction. */
export function exportShared(spool: Spool): void {
  const current = spool
    .statement('SELECT anon_id, principal_id FROM identity WHERE retired_at IS NULL')
    .get() as { anon_id: string; principal_id: string | null } | undefined;
  if (current === undefined) return;
  const path = sharedFile(spool.directory);
  const content = { anon_id: current.anon_id, linked_principal_id: current.principal_id };
  writeAtomically(path, `${JSON.stringify(content, null, 2)}`);
  spool.statement('UPDATE installation SET export_stamp = ?, export_due = 0').run(stampOf(path));
}

function understand(content: unknown): SharedFile | undefined {
  if (typeof content !== 'object' || content === null) return undefined;
  const { anon_id: anonId, linked_principal_id: principalId } = content as Record<string, unknown>;
  if (!isDistinctId(anonId)) return undefined;
  return { anonId, principalId: isDistinctId(principalId) ? principalId : null };
}

function stampOf(path: string): string | null {
  try {
    const { mtimeNs, size, ino } = statSync(path, { bigint: true });
    return `${mtimeNs} ${size} ${ino}`;
  } catch {
    return null;
  }
}
