/** `arcade usage` and its views: list, show, stats, export, watch. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Running, startArcadeCli } from '../../support/cli.ts';
import { inside } from '../../support/inside.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';
import { ANON_ID, seedSpool } from '../../support/seed.ts';
import { until } from '../../support/until.ts';

const HOUR_MS = 3600_000;

/** With recording on, as it is by default: views are not recorded themselves. */
function arcade(home: Sandbox, args: readonly string[], { env }: Running = {}) {
  return inside(home, args, { env: { ARCADE_USAGE_TRACKING: undefined, LANG: undefined, ...env } });
}

function seeded(home: Sandbox): void {
  seedSpool(home, { records: 12, now: Date.now(), everyMs: HOUR_MS, delivered: 6, quarantined: 1 });
}

async function listed(home: Sandbox, ...options: string[]): Promise<number[]> {
  const { exitCode, stdout, stderr } = await arcade(home, ['usage', 'list', '--json', ...options]);
  assert.equal(exitCode, 0);
  assert.equal(stderr, '');
  return (JSON.parse(stdout) as { records: { id: number }[] }).records.map(({ id }) => id);
}

test('`usage` alone is `usage status`', async (t) => {
  const home = sandbox(t);
  seeded(home);
  const [alone, status] = await Promise.all([arcade(home, ['usage']), arcade(home, ['usage', 'status'])]);
  assert.equal(alone.exitCode, 0);
  assert.equal(alone.stderr, '');
  assert.match(alone.stdout, /^Recording +on \(default\)\n[\s\S]*pending +5, the oldest 4 h ago/);
  assert.equal(alone.stdout.split('\n')[0], status.stdout.split('\n')[0]);
});

test('`usage list` filters by state, command, time and number, oldest first', async (t) => {
  const home = sandbox(t);
  seeded(home);
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
  const fresh = await arcade(home, ['usage', 'list']);
  assert.deepEqual([fresh.stdout, fresh.stderr], ['', 'Nothing has been recorded yet.\n']);
  seeded(home);
  const none = await arcade(home, ['usage', 'list', '--since', '2999-01-01']);
  assert.deepEqual([none.stdout, none.stderr], ['No matching records.\n', '']);
});

test('`usage list` as a table is whole in a pipe, and ASCII where the locale has no more', async (t) => {
  const home = sandbox(t);
  seeded(home);
  const ascii = await arcade(home, ['usage', 'list'], { env: { LANG: 'C' } });
  assert.equal(ascii.exitCode, 0);
  assert.match(ascii.stdout, /^[ -~\n]*$/);
  assert.ok(ascii.stdout.includes(ANON_ID));
  const unicode = await arcade(home, ['usage', 'list'], { env: { LANG: 'C', LC_ALL: 'C.UTF-8' } });
  assert.match(unicode.stdout, /● delivered/);
});

test('`usage stats`: every picture is ASCII where the locale has no more', async (t) => {
  const home = sandbox(t);
  seeded(home);
  const { exitCode, stdout, stderr } = await arcade(home, ['usage', 'stats', '--days', '90'], {
    env: { LC_ALL: 'POSIX' },
  });
  assert.equal(exitCode, 0);
  assert.equal(stderr, '');
  assert.match(stdout, /^[ -~\n]*$/);
  for (const title of ['Events per day', 'Slowest commands', 'Pending records', 'Delivery delay'])
    assert.match(stdout, new RegExp(`^${title}`, 'm'));
  assert.ok(stdout.split('\n').every((line) => line.length <= 80));
});

test('`usage stats` counts every event, and measures what is kept', async (t) => {
  const home = sandbox(t);
  seeded(home);
  const { stdout } = await arcade(home, ['usage', 'stats', '--days', '7', '--json']);
  const stats = JSON.parse(stdout) as {
    events_per_day: { succeeded: number; failed: number }[];
    commands: { command_name: string; events: number; measured: number; p50_ms: number; p95_ms: number }[];
    delivery: { measured: number; attempts: Record<string, number> };
  };
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
  const home = sandbox(t);
  seeded(home);
  const { stdout } = await arcade(home, ['usage', 'list', '--json']);
  const { records } = JSON.parse(stdout) as { records: { id: number; recorded_at: string }[] };
  for (const record of records) {
    const shown = await arcade(home, ['usage', 'show', String(record.id), '--json']);
    assert.deepEqual((JSON.parse(shown.stdout) as { record: unknown }).record, record);
  }
});

test('`usage show` tells the bytes, the identity and the tries, by number and by uuid', async (t) => {
  const home = sandbox(t);
  seeded(home);
  const { stdout: json } = await arcade(home, ['usage', 'show', '7', '--json']);
  const { record, payload, attempts } = JSON.parse(json) as {
    record: { uuid: string; state: string };
    payload: { uuid: string };
    attempts: { outcome: string; status: number }[];
  };
  assert.equal(record.state, 'quarantined');
  assert.deepEqual([attempts[0]?.outcome, attempts[0]?.status], ['invalid', 400]);
  const byUuid = await arcade(home, ['usage', 'show', record.uuid.toUpperCase()]);
  assert.equal(byUuid.exitCode, 0);
  assert.match(byUuid.stdout, /^Record 7 {2}capture, quarantined \(refused by PostHog\)\n/);
  assert.ok(byUuid.stdout.includes(JSON.stringify(payload)));
  assert.match(byUuid.stdout, /the anonymous id 5d0c8a52/);
});

test('`usage export` writes each record as a line, as CSV, and as one document', async (t) => {
  const home = sandbox(t);
  seeded(home);
  const [lines, csv, json] = await Promise.all(
    [['export'], ['export', '--format', 'csv'], ['export', '--json']].map((args) =>
      arcade(home, ['usage', ...args]),
    ),
  );
  assert.equal(lines?.stdout.trim().split('\n').length, 12);
  assert.equal(csv?.stdout.trim().split('\n').length, 13);
  assert.match(csv?.stdout ?? '', /^id,uuid,kind,event,command_name,state,/);
  const { records } = JSON.parse(json?.stdout ?? '') as {
    records: { id: number; payload: { event: string } }[];
  };
  assert.deepEqual([records.length, records[0]?.payload.event], [12, '$create_alias']);
});

test('export --format csv holds nothing that a spreadsheet runs, at whatever character it splits', async (t) => {
  const home = sandbox(t);
  seeded(home);
  const { default: Database } = await import('better-sqlite3');
  const db = new Database(join(home.directory, 'usage.db'));
  const ids = ['=1+1', ';=1+1', 'a;@x', 'a; +x', '-1'];
  for (const [i, id] of ids.entries())
    db.prepare('UPDATE record SET distinct_id = ? WHERE id = (SELECT max(id) - ? FROM record)').run(id, i);
  db.close();
  const { stdout } = await arcade(home, ['usage', 'export', '--format', 'csv']);
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
  const home = sandbox(t);
  seeded(home);
  for (const [args, code, words] of WRONG) {
    const { exitCode, stdout, stderr } = await arcade(home, ['usage', ...args]);
    assert.equal(exitCode, code, args.join(' '));
    assert.equal(args.includes('--json') ? '' : stdout, '', args.join(' '));
    assert.match(stderr, words);
  }
});

test('`usage`: no view is recorded itself, whatever its outcome', async (t) => {
  const home = sandbox(t);
  seeded(home);
  for (const args of [[], ['list'], ['show', '99'], ['list', '--limit', '0'], ['doctor']])
    await arcade(home, ['usage', ...args]);
  assert.equal((await listed(home)).length, 12);
});

test('`usage watch` tells each change as one line of JSON, and ends with 130', async (t) => {
  const home = sandbox(t);
  const watching = startArcadeCli(home, ['usage', 'watch']);
  let text = '';
  watching.stdout?.on('data', (chunk) => {
    text += String(chunk);
  });
  const states = (): { recorded: number }[] =>
    text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line) as { recorded: number });
  await until(() => states().length === 1);
  await arcade(home, ['secret', 'list']);
  await until(() => states().at(-1)?.recorded === 1);
  await arcade(home, ['usage', 'disable']);
  await until(() => (states().at(-1) as unknown as { consent: boolean }).consent === false);
  watching.kill('SIGINT');
  const { exitCode, stderr } = await watching;
  assert.equal(exitCode, 130);
  assert.equal(stderr, '');
});
