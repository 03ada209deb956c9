/** A signal is never lost and never a crash, whatever the program is doing when it comes. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { keyOf } from '../support/arcade/client.ts';
import { desk } from '../support/desk.ts';
import { recorded, withoutNotice } from '../support/recorded.ts';

const SIGNALS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const;
const HOOK = pathToFileURL(join(import.meta.dirname, '..', 'support', 'signal-at.mjs')).href;

/** The listeners are there and the command's module is about to be read. */
const LISTENING = 'node:process once SIGHUP';

describe('a signal is told by the exit code, and leaves one event', { concurrency: 4 }, () => {
  const list = ['secret', 'list'];
  for (const [when, args, moment, failure] of [
    ['while the command is loaded', list, LISTENING, 'INTERRUPTED'],
    ['while credentials are read', list, 'node:fs/promises stat credentials.yaml', 'INTERRUPTED'],
  ] as const) {
    for (const [signal, exitCode] of SIGNALS) {
      test(`${signal} ${when}`, async (t) => {
        const { arcade, home, run, user } = await desk(t);
        home.signInWithKey(keyOf(user), arcade.url);
        // A command that is given up may still have its answer before the process is gone.
        arcade.fault({}, { kind: 'hang' });
        const env = {
          ARCADE_USAGE_TRACKING: undefined,
          ARCADE_API_KEY: undefined,
          NODE_OPTIONS: `--import=${HOOK}`,
          ARCADE_TEST_SIGNAL_AT: `${signal} ${moment}`,
        };
        const ran = await run(args, { env });
        assert.deepEqual(
          [ran.exitCode, ran.signal, ran.stdout, withoutNotice(ran.stderr)],
          [exitCode, undefined, '', ''],
        );
        assert.deepEqual(await recorded(home), [['secret.list', failure]]);
      });
    }
  }
});
