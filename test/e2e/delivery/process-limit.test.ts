/** A limit of processes that leaves no room for a flusher: commands end as they do with recording off. */
import assert from 'node:assert/strict';
import { chownSync } from 'node:fs';
import { test } from 'node:test';
import { arcade, notRoot } from '../../support/cli.ts';
import { accountOf } from '../../support/flusher.ts';
import type { Sandbox } from '../../support/sandbox.ts';
import { until } from '../../support/until.ts';
import { world } from '../../support/world.ts';

/** A user that has no other process, not even one of the same test elsewhere: the limit is this test's alone. */
const USER = 1_000_000 + process.pid;

/** What four commands in a row end with. */
async function exitCodes(home: Sandbox, limit: number, env: Record<string, string>): Promise<string> {
  const shell = `ulimit -u ${limit}; for i in 1 2 3 4; do "$@" > /dev/null 2>&1; echo -n "$? "; done`;
  return (await arcade(home, ['secret', 'list'], { env, shell, user: USER })).stdout;
}

for (const limit of [14, 18, 40]) {
  test(`with ${limit} processes for a user, four commands in a row end as with recording off`, {
    skip: notRoot,
  }, async (t) => {
    const { home, posthog } = await world(t);
    chownSync(home.home, USER, USER);
    const env = posthog.env;
    const off = await exitCodes(home, limit, { ...env, DO_NOT_TRACK: '1' });
    assert.equal(await exitCodes(home, limit, env), off);
    // Whether there was room for a flusher depends on how many threads a command has.
    const { recorded, delivered, pending } = accountOf(home);
    assert.deepEqual([recorded, delivered + pending], [4, 4]);
    if (limit === 40) await until(() => accountOf(home).delivered > 0, { what: 'an event to be delivered' });
  });
}
