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
 * What usage.json says, if it is not as we last wrote it: its identity, or 'broken' when it is missing, cannot
 * be understood or was written by a transaction of ours that a crash undid; it is then to be written again.
 * Null: nothing has changed.
 */
export function readShared(spool: Spool, installation: Installation): SharedFile | 'broken' | null {
  const path = sharedFile(spool.directory);
  const stamp = stampOf(path);
  if (stamp === null) return 'broken';
  if (stamp === installation.export_stamp) return null;
  const text = readText(path);
  if (text === null || isIntent(spool, text)) return 'broken';
  try {
    return understand(JSON.parse(text)) ?? 'broken';
  } catch {
    return 'broken'; // Not JSON: the same as missing.
  }
}

/** Notes that usage.json is to be written. */
export function requestExport(spool: Spool): void {
  spool.statement('UPDATE installation SET export_due = 1').run();
}

interface IdentityWork<C, R> {
  /** Changes who events are sent as; new anon_ids are drawn from `newAnonId`. May run several times. */
  readonly change: (newAnonId: () => string) => C;
  /** The rest of the transaction; runs at most once. */
  readonly then: (changed: C) => R;
}

/** Thrown to undo a transaction that would write to usage.json what has not been noted before. */
class Unforeseen extends Error {
  readonly text: string;

  constructor(text: string) {
    super('usage.json is to be written');
    this.text = text;
  }
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
        const text = dueText(spool);
        if (text !== null && tries < TRIES && !isIntent(spool, text)) throw new Unforeseen(text);
        const result = work.then(changed);
        if (text !== null) exportShared(spool, text);
        return result;
      });
    } catch (error) {
      if (!(error instanceof Unforeseen)) throw error;
      spool.makeDurable();
      spool.transaction(() => foresee(spool, error.text));
    }
  }
}

/** The text of usage.json if it is due; nothing is written once the person has refused. */
function dueText(spool: Spool): string | null {
  const { consent, export_due } = installationOf(spool);
  if (consent === 0 || export_due === 0) return null;
  const current = spool
    .statement('SELECT anon_id, principal_id FROM identity WHERE retired_at IS NULL')
    .get() as { anon_id: string; principal_id: string | null } | undefined;
  if (current === undefined) return null;
  return JSON.stringify({ anon_id: current.anon_id, linked_principal_id: current.principal_id }, null, 2);
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

/** What a crash has left in the file is taken for ours now: its note may go before the file is written again. */
function foresee(spool: Spool, text: string): void {
  const path = sharedFile(spool.directory);
  const found = readText(path);
  if (found !== null && isIntent(spool, found)) {
    spool.statement('UPDATE installation SET export_stamp = ?, export_due = 1').run(stampOf(path));
  }
  spool.statement('INSERT OR IGNORE INTO export_intent (text) VALUES (?)').run(text);
  spool
    .statement('DELETE FROM export_intent WHERE id <= (SELECT max(id) FROM export_intent) - ?')
    .run(INTENTS_KEPT);
}

function isIntent(spool: Spool, text: string): boolean {
  return spool.statement('SELECT 1 FROM export_intent WHERE text = ?').get(text) !== undefined;
}

function understand(content: unknown): SharedFile | undefined {
  if (typeof content !== 'object' || content === null) return undefined;
  const { anon_id: anonId, linked_principal_id: principalId } = content as Record<string, unknown>;
  if (!isDistinctId(anonId)) return undefined;
  return { anonId, principalId: isDistinctId(principalId) ? principalId : null };
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
