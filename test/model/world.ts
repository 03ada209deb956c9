/** One machine: its files, its clock, who is signed in where, and which servers answer. */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Spool } from '../../src/usage/spool/spool.ts';
import { makeSpool } from '../support/queue.ts';
import type { Login, Step, Who } from './steps.ts';

const MEMORY = '/dev/shm';

type Mode<K extends Step['do']> = Extract<Step, { do: K; is: string }>['is'];

/** A machine as others see it. */
export interface Machine {
  readonly directory: string;
  /** What credentials.yaml holds. */
  file: Login | 'corrupt' | null;
  posthog: Mode<'posthog'>;
  arcade: Mode<'arcade'>;
  /** The database. */
  readonly commands: {
    statement(sql: string): { get(...values: unknown[]): unknown; all(...values: unknown[]): unknown[] };
  };
}

export interface World extends Machine {
  /** The database as the commands have it open, and as the flusher has. */
  commands: Spool;
  flusher: Spool;
  now: number;
  /** Every text that usage.json has had since the database was made. */
  readonly texts: string[];
  /** Deletes the database, and with it the record of what usage.json was. */
  loseDatabase(): void;
  /** Makes the database another file with the same content. */
  copyMachine(): void;
  close(): void;
}

/** A new machine, switched on at `now`. */
export function openWorld(now: number): World {
  const home = mkdtempSync(join(statSync(MEMORY, { throwIfNoEntry: false }) ? MEMORY : tmpdir(), 'model-'));
  const directory = join(home, '.arcade');
  mkdirSync(directory, { mode: 0o700 });
  const open = (): Spool => makeSpool(directory);
  const close = (): void => {
    world.commands.close();
    world.flusher.close();
  };
  const world: World = {
    directory,
    commands: open(),
    flusher: open(),
    now,
    file: null,
    posthog: 'up',
    arcade: 'up',
    texts: [],
    loseDatabase() {
      close();
      for (const end of ['', '-wal', '-shm']) rmSync(join(directory, `usage.db${end}`), { force: true });
      world.texts.length = 0;
      world.commands = open();
      world.flusher = open();
    },
    copyMachine() {
      close();
      const file = join(directory, 'usage.db');
      copyFileSync(file, `${file}.copy`);
      renameSync(`${file}.copy`, file);
      world.commands = open();
      world.flusher = open();
    },
    close() {
      close();
      rmSync(home, { recursive: true, force: true });
    },
  };
  return world;
}

export const accountId = (who: Who): string => `account-of-${who}`;

/** The key that stands in the environment of a shell. */
export const shellLogin = (shell: 1 | 2): Login =>
  shell === 1 ? { who: 'B', via: 'key 1' } : { who: 'C', via: 'key 2' };

/** The credentials in force in a shell; undefined when they cannot be read. */
export function loginIn(world: Pick<Machine, 'file'>, shell: 0 | 1 | 2): Login | null | undefined {
  if (shell !== 0) return shellLogin(shell);
  return world.file === 'corrupt' ? undefined : world.file;
}

/** As the program tells one account's credentials from another's, whichever access token they have by now. */
export const accountOfLogin = (login: Login | null | undefined): string | null | undefined =>
  login && `${login.via} of ${login.who}`;

export interface SharedFile {
  readonly anonId: string;
  readonly linked: Who | null;
}

export const sharedPath = (world: Pick<Machine, 'directory'>): string => join(world.directory, 'usage.json');

export interface Glimpse {
  readonly text: string;
  readonly inode: bigint;
}

/** The text of usage.json, and which file it is; '' when there is none. */
export function glimpse(world: Pick<Machine, 'directory'>): Glimpse {
  try {
    return {
      text: readFileSync(sharedPath(world), 'utf8'),
      inode: statSync(sharedPath(world), { bigint: true }).ino,
    };
  } catch {
    return { text: '', inode: 0n };
  }
}

/** Who events are sent as; null before the first event. */
export function identityIn({ commands }: Pick<Machine, 'commands'>): SharedFile | null {
  const sql = 'SELECT anon_id, principal_id AS linked_principal_id FROM identity WHERE retired_at IS NULL';
  return understood(JSON.stringify(commands.statement(sql).get() ?? null));
}

/** What a text of usage.json says; null when its account is unknown. */
export function understood(text: string): SharedFile | null {
  try {
    const { anon_id, linked_principal_id } = (JSON.parse(text) ?? {}) as Record<string, string | null>;
    if (typeof anon_id !== 'string') return null;
    const linked = (['A', 'B', 'C'] as const).find((who) => accountId(who) === linked_principal_id);
    return { anonId: anon_id, linked: linked ?? null };
  } catch {
    return null;
  }
}

/** Writes usage.json as another program does. */
export function writeShared(world: Pick<Machine, 'directory'>, text: string): void {
  rmSync(sharedPath(world), { force: true });
  if (text !== '') writeFileSync(sharedPath(world), text);
}
