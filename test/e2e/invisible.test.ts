/**
 * Whatever is wrong with the store, a command's exit code, stdout and stderr are those that it has with
 * tracking off: byte for byte, the one-time notice apart.
 */
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import Database from 'better-sqlite3';
import { execa, execaSync } from 'execa';
import { type Arcade, startArcade } from '../support/arcade.ts';
import { arcade, baseEnvironment, PROGRAM } from '../support/cli.ts';
import { type Sandbox, sandbox } from '../support/sandbox.ts';

interface Fault {
  /** Brings the home into its sorry state. */
  readonly prepare?: (home: Sandbox) => void | Promise<void>;
  /** Shell words that run before the program, in its own process. */
  readonly shell?: string;
  /** In a mount namespace of its own. */
  readonly mounts?: boolean;
  readonly env?: (home: Sandbox) => Record<string, string | undefined>;
  readonly program?: (home: Sandbox) => string;
  readonly skip?: string | false;
}

const NOTICE = /^Arcade collects CLI usage data .*\n/m;
const noNamespaces =
  execaSync('unshare', ['--mount', 'true'], { reject: false }).exitCode !== 0 &&
  'mount namespaces are not permitted here';
const notRoot = process.getuid?.() !== 0 && 'only root can become another user';

let server: Arcade;
let ioError: string | undefined;

before(async () => {
  server = await startArcade();
  const library = join(PROGRAM, '..', 'io-error.so');
  const source = join(import.meta.dirname, '..', 'support', 'io-error.c');
  const { exitCode } = await execa('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl'], {
    reject: false,
  });
  ioError = exitCode === 0 ? library : undefined;
});
after(() => server.close());

/** A spool that has recorded something already. */
async function used(home: Sandbox): Promise<void> {
  await arcade(home, ['secret', 'list']);
}

const db = (home: Sandbox): string => join(home.directory, 'usage.db');
const inUse = (change: (home: Sandbox) => void) => async (home: Sandbox) => {
  await used(home);
  change(home);
};
const tmpfs = (options: string): string => `mount -t tmpfs -o ${options} tmpfs "$HOME"`;

const faults: Readonly<Record<string, Fault>> = {
  'nothing is wrong': {},
  'the disk is full when the spool is opened': { mounts: true, shell: tmpfs('size=4k') },
  'the disk is full when the schema is made': { mounts: true, shell: tmpfs('size=64k') },
  'the disk is full when the event is appended': {
    prepare: used,
    mounts: true,
    shell: `cp -a "$HOME/.arcade" /tmp/arcade-$$ && ${tmpfs('size=120k')} && cp -a /tmp/arcade-$$ "$HOME/.arcade"; rm -rf /tmp/arcade-$$; dd if=/dev/zero of="$HOME/filler" bs=4k 2>/dev/null || true`,
  },
  'the home is read-only': { mounts: true, shell: tmpfs('ro') },
  'the home is read-only and has a spool': {
    prepare: used,
    mounts: true,
    shell: 'mount --bind "$HOME" "$HOME" && mount -o remount,bind,ro "$HOME"',
  },
  'HOME is unset, and the system knows no other': {
    env: () => ({ HOME: undefined }),
    shell: 'SWITCH="setpriv --reuid=54321 --regid=54321 --clear-groups"',
    skip: notRoot,
  },
  'HOME is empty': {
    env: () => ({ HOME: '' }),
    shell: 'SWITCH="setpriv --reuid=54321 --regid=54321 --clear-groups"',
    skip: notRoot,
  },
  'HOME does not exist': { env: ({ home }) => ({ HOME: join(home, 'no', 'such', 'place') }) },
  'HOME is a file': { env: () => ({ HOME: '/dev/null' }) },
  'HOME belongs to somebody else': { shell: 'chown 12345 "$HOME"', skip: notRoot },
  'the user may not write to the home': {
    prepare: ({ home }) => chmodSync(home, 0o755),
    shell: 'SWITCH="setpriv --reuid=65534 --regid=65534 --clear-groups"',
    skip: notRoot,
  },
  '.arcade is a file': { prepare: ({ directory }) => writeFileSync(directory, 'x') },
  'usage.db is a directory': { prepare: (home) => void mkdirSync(db(home), { recursive: true }) },
  'usage.db is a FIFO': { shell: 'mkdir -p "$HOME/.arcade" && mkfifo "$HOME/.arcade/usage.db"' },
  'usage.db is empty': { prepare: (home) => void home.write('usage.db', '') },
  'usage.db is no database': { prepare: (home) => void home.write('usage.db', 'x'.repeat(5000)) },
  'usage.db is a dangling link': {
    prepare: (home) => {
      mkdirSync(home.directory);
      symlinkSync('/nowhere/at/all', db(home));
    },
  },
  'usage.db is of a newer version': { prepare: (home) => newer(home) },
  'the header of usage.db is damaged': { prepare: inUse((home) => damage(home, 0, 100)) },
  'the pages of usage.db are damaged': { prepare: inUse((home) => damage(home, 4096, 40_000)) },
  'usage.db is cut short': { prepare: inUse((home) => truncateSync(db(home), 5000)) },
  'the log of usage.db is damaged': {
    prepare: inUse((home) => void home.write('usage.db-wal', 'x'.repeat(9000))),
  },
  'usage.json is a directory': {
    prepare: ({ directory }) => void mkdirSync(join(directory, 'usage.json'), { recursive: true }),
  },
  'usage.json and usage.lock are FIFOs': {
    shell: 'mkdir -p "$HOME/.arcade" && mkfifo "$HOME/.arcade/usage.json" "$HOME/.arcade/usage.lock"',
    env: () => ({ ARCADE_POSTHOG_API_KEY: 'phc_test', ARCADE_POSTHOG_HOST: 'http://127.0.0.1:1' }),
  },
  'no file may grow': { shell: 'ulimit -f 0' },
  'files may grow a little': { shell: 'ulimit -f 40' },
  'few files may be open': { shell: 'ulimit -n 24' },
  'better-sqlite3 is missing': { program: (home) => elsewhere(home, undefined) },
  'better-sqlite3 is of another system': { program: (home) => elsewhere(home, 'not an addon') },
  'writing to usage.db fails': { env: () => dying('usage.db') },
  'writing to the log fails': { env: () => dying('usage.db-wal') },
};

describe('a store that is out of order is never felt', { concurrency: 3 }, () => {
  for (const [what, fault] of Object.entries(faults)) {
    test(`a command is the same as without tracking when ${what}`, {
      skip: fault.skip || (fault.mounts && noNamespaces) || false,
    }, async (t) => {
      if (what.startsWith('writing') && ioError === undefined)
        return t.skip('there is no C compiler to make a dying disk with');
      const off = await observe(sandbox(t), fault, { ARCADE_USAGE_TRACKING: '0' });
      const on = await observe(sandbox(t), fault, {});
      assert.deepEqual(on, off);
      assert.ok(
        what === 'few files may be open' || off.some(({ exitCode }) => exitCode === 0),
        'the command itself works',
      );
    });
  }

  test('a command whose spool is locked by somebody else is the same as without tracking', async (t) => {
    const home = sandbox(t);
    await used(home);
    const holder = new Database(db(home));
    t.after(() => holder.close());
    holder.exec('BEGIN IMMEDIATE');
    const off = await observe(home, {}, { ARCADE_USAGE_TRACKING: '0' });
    const on = await observe(home, {}, {});
    assert.deepEqual(on, off);
    holder.exec('ROLLBACK');
    const { stdout } = await arcade(home, ['usage', 'status', '--json']);
    assert.equal((JSON.parse(stdout) as { ledger: { recorded: number } }).ledger.recorded, 1);
  });
});

/** What a person sees of commands that succeed, fail, and are wrong. */
async function observe(home: Sandbox, fault: Fault, extra: Record<string, string>) {
  await fault.prepare?.(home);
  const program = fault.program?.(home) ?? PROGRAM;
  const seen: { exitCode: number | undefined; stdout: string; stderr: string }[] = [];
  for (const args of [
    ['secret', 'list'],
    ['secret', 'unset', 'NONE'],
    ['secret', 'set', '='],
  ]) {
    const env = {
      ...baseEnvironment(home),
      ARCADE_API_KEY: server.user('A').api_keys[0],
      ARCADE_URL: server.url,
      ...extra,
    };
    const script = `${fault.shell ?? ':'}\nexec $SWITCH "$@"`;
    const shell = ['bash', '-c', script, 'bash', process.execPath, '--', program, ...args];
    const [command = 'bash', ...rest] = fault.mounts === true ? ['unshare', '--mount', ...shell] : shell;
    const options = { extendEnv: false, reject: false, stdin: 'ignore', stripFinalNewline: false } as const;
    const ran = await execa(command, rest, { ...options, env: { SWITCH: '', ...env, ...fault.env?.(home) } });
    const plain = (text: string): string =>
      text
        .replace(NOTICE, '')
        .replaceAll(home.home, '~')
        .replace(/fifo .*File exists\n/g, '');
    seen.push({ exitCode: ran.exitCode, stdout: plain(ran.stdout), stderr: plain(ran.stderr) });
  }
  return seen;
}

function dying(suffix: string): Record<string, string> {
  return { LD_PRELOAD: ioError ?? '', IO_ERROR_SUFFIX: `/.arcade/${suffix}` };
}

function newer(home: Sandbox): void {
  mkdirSync(home.directory);
  const made = new Database(db(home));
  made.exec('CREATE TABLE x (y); PRAGMA user_version = 9999');
  made.close();
}

function damage(home: Sandbox, from: number, bytes: number): void {
  const opened = new Database(db(home));
  opened.pragma('wal_checkpoint(TRUNCATE)');
  const content = opened.serialize();
  opened.close();
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
