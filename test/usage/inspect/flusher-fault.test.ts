/** What `usage status` and `usage doctor` say of a flusher that was asked for: one rule, so both say it at the same moment. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { backOff, postHogAt } from '../../../src/usage/spool/backoff.ts';
import type { Spool } from '../../../src/usage/spool/spool.ts';
import { inside } from '../../support/inside.ts';
import { command, DESTINATION, makeSpool } from '../../support/queue.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';

const ENV = {
  ARCADE_USAGE_TRACKING: undefined,
  ARCADE_POSTHOG_HOST: DESTINATION.host,
  ARCADE_POSTHOG_API_KEY: DESTINATION.apiKey,
};

type Fate = (now: number) => string;

/** A home with one event that is pending for seconds; `sql` says what became of the flusher. */
function left(t: TestContext, sql: Fate, more: (spool: Spool) => void = () => undefined): Sandbox {
  const home = sandbox(t);
  const spool = makeSpool(home.directory);
  const now = Date.now();
  command(spool, now - 7_000, {});
  for (const statement of sql(now)
    .split(';')
    .filter((part) => part.trim() !== ''))
    spool.statement(statement).run();
  more(spool);
  spool.close();
  return home;
}

const FATES: Readonly<Record<string, { sql: Fate; words: RegExp }>> = {
  'did not start, as at the end of a container or without a library': {
    sql: (now) => `UPDATE installation SET flusher_asked_at = ${now - 6_000}`,
    words: /The last flusher did not start, or was ended at once: .*limit of processes/,
  },
  'was ended before it was done': {
    sql: (now) =>
      `UPDATE installation SET flusher_asked_at = NULL; INSERT INTO flusher_run (started_at) VALUES (${now - 6_000})`,
    words: /The last flusher was ended before it was done/,
  },
  failed: {
    sql: (now) => `UPDATE installation SET flusher_asked_at = ${now - 6_000};
      INSERT INTO flusher_run (started_at, ended_at, outcome) VALUES (${now - 6_100}, ${now - 6_000}, 'failed')`,
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

const WELL: Readonly<Record<string, { sql: Fate; words: RegExp }>> = {
  'was asked for a moment ago': {
    sql: (now) => `UPDATE installation SET flusher_asked_at = ${now - 1_000}`,
    words: /A flusher was asked for just now/,
  },
  'was asked for a moment ago, after one that died': {
    sql: (now) => `UPDATE installation SET flusher_asked_at = ${now - 1_000};
      INSERT INTO flusher_run (started_at) VALUES (${now - 6_000})`,
    words: /A flusher was asked for just now/,
  },
  drained: {
    sql: (now) => `UPDATE installation SET flusher_asked_at = NULL;
      INSERT INTO flusher_run (started_at, ended_at, outcome) VALUES (${now - 6_100}, ${now - 6_000}, 'drained')`,
    words: /Pending events will be sent with your next command/,
  },
};

for (const [fate, { sql, words }] of Object.entries(WELL)) {
  test(`usage status and doctor find nothing wrong with a flusher that ${fate}`, async (t) => {
    const home = left(t, sql);
    assert.match((await inside(home, ['usage', 'status'], { env: ENV })).stdout, words);
    const doctor = await inside(home, ['usage', 'doctor', '--json'], { env: ENV });
    assert.equal(doctor.exitCode, 0, doctor.stdout);
  });
}

test('usage doctor says nothing of a dead flusher where nothing is pending, or a back-off holds', async (t) => {
  const died: Fate = (now) => `INSERT INTO flusher_run (started_at) VALUES (${now - 6_000})`;
  const delivered = left(t, (now) => `${died(now)}; UPDATE record SET state = 'delivered'`);
  const offline = left(t, died, (spool) => {
    const failure = { reason: 'offline', status: null } as const;
    backOff(spool, postHogAt(spool, DESTINATION), failure, { at: Date.now(), random: Math.random });
  });
  for (const home of [delivered, offline]) {
    const doctor = await inside(home, ['usage', 'doctor', '--json'], { env: ENV });
    assert.equal(doctor.exitCode, 0, doctor.stdout);
  }
});
