/**
 * Taking spilled captures into the database, each with its owner. That changes no identity: what is not certain gets an
 * id that belongs to no account.
 */
import { randomUUID } from 'node:crypto';
import { SPOOL } from '../../settings.ts';
import { identityOf, insertCapture, type Owner } from '../spool/records.ts';
import {
  isStillSpilled,
  MAX_SPILLED,
  putAway,
  readSpilled,
  removeSpilled,
  type Spilled,
} from '../spool/spill.ts';
import { assertNotReplaced, installationOf, isRecordingAllowed, type Spool } from '../spool/spool.ts';
import { currentIdentity, isAccount, principalOf } from './identities.ts';
import { isBlank } from './rules.ts';

/**
 * Takes in the oldest captures that were spilled, in a transaction of its own, and removes their files. Returns how many;
 * 0 when nothing is left that can be taken in now. Before a command has put its own event into the database nothing is:
 * that command shows the notice. Throws what the database throws.
 */
export function takeInStep(spool: Spool, now: number): number {
  const captures = readSpilled(spool.directory, SPOOL.takenInPerStep, { tidies: true });
  if (captures.length === 0) return 0;
  const isTaken = spool.transaction(() => {
    assertNotReplaced(spool);
    if (!isRecordingAllowed(spool) || installationOf(spool).notice_shown_at === null) return false;
    takeIn(spool, captures, now);
    return true;
  });
  if (!isTaken) return 0;
  try {
    removeSpilled(spool.directory, captures);
    return captures.length;
  } catch {
    return 0; // What cannot be removed is known by its uuid, and keeps nothing from being sent.
  }
}

/** Takes what was spilled into a copy of the spool: a reader sees it as the next commands will. No file is changed. */
export function takeIntoCopy(copy: Spool): void {
  if (copy.directory === '') return;
  const captures = readSpilled(copy.directory, MAX_SPILLED);
  if (captures.length > 0) copy.transaction(() => takeIn(copy, captures, Date.now()));
}

/**
 * Inserts captures that were spilled; inside a transaction. One that is there already is left as it is: a process may be
 * killed between the commit and the removal of the file.
 */
export function takeIn(spool: Spool, captures: readonly Spilled[], now: number): void {
  for (const capture of captures) {
    if (!isStillSpilled(spool.directory, capture)) continue;
    const { recordedAt, fingerprint = null, ...rest } = capture;
    const isTaken = spool.savepoint(() => {
      const row = { ...rest, ...ownerOf(spool, capture, now), fingerprint, enteredAt: now };
      insertCapture(spool, row, recordedAt);
      return true;
    });
    if (isTaken === undefined) putAway(spool.directory, `${capture.uuid}.json`);
  }
}

/** Without an owner that is certain: an id of its own. */
function ownerOf(spool: Spool, { fingerprint, anonId }: Spilled, now: number): Owner {
  if (typeof fingerprint === 'string') {
    const distinctId = principalOf(spool, fingerprint);
    return { identityId: identityOf(spool, distinctId, now), distinctId, personless: false };
  }
  const current = currentIdentity(spool);
  const isAnonymous = fingerprint === null && anonId !== null && !isAccount(spool, anonId);
  const ours = current !== null && isBlank(current) ? current.anonId : randomUUID();
  const distinctId = isAnonymous ? anonId : ours;
  return { identityId: identityOf(spool, distinctId, now), distinctId, personless: true };
}
