/**
 * usage.json as an export of the current identity: written right after the commit of what it says, never before it.
 * The draft is made and synced without a lock; under the lock it is only checked and renamed, so a later state is never
 * overwritten by an earlier one.
 */
import { type Draft, writeDraft } from '../../infra/os/files.ts';
import {
  assertNotReplaced,
  type Installation,
  installationOf,
  isRecordingAllowed,
  type Spool,
  sharedFile,
} from '../spool/spool.ts';
import { stampOf, usageJson } from '../spool/usage-json.ts';
import { ANY_CREDENTIALS, currentIdentity, follow } from './identities.ts';

/** A crowd of identity changes may overtake each draft; the last of them exports what all have come to. */
const TRIES = 3;
/** A file that could not be written is not tried again sooner, unless the identity or what stands in its place changes. */
const RETRY_MS = 3600_000;

/**
 * Writes usage.json if that is due. A file that cannot be written stays due. Throws what the database throws, SQLITE_BUSY
 * too: the export is then due at the next command.
 */
export function exportIdentity(spool: Spool, now: number): void {
  if (!isExportDue(installationOf(spool), now) || !isRecordingAllowed(spool)) return;
  // What the file is to say must survive a power cut before it is said. Outside the lock: nothing waits for the disk.
  spool.sync();
  for (let tries = 0; tries < TRIES; tries += 1) {
    const text = textOf(spool);
    if (text === null) return;
    const draft = draftOf(spool, text);
    try {
      if (spool.transaction(() => publish(spool, text, draft, now))) return;
    } finally {
      draft?.discard();
    }
  }
}

function isExportDue({ export_due, export_failed_at }: Installation, now: number): boolean {
  if (export_due === 0) return false;
  return export_failed_at === null || Math.abs(now - export_failed_at) >= RETRY_MS;
}

function textOf(spool: Spool): string | null {
  const current = currentIdentity(spool);
  return current === null ? null : usageJson(current);
}

/** The file to be, beside usage.json; undefined where none can be written. */
function draftOf({ directory }: Spool, text: string): Draft | undefined {
  try {
    return writeDraft(sharedFile(directory), text);
  } catch {
    return undefined;
  }
}

/** False where another state is to be exported by now. */
function publish(spool: Spool, text: string, draft: Draft | undefined, now: number): boolean {
  assertNotReplaced(spool);
  if (!isRecordingAllowed(spool)) return true;
  const path = sharedFile(spool.directory);
  const { export_stamp, export_due } = installationOf(spool);
  if (stampOf(path) !== export_stamp) {
    // Another program has written meanwhile. What it said must be committed before it is written over.
    follow(spool, ANY_CREDENTIALS, now);
    return false;
  }
  if (export_due === 0) return true;
  if (textOf(spool) !== text) return false;
  let failedAt = draft === undefined ? now : null;
  try {
    draft?.publish();
  } catch {
    failedAt = now;
  }
  // What could not be replaced has been followed before: it is news no more.
  spool
    .statement('UPDATE installation SET export_stamp = ?, export_due = ?, export_failed_at = ?')
    .run(stampOf(path), failedAt === null ? 0 : 1, failedAt);
  return true;
}
