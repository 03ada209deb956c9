/**
 * usage.json: the identity as the Python programs that share the folder read and write it,
 * `{"anon_id", "linked_principal_id"}`. Written while the spool's write lock is held, right before the commit of
 * what it says: it is never older than the database, and no state overwrites a later one.
 */
import { randomUUID } from 'node:crypto';
import { replaceAtomically } from '../infra/files.ts';
import { readText, type SharedFile, stampOf, understand } from './shared-file.ts';
import { type Installation, installationOf, type Spool, sharedFile } from './spool.ts';

/** A text of another program's in usage.json; '' when there is none. */
interface Foreign {
  readonly text: string;
  /** It is also what a transaction of ours was about to write. */
  readonly undone: boolean;
}

/** Notes of writes that never came, kept until they have certainly been looked for. */
const INTENTS_KEPT = 100;
/**
 * Under a crowd of writers no state lasts long enough to be foreseen, and each further transaction may be the one
 * that waits too long for the lock. After so many tries, or such a wait, usage.json is written unforeseen: the
 * event is worth more than knowing, after a crash at that very moment, whose text is found there.
 */
const TRIES = 3;
const CROWD_MS = 50;

/**
 * What usage.json says, if it is not as we last wrote it: its identity, or 'broken' when it is missing or cannot
 * be understood; it is then to be written again. Null: nothing has changed.
 */
export function readShared(
  spool: Spool,
  installation: Installation,
): (SharedFile & { readonly undone: boolean }) | 'broken' | null {
  const foreign = readForeign(spool, installation);
  if (foreign === undefined) return null;
  const shared = understand(foreign.text);
  return shared === undefined ? 'broken' : { ...shared, undone: foreign.undone };
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
  const called = performance.now();
  let durable = false;
  let crowded = false;
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
        crowded ||= tries >= TRIES || performance.now() - called > CROWD_MS;
        const changed = work.change(newAnonId);
        const intent = intentOf(spool);
        const ready = durable && (crowded || (intent !== null && isForeseen(spool, intent)));
        if (intent !== null && !ready) throw new Unforeseen(intent);
        const result = work.rest(changed);
        if (intent !== null) exportShared(spool, intent.text);
        return result;
      });
    } catch (error) {
      if (!(error instanceof Unforeseen)) throw error;
      spool.makeDurable();
      durable = true;
      if (!crowded) spool.transaction(() => foresee(spool, error.intent));
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
  const foreign = readForeign(spool, installation)?.text ?? '';
  const replaces = understand(foreign) === undefined ? null : foreign;
  return { text: JSON.stringify(content, null, 2), replaces };
}

function exportShared(spool: Spool, text: string): void {
  const path = sharedFile(spool.directory);
  try {
    replaceAtomically(path, text);
  } catch {
    return; // Still due; the event is worth more than the file.
  }
  spool.statement('UPDATE installation SET export_stamp = ?, export_due = 0').run(stampOf(path));
  spool.statement('DELETE FROM export_intent WHERE text = ?').run(text);
}

function foresee(spool: Spool, intent: Intent): void {
  if (isForeseen(spool, intent)) return;
  const { text, replaces } = intent;
  spool.statement('INSERT OR REPLACE INTO export_intent (text, replaces) VALUES (?, ?)').run(text, replaces);
  spool
    .statement('DELETE FROM export_intent WHERE id <= (SELECT max(id) FROM export_intent) - ?')
    .run(INTENTS_KEPT);
}

/** What is there already can be written again without a trace. */
function isForeseen(spool: Spool, { text, replaces }: Intent): boolean {
  const noted = findIntent(spool, text);
  return (
    readText(sharedFile(spool.directory)) === text || (noted !== undefined && noted.replaces === replaces)
  );
}

/**
 * What another program has written, undefined if the text is ours. Of a text that a transaction of ours left there,
 * which a crash then undid, what it replaced counts; but a link stands, for the other program may have written the
 * very same.
 */
function readForeign(spool: Spool, installation: Installation): Foreign | undefined {
  const path = sharedFile(spool.directory);
  const stamp = stampOf(path);
  if (stamp !== null && stamp === installation.export_stamp) return undefined;
  const text = readText(path) ?? '';
  const intent = findIntent(spool, text);
  if (intent === undefined) return { text, undone: false };
  if (understand(text)?.principalId != null) return { text, undone: true };
  const replaced = intent.replaces ?? '';
  return { text: replaced, undone: findIntent(spool, replaced) !== undefined };
}

function findIntent(spool: Spool, text: string): Intent | undefined {
  const sql = 'SELECT text, replaces FROM export_intent WHERE text = ?';
  return spool.statement(sql).get(text) as Intent | undefined;
}
