/**
 * Whatever is wrong with the store, a command's exit code, stdout and stderr are those that it has with
 * tracking off: byte for byte, the one-time notice apart. `npm run bench:faults` measures the time.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { type Arcade, startArcade } from '../../support/arcade.ts';
import { arcade, UNTRACKED } from '../../support/cli.ts';
import { FAULTS, type Fault, runFaulty, withoutFault } from '../../support/faults.ts';
import { fillSpool, makeSpool } from '../../support/queue.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';

const NOTICE = /^Arcade collects CLI usage data .*\n/m;
/** A command that succeeds, one that fails, and one that is wrong. */
const SUCCEEDS = ['secret', 'list'];
const FAILS = ['secret', 'unset', 'NONE'];
const IS_WRONG = ['secret', 'set', '='];
/** What ARCADE_DEBUG tells of an event, to the end. */
const USAGE = /^usage: .*/ms;
const SOUND: Fault = {};

let server: Arcade;
/** What each shows in a sound home with tracking off, as JSON. */
let sound: ReadonlyMap<readonly string[], string>;
before(async (t) => {
  server = await startArcade();
  const commands = [SUCCEEDS, FAILS, IS_WRONG];
  const seen = await observe(t as TestContext, SOUND, commands, [UNTRACKED, UNTRACKED, UNTRACKED]);
  sound = new Map(commands.map((words, i) => [words, JSON.stringify(seen[i])]));
});
after(() => server.close());

describe('a store that is out of order is never felt', { concurrency: 3 }, () => {
  for (const [i, [what, fault]] of Object.entries(FAULTS).entries()) {
    const fate = fault.loses === undefined ? 'recorded' : 'given up';
    const told = fault.dependsOnNode === true ? '' : `, and its event is ${fate},`;
    test(`a command is the same as without tracking${told} when ${what}`, {
      skip: withoutFault(fault),
    }, async (t) => {
      const commands = [SUCCEEDS, i % 2 === 0 ? FAILS : IS_WRONG];
      // What the first tells of its event is taken off; the second says nothing of the fault.
      const seen = await observe(t, fault, commands, [{ ARCADE_DEBUG: '1' }, {}]);
      const debug = USAGE.exec(seen[0]?.stderr ?? '')?.[0] ?? '';
      const on = seen.map((each, n) => ({
        ...each,
        stderr: n === 0 ? each.stderr.replace(USAGE, '') : each.stderr,
      }));
      // Few faults are felt by the command itself.
      const expected = on.every((each, n) => JSON.stringify(each) === sound.get(commands[n] ?? []))
        ? on
        : await observe(t, fault, commands, [{ ...UNTRACKED, ARCADE_DEBUG: '1' }, UNTRACKED]);
      assert.deepEqual(on, expected);
      if (fault.dependsOnNode === true) return;
      assert.equal(on[0]?.exitCode, 0, 'the command itself works');
      if (fault.loses === undefined) assert.equal(debug, '');
      else assert.match(debug, fault.loses, 'the fault is a real one');
    });
  }
});

// From no room for the schema to room for everything; in between only the commit of the event may not fit.
const ROOM: Readonly<Record<string, { fault: Fault; fits?: boolean }>> = {
  ...Object.fromEntries(
    ['64k', '192k', '204k', '212k', '1m'].map((size) => [
      `on a disk of ${size}`,
      {
        fault: { mounts: true, shell: `mount -t tmpfs -o size=${size} tmpfs "$HOME"` },
        ...(size === '64k' || size === '1m' ? { fits: size === '1m' } : {}),
      },
    ]),
  ),
  ...Object.fromEntries(
    [100, 200, 240, 260, 280, 300, 320, 350, 400, 1000].map((blocks) => [
      `where no file has more than ${blocks} blocks`,
      { fault: { shell: `ulimit -f ${blocks}` } },
    ]),
  ),
};
for (const [where, { fault, fits }] of Object.entries(ROOM)) {
  test(`the notice is shown if the event is recorded, and only then, ${where}`, {
    skip: withoutFault(fault),
  }, async (t) => {
    const { stderr } = await runFaulty(sandbox(t), fault, ['secret', 'list'], { ARCADE_DEBUG: '1' });
    const isRecorded = !/^usage: /m.test(stderr);
    assert.equal(NOTICE.test(stderr), isRecorded, stderr);
    if (fits !== undefined) assert.equal(isRecorded, fits, stderr);
  });
}

/** What a person sees of these commands, one after the other in one home. */
async function observe(
  t: TestContext,
  fault: Fault,
  commands: readonly (readonly string[])[],
  /** Of each command. */
  extra: readonly Readonly<Record<string, string>>[],
) {
  const home = sandbox(t);
  const end = await fault.prepare?.(home);
  // Where something has been recorded before, the notice is not to be seen again.
  const shared = join(home.directory, 'usage.json');
  const isFirst = !existsSync(shared) || !statSync(shared).isFile();
  const told = (text: string): string => plain(isFirst ? text.replace(NOTICE, '') : text, home);
  const seen: { exitCode: number | undefined; stdout: string; stderr: string }[] = [];
  for (const [n, words] of commands.entries()) {
    const signIn = { ARCADE_API_KEY: server.user('A').api_keys[0] ?? '', ARCADE_URL: server.url };
    const ran = await runFaulty(home, fault, words, { ...signIn, ...extra[n] });
    seen.push({ exitCode: ran.exitCode, stdout: plain(ran.stdout, home), stderr: told(ran.stderr) });
  }
  await end?.();
  return seen;
}

function plain(text: string, { home }: Sandbox): string {
  return (
    text
      .replaceAll(home, '~')
      .replace(/fifo .*File exists\n/g, '')
      // Of the files that are read at once any may be the one too many.
      .replace(/chunk-\w+\.js/g, 'chunk.js')
  );
}

test('every view says in words that the addon is missing, whether there is a spool or not', async (t) => {
  const fault = FAULTS['better-sqlite3 is missing'];
  assert.ok(fault !== undefined);
  for (const spool of [false, true]) {
    const home = sandbox(t);
    if (spool) home.write('usage.db', 'SQLite format 3\0'.repeat(600));
    for (const words of ['status', 'doctor', 'list', 'identity', 'stats', 'preview -- secret list']) {
      const { stdout, stderr } = await runFaulty(home, fault, ['usage', ...words.split(' ')], {});
      assert.doesNotMatch(stderr, /went wrong|^ +at /m, `${words} ${spool}`);
      if (spool || ['status', 'preview -- secret list'].includes(words))
        assert.match(stdout + stderr, /better-sqlite3 cannot be loaded/, `${words} ${spool}`);
    }
  }
});

test('whoami moves the log into the database once it is long, and leaves a short one to the flusher', async (t) => {
  const home = sandbox(t);
  await arcade(home, ['whoami']);
  const log = join(home.directory, 'usage.db-wal');
  const bytesOfLog = (): number => statSync(log, { throwIfNoEntry: false })?.size ?? 0;
  assert.ok(bytesOfLog() > 0);
  // Nothing has been moved from a log of a process that was killed, however long it is.
  const spool = makeSpool(home.directory);
  spool.pragma('wal_autocheckpoint = 0');
  fillSpool(home.directory, 3_000);
  const files = ['usage.db', 'usage.db-wal'].map((name) => join(home.directory, name));
  const left = files.map((path) => readFileSync(path));
  spool.close();
  for (const [i, path] of files.entries()) writeFileSync(path, left[i] ?? '');
  assert.ok(bytesOfLog() > 1024 * 1024);
  await arcade(home, ['whoami']);
  assert.equal(bytesOfLog(), 0);
  await arcade(home, ['whoami']);
  assert.ok(bytesOfLog() > 0);
});
