/** Five hundred commands in ten seconds, and a thousand of them offline. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startDetached } from '../../../src/infra/os/detached.ts';
import { arcade } from '../../support/cli.ts';
import {
  accountOf,
  FLUSHER_PROGRAM,
  flushersEnded,
  flushersOf,
  watchFlushers,
} from '../../support/flusher.ts';
import { PROGRAM } from '../../support/program.ts';
import { appendFor } from '../../support/queue.ts';
import { until } from '../../support/until.ts';
import { world } from '../../support/world.ts';

/** Starts a flusher as `main.ts` does. */
function start(environment: Record<string, string>): Promise<void> {
  return startDetached({ program: PROGRAM, script: FLUSHER_PROGRAM, environment });
}

/** How many tries the back-off allows in that time at most: the first, and one in each shortest wait. */
function triesWithin(ms: number): number {
  let tries = 1;
  for (let waitMs = 15_000, at = waitMs; at <= ms; waitMs *= 2, at += waitMs) tries += 1;
  return tries;
}

describe('many commands', { concurrency: true }, () => {
  test('500 in ten seconds never meet two flushers, start at most six, and leave none behind', async (t) => {
    const { home, posthog } = await world(t);
    const destination = { host: posthog.url, apiKey: 'phc_test' };
    const env = { HOME: home.home, ...posthog.env };
    const watch = watchFlushers(home);
    t.after(() => watch.stop());
    let started = 0;
    const begun = performance.now();
    for (let command = 0; command < 500; command += 1) {
      if (appendFor(home.directory, destination)) {
        started += 1;
        await start(env);
      }
      // The pace of the commands; what follows is waited for by condition.
      await pause(Math.max(0, begun + command * 20 - performance.now()));
    }
    await flushersEnded(home);
    assert.ok(started >= 1 && started <= 6, `${started} were started`);
    assert.ok(watch.most() <= 1, `${watch.most()} at once, of ${watch.seen()}`);
    // On a machine that is too busy to answer in time, some of them wait out a back-off.
    await arcade(home, ['usage', 'flush'], { env });
    assert.equal(posthog.stored().length, 500);
    assert.equal(accountOf(home).delivered, 500);
  });

  test('1,000 with PostHog down lose nothing and start no more flushers than the back-off allows', async (t) => {
    const { home, posthog } = await world(t);
    await posthog.down();
    const destination = { host: posthog.url, apiKey: 'phc_test' };
    const env = { HOME: home.home, ...posthog.env };
    const begun = performance.now();
    let started = 0;
    for (let command = 0; command < 990; command += 1) {
      if (!appendFor(home.directory, destination)) continue;
      started += 1;
      await start(env);
      await until(() => accountOf(home).backoff !== null, { what: 'the back-off' });
      await flushersEnded(home);
    }
    await Promise.all(Array.from({ length: 10 }, () => arcade(home, ['secret', 'list'], { env })));
    const allowed = triesWithin(performance.now() - begun);
    assert.ok(started <= allowed, `${started} were started, ${allowed} are allowed`);
    assert.deepEqual(flushersOf(home), []);
    const { recorded, pending } = accountOf(home);
    assert.deepEqual([recorded, pending], [1_000, 1_000]);
    await posthog.up();
    assert.equal((await arcade(home, ['usage', 'flush'], { env })).exitCode, 0);
    assert.equal(posthog.stored().length, 1_000);
  });
});
