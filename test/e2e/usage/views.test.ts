/** `arcade usage` and its views: list, show, stats, export, watch. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { startArcadeCli, TRACKED } from '../../support/cli.ts';
import { change } from '../../support/damage.ts';
import { inside, usage, usageJson } from '../../support/inside.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';
import { ANON_ID, seeded, seedSpool } from '../../support/seed.ts';
import { until } from '../../support/until.ts';

const PAST = { records: 12, everyMs: 3600_000, delivered: 6, quarantined: 1 };

interface Listed {
  readonly records: readonly { id: number; recorded_at: string }[];
}

async function listed(home: Sandbox, ...options: string[]): Promise<number[]> {
  return (await usageJson<Listed>(home, 'list', ...options)).records.map(({ id }) => id);
}

test('`usage` alone is `usage status`', async (t) => {
  const home = seeded(t, PAST);
  const [alone, status] = await Promise.all([usage(home, []), usage(home, ['status'])]);
  assert.deepEqual([alone.exitCode, alone.stderr], [0, '']);
  assert.match(alone.stdout, /^Recording +on \(default\)\n[\s\S]*pending +5, the oldest 4 h ago/);
  assert.equal(alone.stdout.split('\n')[0], status.stdout.split('\n')[0]);
});

test('`usage list` filters by state, command, time and number, oldest first', async (t) => {
  const home = seeded(t, PAST);
  assert.deepEqual(await listed(home), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  assert.deepEqual(await listed(home, '--state', 'quarantined'), [7]);
  assert.deepEqual(await listed(home, '--command', 'whoami'), [3, 8]);
  assert.deepEqual(await listed(home, '--since', '150m'), [10, 11, 12]);
  assert.deepEqual(await listed(home, '--since', '2d', '--limit', '2'), [11, 12]);
  assert.deepEqual(await listed(home, '--since', '2999-01-01'), []);
  assert.deepEqual(
    await listed(home, '--command', 'secret list'),
    await listed(home, '--command', 'secret.list'),
  );
});

test('`usage list` of nothing says why in one sentence: nothing was recorded yet, or nothing matches', async (t) => {
  const home = sandbox(t);
  const fresh = await usage(home, ['list']);
  assert.deepEqual([fresh.stdout, fresh.stderr], ['', 'Nothing has been recorded yet.\n']);
  seedSpool(home, PAST);
  const none = await usage(home, ['list', '--since', '2999-01-01']);
  assert.deepEqual([none.stdout, none.stderr], ['No matching records.\n', '']);
});

test('`usage list` as a table is whole in a pipe, and ASCII where the locale has no more', async (t) => {
  const home = seeded(t, PAST);
  const ascii = await usage(home, ['list'], { env: { LANG: 'C' } });
  assert.equal(ascii.exitCode, 0);
  assert.match(ascii.stdout, /^[ -~\n]*$/);
  assert.ok(ascii.stdout.includes(ANON_ID));
  const unicode = await usage(home, ['list'], { env: { LANG: 'C', LC_ALL: 'C.UTF-8' } });
  assert.match(unicode.stdout, /● delivered/);
});

test('`usage stats`: every picture is ASCII where the locale has no more', async (t) => {
  const home = seeded(t, PAST);
  const env = { LC_ALL: 'POSIX' };
  const { exitCode, stdout, stderr } = await usage(home, ['stats', '--days', '90'], { env });
  assert.deepEqual([exitCode, stderr], [0, '']);
  assert.match(stdout, /^[ -~\n]*$/);
  for (const title of ['Events per day', 'Slowest commands', 'Pending records', 'Delivery delay'])
    assert.match(stdout, new RegExp(`^${title}`, 'm'));
  assert.ok(stdout.split('\n').every((line) => line.length <= 80));
});

test('`usage stats` counts every event, and measures what is kept', async (t) => {
  const home = seeded(t, PAST);
  const stats = await usageJson<{
    events_per_day: { succeeded: number; failed: number }[];
    commands: { command_name: string; events: number; measured: number; p50_ms: number; p95_ms: number }[];
    delivery: { measured: number; attempts: Record<string, number> };
  }>(home, 'stats', '--days', '7');
  assert.equal(stats.events_per_day.length, 7);
  const sum = (what: 'succeeded' | 'failed'): number =>
    stats.events_per_day.reduce((all, day) => all + day[what], 0);
  assert.deepEqual([sum('succeeded'), sum('failed')], [10, 1]);
  assert.equal(stats.commands[0]?.command_name, 'login');
  for (const { events, measured, p50_ms, p95_ms } of stats.commands) {
    assert.equal(events, measured);
    assert.ok(p50_ms <= p95_ms);
  }
  assert.equal(stats.delivery.measured, 6);
  assert.deepEqual(stats.delivery.attempts, { accepted: 6, invalid: 1 });
});

test('`usage list`: times are the same as in every other view', async (t) => {
  const home = seeded(t, PAST);
  for (const record of (await usageJson<Listed>(home, 'list')).records) {
    const shown = await usageJson<{ record: unknown }>(home, 'show', String(record.id));
    assert.deepEqual(shown.record, record);
  }
});

test('`usage show` tells the bytes, the identity and the tries, by number and by uuid', async (t) => {
  const home = seeded(t, PAST);
  const { record, payload, attempts } = await usageJson<{
    record: { uuid: string; state: string };
    payload: { uuid: string };
    attempts: { outcome: string; status: number }[];
  }>(home, 'show', '7');
  assert.equal(record.state, 'quarantined');
  assert.deepEqual([attempts[0]?.outcome, attempts[0]?.status], ['invalid', 400]);
  const byUuid = await usage(home, ['show', record.uuid.toUpperCase()]);
  assert.equal(byUuid.exitCode, 0);
  assert.match(byUuid.stdout, /^Record 7 {2}capture, quarantined \(refused by PostHog\)\n/);
  assert.ok(byUuid.stdout.includes(JSON.stringify(payload)));
  assert.match(byUuid.stdout, /Sent as {3}an anonymous id, 5d0c8a52/);
});

test('`usage export` writes each record as a line, as CSV, and as one document', async (t) => {
  const home = seeded(t, PAST);
  const [lines, csv] = [await usage(home, ['export']), await usage(home, ['export', '--format', 'csv'])];
  assert.equal(lines.stdout.trim().split('\n').length, 12);
  assert.equal(csv.stdout.trim().split('\n').length, 13);
  assert.match(csv.stdout, /^id,uuid,kind,event,command_name,state,/);
  const { records } = await usageJson<{ records: { payload: { event: string } }[] }>(home, 'export');
  assert.deepEqual([records.length, records[0]?.payload.event], [12, '$create_alias']);
});

test('`usage export --format csv` holds nothing that a spreadsheet runs, at whatever character it splits', async (t) => {
  const home = seeded(t, PAST);
  for (const [i, id] of ['=1+1', ';=1+1', 'a;@x', 'a; +x', '-1'].entries())
    change(join(home.directory, 'usage.db'), `UPDATE record SET distinct_id = '${id}' WHERE id = ${12 - i}`);
  const { stdout } = await usage(home, ['export', '--format', 'csv']);
  for (const id of ["'=1+1", ";'=1+1", "a;'@x", "a; '+x", "'-1"]) assert.ok(stdout.includes(`,${id},`), id);
  assert.doesNotMatch(stdout, /(^|;)\s*[=+\-@]/m);
});

const WRONG: readonly [readonly string[], number, RegExp][] = [
  [['list', '--since', 'yesterday'], 2, /--since must be/],
  [['list', '--since', '2026-99-99'], 2, /--since must be/],
  [['list', '--since', '2026-02-30'], 2, /--since must be/],
  [['list', '--command', 'nope'], 2, /--command must be a command that records usage/],
  [['list', '--command', `x' OR '1'='1`], 2, /--command must be a command that records usage/],
  [['show', '99'], 1, /There is no record 99/],
  [['show', '99999999999999999999999'], 1, /There is no record 9/],
  [['show', '\u001b[31m'], 2, /ID must be the number or uuid of a record/],
  [
    ['report', '--output', join(import.meta.dirname, 'views.test.ts')],
    1,
    /already exists and is not an arcade report/,
  ],
  [['report', '--output', 'no/such/folder.html'], 1, /Cannot write .*: its folder does not exist\./],
];

test('`usage show` and the like refuse in words what cannot be shown', async (t) => {
  const home = seeded(t, PAST);
  for (const [args, code, words] of WRONG) {
    const { exitCode, stdout, stderr } = await usage(home, args);
    assert.deepEqual([exitCode, stdout], [code, ''], args.join(' '));
    assert.match(stderr, words);
  }
});

test('`usage`: no view is recorded itself, whatever its outcome', async (t) => {
  const home = seeded(t, PAST);
  for (const args of [[], ['list'], ['show', '99'], ['list', '--limit', '0'], ['doctor']])
    await usage(home, [...args]);
  assert.equal((await listed(home)).length, 12);
});

test('`usage watch` tells each change as one line of JSON, and ends with 130', async (t) => {
  const home = sandbox(t);
  const watching = startArcadeCli(home, ['usage', 'watch']);
  let text = '';
  watching.stdout?.on('data', (chunk) => {
    text += String(chunk);
  });
  const states = (): { recorded: number; consent: boolean }[] =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  await until(() => states().length === 1);
  await inside(home, ['secret', 'list'], { env: TRACKED });
  await until(() => states().at(-1)?.recorded === 1);
  await usage(home, ['disable']);
  await until(() => states().at(-1)?.consent === false);
  watching.kill('SIGINT');
  const { exitCode, stderr } = await watching;
  assert.deepEqual([exitCode, stderr], [130, '']);
});
