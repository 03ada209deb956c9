/**
 * usage.json: the identity as the Python programs that share the folder read and write it,
 * `{"anon_id", "linked_principal_id"}`. Written while the spool's write lock is held, right before the commit of
 * what it says: it is never older than the database, and no state overwrites a later one.
 */
import { randomUUID } from 'node:crypto';
import {
  type Draft,
  prepareAtomically,
  removeLeftDrafts,
  replaceUnsynced,
  syncFile,
} from '../../infra/os/files.ts';
import { type Installation, installationOf, refuseReplaced, type Spool, sharedFile } from '../spool/spool.ts';
import { foresee, type Intent, isForeseen, originOf } from './export-intent.ts';
import { keepable, readText, type SharedFile, stampOf, understand } from './usage-json.ts';

/**
 * In a crowd of writers each may find another state than the one that it has foreseen. After so many tries
 * usage.json is written unforeseen, and synced after the lock: the event is worth more than knowing, after a crash at
 * that very moment, whose text is found there.
 */
const TRIES = 3;

/** What usage.json says, if it is not as we last wrote it. */
export interface News {
  /** What it says; undefined when it is missing or cannot be understood. It is then to be written again. */
  readonly literal: SharedFile | undefined;
  /** What counts of it: after a crash of ours that may be what was there before. */
  readonly shared: (SharedFile & { readonly undone: boolean }) | undefined;
}

/** Null: nothing has changed. */
export function readNews(spool: Spool, installation: Installation): News | null {
  const text = readForeign(spool, installation);
  if (text === undefined) return null;
  const origin = originOf(spool, text);
  const shared = understand(origin.text);
  return { literal: understand(text), shared: shared && { ...shared, undone: origin.undone } };
}

/** Notes that usage.json is to be written. */
export function requestExport(spool: Spool): void {
  spool.statement('UPDATE installation SET export_due = 1').run();
}

interface IdentityWork<C, R> {
  /** Changes who events are sent as; new anon_ids are drawn from `newAnonId`. May run several times, and be undone. */
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

/**
 * Runs a transaction that may change the identity, and writes usage.json when that is due. Such a change
 * survives a power cut. A file that cannot be written stays due. Throws what `work` and the database throw;
 * nothing is then changed.
 *
 * What is to be written is noted first and made ready on the disk, so that the transaction that changes the
 * identity has no more to do than to put it in its place: nobody waits for the disk while it is locked.
 */
export function withIdentity<C, R>(spool: Spool, work: IdentityWork<C, R>): R {
  const draw = drawing();
  let draft: Draft | undefined;
  try {
    for (let tries = 1; ; tries += 1) {
      const attempt: Attempt<C, R> = { ...work, newAnonId: draw(), draft, unforeseen: tries >= TRIES };
      const came = spool.transaction(() => tryWith(spool, attempt));
      if (came.kind === 'noted' || came.wrote !== null) spool.sync();
      if (came.kind === 'done') {
        if (came.wrote !== null && came.wrote !== draft?.text) syncFile(sharedFile(spool.directory));
        return came.result;
      }
      draft?.discard();
      draft = draftOf(spool, came.text);
    }
  } finally {
    draft?.discard();
  }
}

/** New anon_ids; those that are drawn anew after each call are the same ones in the same order. */
function drawing(): () => () => string {
  const drawn: string[] = [];
  return () => {
    let next = 0;
    return () => {
      const id = drawn[next] ?? randomUUID();
      drawn[next] = id;
      next += 1;
      return id;
    };
  };
}

interface Attempt<C, R> extends IdentityWork<C, R> {
  readonly newAnonId: () => string;
  readonly draft: Draft | undefined;
  /** Writes usage.json in any case. */
  readonly unforeseen: boolean;
}

type Outcome<R> =
  /** `wrote`: to usage.json, if anything. */
  | { readonly kind: 'done'; readonly result: R; readonly wrote: string | null }
  /** Nothing has been done but to note what is to be written. */
  | { readonly kind: 'noted'; readonly text: string };

function tryWith<C, R>(spool: Spool, attempt: Attempt<C, R>): Outcome<R> {
  const { change, rest, newAnonId, draft, unforeseen } = attempt;
  try {
    return spool.tentatively(() => {
      // A command may have had it open for as long as its network took.
      refuseReplaced(spool);
      const replaces = theirs(spool);
      const changed = change(newAnonId);
      const intent = intentOf(spool, replaces);
      if (intent === null) return { kind: 'done', result: rest(changed), wrote: null };
      const foreseen = intent.text === draft?.text && isForeseen(spool, intent);
      if (!foreseen && !unforeseen) throw new Unforeseen(intent);
      const result = rest(changed);
      exportShared(spool, intent.text, draft);
      return { kind: 'done', result, wrote: intent.text };
    });
  } catch (error) {
    if (!(error instanceof Unforeseen)) throw error;
    foresee(spool, error.intent);
    return { kind: 'noted', text: error.intent.text };
  }
}

/** The file to be, beside usage.json; undefined where none can be written. */
function draftOf(spool: Spool, text: string): Draft | undefined {
  removeLeftDrafts(sharedFile(spool.directory));
  try {
    return prepareAtomically(sharedFile(spool.directory), text);
  } catch {
    return undefined;
  }
}

/** What is to be written if that is due; nothing is written once the person has refused. */
function intentOf(spool: Spool, replaces: string | null): Intent | null {
  const installation = installationOf(spool);
  if (installation.consent === 0 || installation.export_due === 0) return null;
  const current = spool
    .statement('SELECT anon_id, principal_id FROM identity WHERE retired_at IS NULL')
    .get() as { anon_id: string; principal_id: string | null } | undefined;
  if (current === undefined) return null;
  const content = { anon_id: current.anon_id, linked_principal_id: current.principal_id };
  return { text: JSON.stringify(content, null, 2), replaces };
}

function exportShared(spool: Spool, text: string, draft: Draft | undefined): void {
  const path = sharedFile(spool.directory);
  try {
    if (draft?.text === text) draft.publish();
    else replaceUnsynced(path, text);
  } catch {
    return; // Still due; the event is worth more than the file.
  }
  spool.statement('UPDATE installation SET export_stamp = ?, export_due = 0').run(stampOf(path));
  spool.statement('DELETE FROM export_intent WHERE text = ?').run(text);
}

/** The text of usage.json, undefined if it is as we last wrote it; '' when there is none. */
function readForeign(spool: Spool, installation: Installation): string | undefined {
  const path = sharedFile(spool.directory);
  const stamp = stampOf(path);
  if (stamp !== null && stamp === installation.export_stamp) return undefined;
  return readText(path) ?? '';
}

/** What another program has written there and no transaction of ours has followed yet; null when there is nothing. */
function theirs(spool: Spool): string | null {
  const text = readForeign(spool, installationOf(spool));
  if (text === undefined) return null;
  return keepable(originOf(spool, text).text);
}
