/** What a person may do to the spool: requeue and discard records, stop recording and resume it. */
import { randomBytes, randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  createPrivateFile,
  makePrivateDirectory,
  readText,
  removeDrafts,
  replaceAtomically,
} from '../../infra/os/files.ts';
import { moveDatabase, removeDatabase, setAsideFiles, unrecoveredFiles } from './aside.ts';
import { replaceKey } from './key.ts';
import { count, countDropped, readLedger, UNCOUNTED } from './ledger.ts';
import { blockingProblem, isOptedOut, optOutFile, requireOwnPlace } from './place.ts';
import { emptySpill, MAX_SPILLED, readSpilled, removeSpilled } from './spill.ts';
import { installationOf, type Spool, sharedFile } from './spool.ts';
import { readUsageJson, usageJson } from './usage-json.ts';

/**
 * Lets a quarantined record, by its uuid, or with null all of them, be sent once more. Its bytes stay the same. Returns how
 * many there were.
 */
export function requeue(spool: Spool, uuid: string | null): number {
  const sql = `UPDATE record SET state = 'pending', settled_at = NULL, reason = NULL
    WHERE state = 'quarantined' AND (@uuid IS NULL OR uuid = @uuid)`;
  return spool.transaction(() => spool.statement(sql).run({ uuid }).changes);
}

/**
 * Drops a record that was not delivered, by its uuid, or with null all of them. Returns how many there were. One that is
 * still spilled, which the ledger does not count yet, is removed with its file. With null, damaged databases that were set
 * aside are not recovered any more: what they hold would be sent.
 */
export function discard(spool: Spool, uuid: string | null): number {
  const spilled = readSpilled(spool.directory, MAX_SPILLED).filter(
    (capture) => uuid === null || uuid === capture.uuid,
  );
  // Before the rows: a process that is taking it in looks for the file, inside its transaction.
  removeSpilled(spool.directory, spilled);
  const unrecovered = uuid === null ? unrecoveredFiles(spool.directory) : [];
  for (const name of unrecovered) moveDatabase(spool.directory, name, name.replace('damaged', 'recovered'));
  return spool.transaction(() => {
    if (unrecovered.length > 0) count(spool, UNCOUNTED, unrecovered.length);
    const dropped = spool
      .statement(
        `DELETE FROM record WHERE state <> 'delivered' AND (@uuid IS NULL OR uuid = @uuid) RETURNING spool_dropped`,
      )
      .pluck()
      .all({ uuid }) as number[];
    const carried = dropped.reduce((sum, number) => sum + number, 0);
    if (dropped.length > 0) countDropped(spool, 'discarded', dropped.length, carried);
    return spilled.length + dropped.length;
  });
}

/**
 * Remembers that the person says no, also where the database cannot be opened: while that file is there, nothing
 * is recorded. Throws PlaceError where the folder or the home belongs to another user, and the system's error.
 */
export function optOut(directory: string): void {
  requireOwnPlace(directory);
  makePrivateDirectory(directory);
  createPrivateFile(optOutFile(directory));
  emptySpill(directory);
}

/**
 * Records again from now on. Returns whether that is a change. A `disable` that was killed, or could not open the
 * spool, may have left what was recorded before: it is erased now. `isNew` as in `disable`.
 */
export function enable(spool: Spool, now: number, isNew = false): boolean {
  if (isOptedOut(spool.directory)) {
    if (isNew || installationOf(spool).consent === 1) disable(spool, now, isNew);
    else eraseFiles(spool);
  }
  const { changes } = spool.statement('UPDATE installation SET consent = 1 WHERE consent = 0').run();
  rmSync(optOutFile(spool.directory), { force: true });
  return changes > 0;
}

/** How many records are gone, and whether nothing of them is left in any file. */
export interface Purged {
  readonly purged: number;
  /** False while another process still has open what was there. */
  readonly erased: boolean;
}

/**
 * Stops recording and erases all that was recorded: not only the records, but also the ids that they were sent
 * as, the numbers of `usage stats` and what earlier damage has left beside the database. What stays is that it is off, and the
 * counters. SQLite leaves deleted rows in its pages and its log; both are written again without them. `isNew`: the spool
 * has taken the place of one that can no longer be read.
 */
export function disable(spool: Spool, now: number, isNew = false): Purged {
  spool.pragma('secure_delete = ON');
  spool.pragma('temp_store = MEMORY');
  spool.pragma('synchronous = FULL');
  // What that takes on macOS.
  spool.pragma('fullfsync = ON');
  optOut(spool.directory);
  replaceKey(spool.directory, randomBytes(32));
  const purged = spool.transaction(() => purge(spool, now, isNew));
  return { purged, erased: eraseFiles(spool) };
}

/** What the purged records have left in files. Returns false while another process still has such a file open. */
function eraseFiles(spool: Spool): boolean {
  const { directory } = spool;
  emptySpill(directory);
  // With ids in them. From here on no process publishes one: consent is looked at first.
  removeDrafts(sharedFile(directory));
  const removed = setAsideFiles(directory).map((name) => removeDatabase(join(directory, name)));
  spool.statement('VACUUM').run();
  const [checkpoint] = spool.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
  return checkpoint?.busy === 0 && removed.every(Boolean);
}

/**
 * Erases what was recorded in a folder of our own where nothing may be recorded any more, for it is open to others and
 * SQLite opens nothing in it. Returns whether it did; false in any other place. Throws the system's error.
 */
export function eraseUnfit(directory: string): boolean {
  if (blockingProblem(directory)?.kind !== 'unfit') return false;
  removeDrafts(sharedFile(directory));
  const databases = [...setAsideFiles(directory), 'usage.db'];
  const removed = databases.map((name) => removeDatabase(join(directory, name)));
  emptySpill(directory);
  for (const name of ['usage.json', 'usage.key']) rmSync(join(directory, name), { force: true });
  return removed.every(Boolean);
}

function purge(spool: Spool, now: number, isNew: boolean): number {
  const { pending, quarantined } = readLedger(spool);
  // Also of what was spilled under an id that no command has followed yet.
  const ids = 'SELECT anon_id FROM identity UNION SELECT distinct_id FROM record WHERE personless = 1';
  const previous = spool.statement(ids).pluck().all() as string[];
  for (const table of ['attempt', 'record', 'activity', 'account', 'backoff', 'flusher_run']) {
    spool.statement(`DELETE FROM ${table}`).run();
  }
  count(spool, 'purged', pending + quarantined);
  if (isNew) count(spool, UNCOUNTED, 1);
  // Last, for the triggers of the records fill it.
  spool.statement('DELETE FROM queue_length').run();
  spool.statement(`UPDATE ledger SET value = 0 WHERE name = 'unreported'`).run();
  const known = spool.statement('SELECT 1 FROM current_identity').get() !== undefined;
  spool.statement('DELETE FROM identity').run();
  const anonId = randomUUID();
  const begin = 'INSERT INTO identity (anon_id, created_at, unused, birth) VALUES (?, ?, 1, ?)';
  if (known) spool.statement(begin).run(anonId, now, spool.birth);
  spool
    .statement(
      `UPDATE installation SET consent = 0, fingerprint_key = randomblob(32), export_stamp = NULL, export_due = 1,
         export_failed_at = NULL, flusher_asked_at = NULL`,
    )
    .run();
  forgetShared(spool, isNew ? null : previous, anonId);
  return pending + quarantined;
}

/**
 * usage.json is the other programs' too: it gets a new id, unless it holds one that was never ours. `previous` is null
 * where it is no longer known which were.
 */
function forgetShared(spool: Spool, previous: readonly string[] | null, anonId: string): void {
  const path = sharedFile(spool.directory);
  const text = readText(path) ?? '';
  const isOurs =
    previous === null ? readUsageJson(path) !== undefined : previous.some((id) => text.includes(id));
  if (isOurs) replaceAtomically(path, usageJson({ anonId, principalId: null }));
}
