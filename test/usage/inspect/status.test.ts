/** Why nothing is being sent, or that all is well: one sentence for `usage status`, `watch`, `report` and `doctor`. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { deliveryOf, readStatus } from '../../../src/usage/inspect/status.ts';
import { type BackoffReason, backOff, COORDINATOR, postHogAt } from '../../../src/usage/spool/backoff.ts';
import type { Finding } from '../../../src/usage/spool/finding.ts';
import { inside } from '../../support/inside.ts';
import { command, DESTINATION, makeSpool, openQueue, type Queue } from '../../support/queue.ts';
import { sandbox } from '../../support/sandbox.ts';

const ASKED = (agoMs: number) => (now: number) => `UPDATE installation SET flusher_asked_at = ${now - agoMs}`;
const RAN = (end: 'failed' | 'drained' | null) => (now: number) =>
  `INSERT INTO flusher_run (started_at, ended_at, outcome)
   VALUES (${now - 6_100}, ${end === null ? null : now - 6_000}, ${end === null ? null : `'${end}'`})`;
const BECOMES = (state: string) => () => `UPDATE record SET state = '${state}'`;

/** What has happened to the one event that has been pending for seconds, and what is said of it. */
const SAID: readonly [
  what: string,
  happened: readonly ((now: number) => string)[],
  severity: Finding['severity'],
  words: RegExp,
][] = [
  ['no flusher was asked for', [], 'ok', /Pending events will be sent with your next command/],
  ['a flusher drained before it', [RAN('drained')], 'ok', /will be sent with your next command/],
  ['a flusher was just asked for', [ASKED(1_000)], 'ok', /A flusher was asked for just now/],
  ['one died and one was just asked for', [RAN(null), ASKED(1_000)], 'ok', /was asked for just now/],
  ['one was asked for and never began', [ASKED(6_000)], 'warning', /did not start.*limit of processes/],
  ['one was killed', [RAN(null)], 'warning', /The last flusher was ended before it was done/],
  ['one failed, which leaves a mark', [RAN('failed'), ASKED(6_000)], 'warning', /The last flusher failed/],
  ['one died, but it was delivered', [RAN(null), BECOMES('delivered')], 'ok', /Everything .* has been sent/],
  ['it was rejected for good', [BECOMES('quarantined')], 'ok', /PostHog permanently rejected 1/],
];

function said(queue: Queue, destination: { host: string; apiKey?: string } = DESTINATION): Finding {
  const settings = { destination } as Parameters<typeof deliveryOf>[1];
  return deliveryOf(readStatus(queue.spool, settings, queue.clock.now), settings, queue.clock.now);
}

function pending(t: TestContext): Queue {
  const queue = openQueue(t);
  queue.command();
  queue.clock.now += 7_000;
  return queue;
}

for (const [what, happened, severity, words] of SAID) {
  test(`usage status: what is said where ${what}`, (t) => {
    const queue = pending(t);
    queue.spool.statement('UPDATE installation SET flusher_asked_at = NULL').run();
    for (const sql of happened) queue.spool.statement(sql(queue.clock.now)).run();
    const finding = said(queue);
    assert.match(finding.message, words);
    assert.equal(finding.severity, severity);
    if (severity === 'warning') assert.match(finding.advice, /arcade usage flush/);
  });
}

test('usage status: what is said of a back-off, worth a warning where it does not pass by itself', (t) => {
  const severities: Readonly<Record<BackoffReason, Finding['severity']>> = {
    offline: 'info',
    throttled: 'info',
    portal: 'warning',
    rejected: 'warning',
    unauthorized: 'warning',
    proxy: 'warning',
  };
  for (const [reason, severity] of Object.entries(severities) as [BackoffReason, Finding['severity']][]) {
    const queue = pending(t);
    const failure = { reason, status: 401 };
    backOff(queue.spool, postHogAt(queue.spool, DESTINATION), failure, {
      at: queue.clock.now,
      random: () => 0,
    });
    const finding = said(queue);
    assert.match(
      finding.message,
      /\(status 401\)\. Next attempt after \d{4}-\d\d-\d\d \d\d:\d\d UTC/,
      reason,
    );
    assert.equal(finding.severity, severity, reason);
    assert.ok(finding.advice.length > 10, reason);
  }
});

test('usage status: what is said where the account is not known yet, and where there is no project key', (t) => {
  const queue = pending(t);
  assert.match(said(queue, { host: DESTINATION.host }).message, /this build has no project key/);
  queue.spool.statement('UPDATE record SET distinct_id = NULL').run();
  const failure = { reason: 'offline', status: null } as const;
  backOff(queue.spool, COORDINATOR, failure, { at: queue.clock.now, random: () => 0 });
  assert.match(
    said(queue).message,
    /The account of these events is not known yet; Arcade is asked again after/,
  );
});

test('usage status and doctor say the same of a flusher that did not start, at the same moment', async (t) => {
  const home = sandbox(t);
  const spool = makeSpool(home.directory);
  command(spool, Date.now() - 7_000, {});
  spool.statement(ASKED(6_000)(Date.now())).run();
  spool.close();
  const env = {
    ARCADE_USAGE_TRACKING: undefined,
    ARCADE_POSTHOG_HOST: DESTINATION.host,
    ARCADE_POSTHOG_API_KEY: DESTINATION.apiKey,
  };
  const status = await inside(home, ['usage', 'status'], { env });
  const doctor = await inside(home, ['usage', 'doctor', '--json'], { env });
  assert.equal(doctor.exitCode, 1);
  const { findings } = JSON.parse(doctor.stdout) as { findings: Finding[] };
  const { message, advice } = findings.find(({ code }) => code === 'flusher-dies') as Finding;
  assert.ok(status.stdout.endsWith(`\n${message} ${advice}\n`), status.stdout);
});
