/** What `usage status` and `usage doctor` say of a flusher that was asked for and did not live. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openSpool } from '../../../src/usage/spool/spool.ts';
import { inside } from '../../support/inside.ts';
import { command, DESTINATION, MIGRATIONS } from '../../support/queue.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';

const ENV = {
  ARCADE_USAGE_TRACKING: undefined,
  ARCADE_POSTHOG_HOST: DESTINATION.host,
  ARCADE_POSTHOG_API_KEY: DESTINATION.apiKey,
};
const NOW = Date.now();

/** A home with one event that is pending for two minutes; `sql` says what became of the flusher. */
function left(t: TestContext, sql: string): Sandbox {
  const home = sandbox(t);
  const spool = openSpool(home.directory, MIGRATIONS);
  command(spool, NOW - 120_000, {});
  for (const statement of sql.split(';').filter((part) => part.trim() !== ''))
    spool.statement(statement).run();
  spool.close();
  return home;
}

const FATES: Readonly<Record<string, { sql: string; words: RegExp }>> = {
  'did not start, as at the end of a container or without a library': {
    sql: `UPDATE installation SET flusher_asked_at = ${NOW - 60_000}`,
    words: /The last flusher did not start, or was ended at once/,
  },
  'was ended before it was done': {
    sql: `UPDATE installation SET flusher_asked_at = NULL; INSERT INTO flusher_run (started_at) VALUES (${NOW - 60_000})`,
    words: /The last flusher was ended before it was done/,
  },
  failed: {
    sql: `UPDATE installation SET flusher_asked_at = ${NOW - 60_000};
      INSERT INTO flusher_run (started_at, ended_at, outcome) VALUES (${NOW - 60_100}, ${NOW - 60_000}, 'failed')`,
    words: /The last flusher failed/,
  },
};

for (const [fate, { sql, words }] of Object.entries(FATES)) {
  test(`usage status and doctor tell that the flusher ${fate}, and how to send the events`, async (t) => {
    const home = left(t, sql);
    const status = await inside(home, ['usage', 'status'], { env: ENV });
    assert.match(status.stdout, words);
    assert.match(status.stdout, /arcade usage flush/);
    const doctor = await inside(home, ['usage', 'doctor', '--json'], { env: ENV });
    const { findings } = JSON.parse(doctor.stdout) as { findings: { code: string; message: string }[] };
    assert.match(findings.find(({ code }) => code === 'flusher-dies')?.message ?? doctor.stdout, words);
    assert.equal(doctor.exitCode, 1);
  });
}

test('usage status says no such thing of a flusher that was asked for a moment ago, nor of one that drained', async (t) => {
  for (const sql of [
    `UPDATE installation SET flusher_asked_at = ${Date.now()}`,
    `UPDATE installation SET flusher_asked_at = NULL;
      INSERT INTO flusher_run (started_at, ended_at, outcome) VALUES (${NOW - 60_100}, ${NOW - 60_000}, 'drained')`,
  ]) {
    const { stdout } = await inside(left(t, sql), ['usage', 'status'], { env: ENV });
    assert.match(stdout, /Pending events will be sent with your next command\./);
  }
});
