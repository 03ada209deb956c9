/** Checks of the files beside the spool: whose they are, who else may open them, who holds the lock. */
import { accessSync, constants, existsSync, lstatSync, readdirSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FLUSHER, type Settings } from '../../settings.ts';
import { setAsideFiles } from '../recovery/set-aside.ts';
import { NotOurs, ownerOfBorrowedHome, refuseBorrowedHome } from '../spool/place.ts';
import { spoolFile } from '../spool/spool.ts';
import { type Checked, type Finding, passed } from './finding.ts';
import { withoutSudo } from './obstacles.ts';
import { isFlusherAlive } from './status.ts';

const FILES = [
  'usage.db',
  'usage.db-wal',
  'usage.db-shm',
  'usage.db-journal',
  'usage.json',
  'usage.lock',
  'credentials.yaml',
];

/** Whether a spool can be made where there is none yet: root makes none in somebody else's home. */
export function checkHome(settings: Settings): Checked[] {
  const absent = [passed('spool', 'There is no spool yet; the first command makes it.')];
  const advice = withoutSudo(settings);
  if (settings.directory === undefined || advice === undefined) return absent;
  try {
    refuseBorrowedHome(settings.directory);
    return absent;
  } catch (error) {
    if (!(error instanceof NotOurs)) throw error;
    const message = "Root runs this, and the home is somebody else's: nothing is recorded.";
    return [{ code: 'borrowed-home', severity: 'error', message, advice }];
  }
}

/** Whether the files belong to this user, or to whose home root is in, and to nobody else. */
export function checkFiles(directory: string): Checked[] {
  const borrowedFrom = ownerOfBorrowedHome(directory);
  const owner = borrowedFrom ?? process.geteuid?.();
  const findings = [
    fileFinding(directory, '.arcade', owner, 'info'),
    ...FILES.map((name) => fileFinding(join(directory, name), name, owner, 'error')),
  ].filter((finding) => finding !== undefined);
  if (findings.length > 0) return findings;
  const whose = borrowedFrom === undefined ? 'yours, and yours alone' : `user ${borrowedFrom}'s alone`;
  return [passed('files', `The files are ${whose}.`)];
}

/** `owner`: who it is to belong to; undefined on Windows, where modes say nothing either. */
function fileFinding(
  path: string,
  name: string,
  owner: number | undefined,
  severity: 'error' | 'info',
): Finding | undefined {
  let found: ReturnType<typeof lstatSync>;
  try {
    found = lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // A directory that may not be entered: the spool's own state says so.
  }
  if (found === undefined || owner === undefined) return undefined;
  if (Number(found.uid) !== owner) {
    const whose = owner === process.geteuid?.() ? 'another user' : 'another user than whose home this is';
    return {
      code: 'owner',
      severity: 'error',
      message: `${name} belongs to ${whose} (${found.uid}).`,
      advice: `Give it back with \`sudo chown ${owner} ${quoted(path)}\`; it may come from a command under sudo.`,
    };
  }
  const mode = Number(found.mode) & 0o777;
  if ((mode & 0o077) === 0) return undefined;
  const wanted = found.isDirectory() ? '700' : '600';
  return {
    code: 'mode',
    severity,
    message: `${name} is open to other users (mode ${mode.toString(8).padStart(4, '0')}).`,
    advice: `Close it with \`chmod ${wanted} ${quoted(path)}\`.`,
  };
}

/** A path as a shell reads it back. */
function quoted(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`;
}

/** Less than what the first event and its log take. */
const ROOM_BYTES = 1024 * 1024;

/** Whether events can be written down at all: the folder may be read-only, or the disk full. */
export function checkRoom(directory: string): Checked[] {
  let place = directory;
  while (!existsSync(place)) place = dirname(place);
  const advice = 'Commands work all the same; their events are recorded again once this is mended.';
  try {
    accessSync(place, constants.W_OK);
    readdirSync(place);
    const database = spoolFile(directory);
    if (existsSync(database)) accessSync(database, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = `The usage spool in ${directory} may not be written to (${code}): nothing is recorded.`;
    return [{ code: 'unwritable', severity: 'error', message, advice }];
  }
  const { bavail, bsize } = statfsSync(place);
  if (bavail * bsize >= ROOM_BYTES) return [passed('room', 'There is room for more events.')];
  return [{ code: 'disk-full', severity: 'error', message: `The disk of ${directory} is full.`, advice }];
}

/** What earlier damage has left. */
export function checkSetAside(directory: string): Checked[] {
  let names: string[];
  try {
    names = setAsideFiles(directory);
  } catch {
    return [];
  }
  if (names.length === 0) return [];
  return [
    {
      code: 'set-aside',
      severity: 'info',
      message: `A damaged database was set aside: ${names.join(', ')}.`,
      advice:
        'What could be read of it has been saved, or will be by the next flusher; what could not is counted as dropped. Delete it when you do not want to look into it.',
    },
  ];
}

/** Whether what holds usage.lock can be a flusher. `since`: when the last run began, if it has not ended. */
export function checkLock(directory: string, now: number, since: number | undefined): Checked[] {
  if (!isFlusherAlive(directory)) return [passed('lock', 'No flusher is running.')];
  if (since !== undefined && now - since <= FLUSHER.budgetMs * 2)
    return [passed('lock', 'A flusher is running.')];
  return [
    {
      code: 'lock-stuck',
      severity: 'warning',
      message:
        'Another process has held usage.lock for longer than a flusher can run; nothing is sent meanwhile.',
      advice:
        'It is free again when that process ends: a long `arcade usage flush --timeout`, or a stopped one.',
    },
  ];
}
