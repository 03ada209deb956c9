/** A signal is never lost and never a crash, whatever the program is doing when it comes. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { keyOf } from '../../support/arcade/accounts.ts';
import { startArcadeCli, TRACKED } from '../../support/cli.ts';
import { recorded, withoutNotice } from '../../support/recorded.ts';
import { until } from '../../support/until.ts';
import { type World, world } from '../../support/world.ts';

const SIGNALS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const;
const HOOK = pathToFileURL(join(import.meta.dirname, '..', '..', 'support', 'signal-at.mjs')).href;

const LIST = ['secret', 'list'];
const WRONG = [...LIST, '--bad'];
const TABLE = 'No secrets are set. Set one with `arcade secret set KEY`.\n';
const TOLD = 'Error: No such option: --bad\nHint: Run `arcade secret list --help` for usage.\n';

/** The listeners are there, and the command's module is about to be read. */
const LISTENING = 'node:process on SIGHUP';
const READING = 'node:fs openSync credentials.yaml';
/** Inside the transaction that records the event. */
const RECORDING = 'node:fs writeSync Arcade collects';
const STARTING = 'node:child_process spawn flusher';

describe('a signal is told by the exit code, and leaves one event', { concurrency: 4 }, () => {
  for (const [when, args, moment, failure, stdout, stderr] of [
    ['while the command is loaded', LIST, LISTENING, 'INTERRUPTED', '', ''],
    ['while credentials are read', LIST, READING, 'INTERRUPTED', '', ''],
    ['while wrong usage is told', WRONG, LISTENING, 'INVALID_USAGE', '', TOLD],
    ['while credentials are read for the event', WRONG, READING, 'INVALID_USAGE', '', TOLD],
    ['while a failure is recorded', WRONG, RECORDING, 'INVALID_USAGE', '', TOLD],
    ['while a success is recorded', LIST, RECORDING, null, TABLE, ''],
  ] as const) {
    for (const [signal, exitCode] of SIGNALS) {
      test(`${signal} ${when}`, async (t) => {
        const at = await world(t);
        // A command that is given up may still have its answer before the process is gone.
        if (failure === 'INTERRUPTED') at.arcade.fault({}, { kind: 'hang' });
        const ran = await at.run(args, { env: signalled(at, `${signal} ${moment}`) });
        assert.deepEqual(
          [ran.exitCode, ran.signal, ran.stdout, withoutNotice(ran.stderr)],
          [exitCode, undefined, stdout, stderr],
        );
        assert.deepEqual(await recorded(at.home), [['secret.list', failure]]);
      });
    }
  }

  for (const [signal, exitCode] of SIGNALS) {
    test(`${signal} while a flusher is started`, async (t) => {
      const at = await world(t);
      const env = { ...signalled(at, `${signal} ${STARTING}`), ...at.posthog.env };
      const ran = await at.run(WRONG, { env });
      assert.deepEqual([ran.exitCode, ran.signal, withoutNotice(ran.stderr)], [exitCode, undefined, TOLD]);
      const arrived = (): unknown[] =>
        at.posthog.stored().filter(({ event }) => event === 'CLI execution failed');
      await until(() => arrived().length > 0, { what: 'the event' });
      const events = (await recorded(at.home)).filter(([command]) => command !== null);
      assert.deepEqual([events, arrived().length], [[['secret.list', 'INVALID_USAGE']], 1]);
    });
  }
});

describe('a signal that comes twice within a moment', { concurrency: 4 }, () => {
  for (const [signal, exitCode] of SIGNALS) {
    test(`is one: ${signal}`, async (t) => {
      const at = await world(t);
      at.arcade.fault({}, { kind: 'hang' });
      const ran = await at.run(LIST, { env: signalled(at, `2x${signal} ${READING}`) });
      assert.deepEqual([ran.exitCode, ran.signal], [exitCode, undefined]);
      assert.deepEqual(await recorded(at.home), [['secret.list', 'INTERRUPTED']]);
    });
  }
});

describe('output that is not read yet', { concurrency: 4, timeout: 120_000 }, () => {
  for (const [signal, exitCode] of SIGNALS) {
    test(`keeps no program that ${signal} asks to end`, async (t) => {
      const { home, running } = await unread(t);
      running.kill(signal);
      const ran = await running;
      assert.deepEqual([ran.exitCode, withoutNotice(ran.stderr)], [exitCode, '']);
      assert.deepEqual(await recorded(home), [['secret.list', null]]);
    });
  }

  test('is waited for otherwise', async (t) => {
    const { path, running } = await unread(t);
    const text = await readFile(path, 'utf8');
    assert.equal((await running).exitCode, 0);
    assert.equal(text.match(/^KEY_\d+ .* x{1000} /gm)?.length, SECRETS);
  });
});

/** Sends itself the signal at the moment; signed in by a file. */
function signalled({ arcade, home, user }: World, at: string): Record<string, string | undefined> {
  home.signInWithKey(keyOf(user), arcade.url);
  return {
    ARCADE_USAGE_TRACKING: undefined,
    ARCADE_API_KEY: undefined,
    NODE_OPTIONS: `--import=${HOOK}`,
    ARCADE_TEST_SIGNAL_AT: at,
  };
}

const SECRETS = 1000;

/** A command that has done its work and recorded it, with a megabyte in a pipe that nobody reads. */
async function unread(t: TestContext) {
  const { arcade, env, home, user } = await world(t);
  const description = 'x'.repeat(1000);
  for (let i = 0; i < SECRETS; i += 1) arcade.store(user, { key: `KEY_${i}`, value: 'v', description });
  const path = join(home.home, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  t.after(() => closeSync(reader));
  const running = startArcadeCli(home, LIST, { env: { ...env, ...TRACKED }, shell: 'exec "$@" > pipe' });
  t.after(() => running.kill('SIGKILL'));
  await until(async () => (await recorded(home)).length === 1, { what: 'the event' });
  return { home, path, running };
}
