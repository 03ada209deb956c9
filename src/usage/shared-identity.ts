/**
 * usage.json: the identity as the Python programs that share the folder read and write it,
 * `{"anon_id", "linked_principal_id"}`. Written while the spool's write lock is held, right before the commit of
 * what it says: it is never older than the database, and no state overwrites a later one.
 */
import { randomUUID } from 'node:crypto';
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { writeAtomically } from '../infra/files.ts';
import { isDistinctId } from './event.ts';
import { type Installation, installationOf, type Spool, sharedFile } from './spool.ts';

interface SharedFile {
  readonly anonId: string;
  readonly principalId: string | null;
}

/** Largest usage.json that is read: ours has about a hundred bytes. */
const MAX_BYTES = 64n * 1024n;
/** Notes of writes that never came, kept until they have certainly been looked for. */
const INTENTS_KEPT = 100;
/** Under a crowd of writers no state lasts long enough to be foreseen; then it is written unforeseen. */
const TRIES = 3;

/**
 * What usage.json says, if it is not as we last wrote it: its identity, or 'broken' when it is missing or cannot
 * be understood; it is then to be written again. Null: nothing has changed.
 */
export function readShared(spool: Spool, installation: Installation): SharedFile | 'broken' | null {
  const text = foreignText(spool, installation);
  return text === undefined ? null : (understand(text) ?? 'broken');
}

/** Notes that usage.json is to be written. */
export function requestExport(spool: Spool): void {
  spool.statement('UPDATE installation SET export_due = 1').run();
}

interface IdentityWork<C, R> {
  /** Changes who events are sent as; new anon_ids are drawn from `newAnonId`. May run several times. */
  readonly change: (newAnonId: () => string) => C;
  /** The rest of the transaction; runs at most once. */
  readonly rest: (changed: C) => R;
}

/** Thrown to undo a transaction that would write to usage.json what has not been noted before. */
class Unforeseen extends Error {
  readonly intent: Intent;

  constructor(intent: Intent) {
    super('usage.json is to be written');
    this.intent = intent;
  }
}

interface Intent {
  readonly text: string;
  /** What another program has written there; null when that cannot be understood anyway. */
  readonly replaces: string | null;
}

/**
 * Runs a transaction that may change the identity, and writes usage.json when that is due. Such a change
 * survives a power cut. A file that cannot be written stays due. Throws what `work` and the database throw;
 * nothing is then changed.
 */
export function withIdentity<C, R>(spool: Spool, work: IdentityWork<C, R>): R {
  const drawn: string[] = [];
  for (let tries = 1; ; tries += 1) {
    let next = 0;
    const newAnonId = (): string => {
      const id = drawn[next] ?? randomUUID();
      drawn[next] = id;
      next += 1;
      return id;
    };
    try {
      return spool.transaction(() => {
        const changed = work.change(newAnonId);
        const intent = intentOf(spool);
        if (intent !== null && tries < TRIES && !isForeseen(spool, intent)) throw new Unforeseen(intent);
        const result = work.rest(changed);
        if (intent !== null) exportShared(spool, intent.text);
        return result;
      });
    } catch (error) {
      if (!(error instanceof Unforeseen)) throw error;
      spool.makeDurable();
      spool.transaction(() => foresee(spool, error.intent));
    }
  }
}

/** What is to be written if that is due; nothing is written once the person has refused. */
function intentOf(spool: Spool): Intent | null {
  const installation = installationOf(spool);
  if (installation.consent === 0 || installation.export_due === 0) return null;
  const current = spool
    .statement('SELECT anon_id, principal_id FROM identity WHERE retired_at IS NULL')
    .get() as { anon_id: string; principal_id: string | null } | undefined;
  if (current === undefined) return null;
  const content = { anon_id: current.anon_id, linked_principal_id: current.principal_id };
  const foreign = foreignText(spool, installation);
  const replaces = understand(foreign) === undefined ? null : (foreign ?? null);
  return { text: JSON.stringify(content, null, 2), replaces };
}

function exportShared(spool: Spool, text: string): void {
  const path = sharedFile(spool.directory);
  try {
    writeAtomically(path, text);
  } catch {
    return; // Still due; the event is worth more than the file.
  }
  spool.statement('UPDATE installation SET export_stamp = ?, export_due = 0').run(stampOf(path));
  spool.statement('DELETE FROM export_intent WHERE text = ?').run(text);
}

function foresee(spool: Spool, { text, replaces }: Intent): void {
  spool.statement('INSERT OR REPLACE INTO export_intent (text, replaces) VALUES (?, ?)').run(text, replaces);
  spool
    .statement('DELETE FROM export_intent WHERE id <= (SELECT max(id) FROM export_intent) - ?')
    .run(INTENTS_KEPT);
}

function isForeseen(spool: Spool, { text, replaces }: Intent): boolean {
  const sql = 'SELECT 1 FROM export_intent WHERE text = ? AND replaces IS ?';
  return spool.statement(sql).get(text, replaces) !== undefined;
}

/**
 * The file's text if another program has written it, undefined if we have; '' when there is none. Of a text that
 * a transaction of ours left there, which a crash then undid, what it replaced counts.
 */
function foreignText(spool: Spool, installation: Installation): string | undefined {
  const path = sharedFile(spool.directory);
  const stamp = stampOf(path);
  if (stamp !== null && stamp === installation.export_stamp) return undefined;
  const text = readText(path) ?? '';
  const undone = spool.statement('SELECT replaces FROM export_intent WHERE text = ?').get(text) as
    | { replaces: string | null }
    | undefined;
  return undone === undefined ? text : (undone.replaces ?? '');
}

function understand(text: string | undefined): SharedFile | undefined {
  try {
    const content = JSON.parse(text ?? '') as Record<string, unknown> | null;
    const { anon_id: anonId, linked_principal_id: principalId } = content ?? {};
    if (!isDistinctId(anonId)) return undefined;
    return { anonId, principalId: isDistinctId(principalId) ? principalId : null };
  } catch {
    return undefined; // Not JSON: the same as missing.
  }
}

/** The text of a plain file; null for anything else. Does not wait for the other end of a pipe. */
function readText(path: string): string | null {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
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
function stampOf(path: string): string | null {
  try {
    const { mtimeNs, size, ino }: BigIntStats = statSync(path, { bigint: true });
    return `${mtimeNs} ${size} ${ino}`;
  } catch {
    return null;
  }
}
