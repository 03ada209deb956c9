/**
 * Everything that can be wrong with the store, each made for real: used by the test that nobody sees it, and by
 * the bench that nobody waits for it.
 */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { execa, execaSync } from 'execa';
import { arcade, asUser, baseEnvironment, everyones, NOBODY, notRoot, PROGRAM, type Ran } from './cli.ts';
import { hold } from './holder.ts';
import { openSandbox, type Sandbox } from './sandbox.ts';

export interface Fault {
  /** Brings the home into its sorry state. What it returns, if anything, ends what it has begun. */
  readonly prepare?: (home: Sandbox) => void | Promise<void> | Promise<() => Promise<void>>;
  /** Shell words that run before the program, in its own process. */
  readonly shell?: string;
  /** The user who runs it. */
  readonly user?: number;
  /** In a mount namespace of its own. */
  readonly mounts?: boolean;
  readonly env?: (home: Sandbox) => Record<string, string | undefined>;
  readonly program?: (home: Sandbox) => string;
  readonly skip?: string | false;
  /** What keeps the event from being recorded, as ARCADE_DEBUG tells it; without it the event is recorded. */
  readonly loses?: RegExp;
  /** Whether the command itself works, and records, differs between versions of Node. */
  readonly dependsOnNode?: boolean;
  /** How much longer than untracked the command may take. */
  readonly costMs?: number;
}

const noNamespaces =
  execaSync('unshare', ['--mount', 'true'], { reject: false }).exitCode !== 0 &&
  'mount namespaces are not permitted here';
/** A library that takes the place of the system's calls, and why it cannot be made here. */
function preloaded(name: string): { library: string; skip: string | false } {
  const folder = mkdtempSync(join(tmpdir(), 'arcade-preload-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755); // Other users load it as well.
  const library = join(folder, `${name}.so`);
  const source = join(import.meta.dirname, `${name}.c`);
  const made = execaSync('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl'], { reject: false });
  return { library, skip: made.exitCode !== 0 && 'there is no C compiler to make a sick disk with' };
}
const { library, skip: noCompiler } = preloaded('io-error');
const fileSystem = preloaded('file-system');

/** Made by the first who needs it; the others wait for it. */
let template: Promise<Sandbox> | undefined;

async function makeTemplate(): Promise<Sandbox> {
  const made = openSandbox();
  await arcade(made, ['secret', 'list']);
  // Its log goes into the database, as after a flusher.
  new Database(db(made)).exec('PRAGMA wal_checkpoint').close();
  return made;
}

/** A spool that has recorded something already. */
async function used(home: Sandbox): Promise<void> {
  template ??= makeTemplate();
  const { directory } = await template;
  cpSync(directory, home.directory, { recursive: true, preserveTimestamps: true });
}

const db = (home: Sandbox): string => join(home.directory, 'usage.db');
const inUse = (change: (home: Sandbox) => void) => async (home: Sandbox) => {
  await used(home);
  change(home);
};
const tmpfs = (options: string): string => `mount -t tmpfs -o ${options} tmpfs "$HOME"`;

/** Calls that fail on files whose name ends so. */
function failing(calls: string, suffix: string, error = 'EIO', after = 0): Pick<Fault, 'env' | 'skip'> {
  const which = {
    IO_ERROR_CALLS: calls,
    IO_ERROR_SUFFIX: suffix,
    IO_ERROR: error,
    IO_ERROR_AFTER: `${after}`,
  };
  return { skip: noCompiler, env: () => ({ LD_PRELOAD: library, ...which }) };
}

/** A file system of this type (`f_type` of statfs(2)); with `chmod` one that keeps no modes. */
export function fileSystemOf(
  type: number | undefined,
  chmod?: 'ignored' | 'refused' | 'folders',
): Pick<Fault, 'env' | 'skip'> {
  const typed = type === undefined ? {} : { FILE_SYSTEM_TYPE: type.toString(16) };
  const modes = chmod === undefined ? {} : { NO_MODES: chmod };
  return { skip: fileSystem.skip, env: () => ({ LD_PRELOAD: fileSystem.library, ...typed, ...modes }) };
}

/** SQLite calls it an I/O error where it is the index of its log that cannot grow. */
const FULL = /database or disk is full|ENOSPC|disk I\/O error/;
const BROKEN = /disk I\/O error|EIO/;

export const FAULTS: Readonly<Record<string, Fault>> = {
  'nothing is wrong': {},
  'the disk is full when the spool is opened': { mounts: true, shell: tmpfs('size=4k'), loses: FULL },
  'the disk is full when the schema is made': { mounts: true, shell: tmpfs('size=64k'), loses: FULL },
  'the disk is full when the event is appended': {
    prepare: used,
    mounts: true,
    shell: `cp -a "$HOME/.arcade" /tmp/arcade-$$ && ${tmpfs('size=256k')} && cp -a /tmp/arcade-$$ "$HOME/.arcade"; rm -rf /tmp/arcade-$$; dd if=/dev/zero of="$HOME/filler" bs=4k 2>/dev/null || true`,
    loses: FULL,
  },
  'the disk is full when usage.db is made': { ...failing('open', '/usage.db', 'ENOSPC'), loses: FULL },
  'the disk is full when the event is committed': {
    prepare: used,
    ...failing('write', '/usage.db-wal', 'ENOSPC', 3),
    loses: FULL,
  },
  'the home is read-only': { mounts: true, shell: tmpfs('ro'), loses: /EROFS/ },
  'the home is read-only and has a spool': {
    prepare: used,
    mounts: true,
    shell: 'mount --bind "$HOME" "$HOME" && mount -o remount,bind,ro "$HOME"',
    loses: /unable to open database file|readonly/,
  },
  // Nobody can be told of a place that there is not.
  'HOME is unset, and the system knows no other': {
    env: () => ({ HOME: undefined }),
    user: 54321,
    skip: notRoot,
  },
  'HOME is empty': { env: () => ({ HOME: '' }), user: 54321, skip: notRoot },
  'HOME does not exist': { env: ({ home }) => ({ HOME: join(home, 'no', 'such', 'place') }) },
  'HOME is a file': { env: () => ({ HOME: '/dev/null' }), loses: /ENOTDIR|EEXIST/ },
  'HOME belongs to somebody else': {
    shell: 'chown 12345 "$HOME"',
    skip: notRoot,
    loses: /the home of user|belongs to another user/,
  },
  'the user may not write to the home': {
    prepare: ({ home }) => chmodSync(home, 0o755),
    user: NOBODY,
    skip: notRoot,
    loses: /EACCES/,
  },
  '.arcade is a file': { prepare: ({ directory }) => writeFileSync(directory, 'x'), loses: /ENOTDIR/ },
  '.arcade is open to anybody': {
    prepare: ({ directory }) => {
      mkdirSync(directory);
      chmodSync(directory, 0o777);
    },
    loses: /may write to the .arcade folder/,
  },
  'usage.db is a directory': {
    prepare: (home) => void mkdirSync(db(home), { recursive: true }),
    loses: /not a file/,
  },
  'usage.db is a FIFO': {
    shell: 'mkdir -p "$HOME/.arcade" && mkfifo "$HOME/.arcade/usage.db"',
    loses: /not a file/,
  },
  'the log of usage.db is a FIFO': {
    prepare: used,
    shell: 'mkfifo "$HOME/.arcade/usage.db-wal"',
    loses: /not a file/,
  },
  'usage.db is empty': { prepare: (home) => void home.write('usage.db', '') },
  'usage.db is no database': { prepare: (home) => void home.write('usage.db', 'x'.repeat(5000)) },
  'usage.db is a dangling link': {
    prepare: (home) => {
      mkdirSync(home.directory);
      symlinkSync('/nowhere/at/all', db(home));
    },
    loses: /symbolic link/,
  },
  'usage.db is of a newer version': { prepare: newer, loses: /newer version/ },
  'the header of usage.db is damaged': { prepare: inUse((home) => damage(home, 0, 100)) },
  'the pages of usage.db are damaged': { prepare: inUse((home) => damage(home, 4096, 40_000)) },
  'usage.db is cut short': { prepare: inUse((home) => truncateSync(db(home), 5000)) },
  'the log of usage.db is damaged': {
    prepare: inUse((home) => void home.write('usage.db-wal', 'x'.repeat(9000))),
  },
  'usage.json is a directory': {
    prepare: ({ directory }) => void mkdirSync(join(directory, 'usage.json'), { recursive: true }),
  },
  'usage.json is a FIFO': { shell: 'mkdir -p "$HOME/.arcade" && mkfifo "$HOME/.arcade/usage.json"' },
  'usage.lock is a FIFO': {
    shell: 'mkdir -p "$HOME/.arcade" && mkfifo "$HOME/.arcade/usage.lock"',
    env: () => ({ ARCADE_POSTHOG_API_KEY: 'phc_test', ARCADE_POSTHOG_HOST: 'http://127.0.0.1:1' }),
    loses: /not a file/,
  },
  'no file may grow': { shell: 'ulimit -f 0', loses: BROKEN },
  'files may grow a little': { shell: 'ulimit -f 40', loses: BROKEN },
  'few files may be open': { shell: 'ulimit -n 24', dependsOnNode: true },
  'no further file may be opened': { ...failing('open', '/usage.db', 'EMFILE'), loses: /EMFILE/ },
  'better-sqlite3 is missing': {
    program: (home) => elsewhere(home, undefined),
    loses: /Cannot find (?:module|package)/,
  },
  'better-sqlite3 is of another system': {
    program: (home) => elsewhere(home, 'not an addon'),
    loses: /file too short|invalid ELF header/,
  },
  'usage.db cannot be opened': {
    prepare: used,
    ...failing('open', '/usage.db'),
    loses: /unable to open|EIO/,
  },
  'reading usage.db fails': { prepare: used, ...failing('read', '/usage.db'), loses: BROKEN },
  'writing to usage.db fails': { ...failing('write,sync', '/usage.db'), loses: BROKEN },
  'writing to the log fails': { ...failing('write,sync', '/usage.db-wal'), loses: BROKEN },
  'syncing the log fails': { ...failing('sync', '/usage.db-wal'), loses: BROKEN },
  // A command goes on with the log that it finds, and leaves it: it waits for no disk.
  'nothing can be synced any more': {
    prepare: async (home) => {
      await used(home);
      await arcade(home, ['secret', 'list']);
    },
    ...failing('sync', ''),
  },
  'the file system keeps no modes': { ...fileSystemOf(undefined, 'ignored'), loses: /keeps no file modes/ },
  'the file system refuses modes': { ...fileSystemOf(undefined, 'refused'), loses: /keeps no file modes/ },
  'the file system is a network’s': fileSystemOf(0x6969),
  'the file system has no shared memory': failing('mmap', '/usage.db-shm', 'ENODEV'),
  'the file system has none any more': { prepare: used, ...failing('mmap', '/usage.db-shm', 'ENODEV') },
  'another process holds the write lock all the time': {
    prepare: async (home) => {
      await used(home);
      return await hold(db(home), 'BEGIN IMMEDIATE');
    },
    loses: /database is locked/,
    costMs: 500,
  },
};

/** Why a fault cannot be made on this machine. */
export function withoutFault({ skip, mounts }: Fault): string | false {
  return skip || (mounts === true && noNamespaces) || false;
}

export interface CommandLine {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** `arcade` with these arguments, as it runs under the fault. `run` is what the shell makes of `"$@"` in the end. */
export function faulty(
  home: Sandbox,
  fault: Fault,
  arcadeArgs: readonly string[],
  env: Readonly<Record<string, string>>,
  run = 'exec $SWITCH "$@"',
): CommandLine {
  const { node, program: ours } =
    fault.user === undefined ? { node: process.execPath, program: PROGRAM } : everyones();
  const program = fault.program?.(home) ?? ours;
  const switched = fault.user === undefined ? '' : asUser(fault.user).join(' ');
  const script = `${fault.shell ?? ':'}\n${run}`;
  const shell = ['bash', '-c', script, 'bash', node, '--', program, ...arcadeArgs];
  const [file = 'bash', ...args] = fault.mounts === true ? ['unshare', '--mount', ...shell] : shell;
  return { file, args, env: { SWITCH: switched, ...baseEnvironment(home), ...env, ...fault.env?.(home) } };
}

/** Runs it, and waits for its end. */
export async function runFaulty(...what: Parameters<typeof faulty>): Promise<Ran> {
  const { file, args, env } = faulty(...what);
  const options = {
    env,
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    timeout: 60_000,
  } as const;
  const { exitCode, signal, stdout, stderr } = await execa(file, args, { ...options, stdin: 'ignore' });
  return { exitCode, signal, stdout, stderr };
}

function newer(home: Sandbox): void {
  mkdirSync(home.directory);
  const made = new Database(db(home));
  made.exec('CREATE TABLE x (y); PRAGMA user_version = 9999');
  made.close();
}

function damage(home: Sandbox, from: number, bytes: number): void {
  const content = readFileSync(db(home));
  content.fill(0x5a, from, Math.min(content.length, from + bytes));
  writeFileSync(db(home), content);
}

/** The bundle in a place where better-sqlite3 is not to be found, or has this for its addon. */
function elsewhere(home: Sandbox, addon: string | undefined): string {
  const place = join(home.home, 'installed');
  cpSync(join(PROGRAM, '..'), join(place, 'dist'), { recursive: true });
  cpSync(join(PROGRAM, '..', '..', 'migrations'), join(place, 'migrations'), { recursive: true });
  if (addon !== undefined) {
    const copy = join(place, 'node_modules', 'better-sqlite3');
    const original = join(PROGRAM, '..', '..', 'node_modules', 'better-sqlite3');
    for (const part of ['package.json', 'lib'])
      cpSync(join(original, part), join(copy, part), { recursive: true });
    mkdirSync(join(copy, 'build', 'Release'), { recursive: true });
    writeFileSync(join(copy, 'build', 'Release', 'better_sqlite3.node'), addon);
  }
  return join(place, 'dist', 'arcade.js');
}
