/** What is asked, drawn and redrawn on a terminal, by somebody who sits at one. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import stringWidth from 'string-width';
import { arcade, startArcadeCli } from '../../support/cli.ts';
import { hold } from '../../support/holder.ts';
import { inside, statusOf, usageJson } from '../../support/inside.ts';
import type { Sandbox } from '../../support/sandbox.ts';
import { seeded as seededHome } from '../../support/seed.ts';
import { hasTerminals, type OnTerminal, onTerminal as onTerminalOf } from '../../support/terminal.ts';
import { until } from '../../support/until.ts';
import { world } from '../../support/world.ts';

const skip = hasTerminals ? false : 'there is no Python to open a terminal with';

const seeded = (t: TestContext): Sandbox =>
  seededHome(t, { records: 12, everyMs: 3600_000, delivered: 4, quarantined: 3 });
const onTerminal = (home: Sandbox, words: readonly string[], on?: OnTerminal) =>
  onTerminalOf({ home }, ['usage', ...words], on);

const ANSWERS: readonly { typed: string; done: boolean; exitCode: number; says: RegExp }[] = [
  { typed: 'y\n', done: true, exitCode: 0, says: /Discarded 8 records/ },
  { typed: 'YES\n', done: true, exitCode: 0, says: /Discarded 8 records/ },
  { typed: 'n\n', done: false, exitCode: 1, says: /Nothing was changed/ },
  { typed: '\n', done: false, exitCode: 1, says: /Nothing was changed/ },
  { typed: 'yep\n', done: false, exitCode: 1, says: /Nothing was changed/ },
  { typed: '\u0004', done: false, exitCode: 1, says: /Nothing was changed/ },
  { typed: '\u0003', done: false, exitCode: 130, says: /\[y\/N\]/ },
];

for (const { typed, done, exitCode, says } of ANSWERS) {
  test(`\`usage discard --all\`, answered ${JSON.stringify(typed)}`, { skip }, async (t) => {
    const home = seeded(t);
    const shown = await onTerminal(home, ['discard', '--all'], { steps: [['[y/N]', typed]] });
    assert.match(shown.shown, /Permanently drop 8 records\? \[y\/N\]/);
    assert.match(shown.shown, says);
    assert.equal(shown.exitCode, exitCode);
    assert.equal(shown.echoes, true);
    const { ledger } = await statusOf(home);
    assert.deepEqual(ledger.dropped, done ? { discarded: 8 } : {});
    assert.equal(ledger.pending + ledger.quarantined, done ? 0 : 8);
  });
}

test('`usage discard ID` asks on a terminal too, and with --yes it does not', { skip }, async (t) => {
  const home = seeded(t);
  const kept = await onTerminal(home, ['discard', '12'], { steps: [['Permanently drop record 12?', 'n\n']] });
  assert.equal(kept.exitCode, 1);
  const dropped = await onTerminal(home, ['discard', '12', '--yes']);
  assert.equal(dropped.shown, 'Discarded 1 record.\n');
});

test('`usage reset` asks too', { skip }, async (t) => {
  const home = seeded(t);
  const anonId = async (): Promise<string | null> => (await statusOf(home)).identity.anon_id;
  const before = await anonId();
  for (const [typed, exitCode] of [
    ['n\n', 1],
    ['y\n', 0],
  ] as const) {
    assert.equal(await anonId(), before);
    assert.equal((await onTerminal(home, ['reset'], { steps: [['[y/N]', typed]] })).exitCode, exitCode);
  }
  assert.notEqual(await anonId(), before);
});

test('`usage reset` and `discard --all` do not ask where no one can answer', async (t) => {
  const home = seeded(t);
  for (const args of [['reset'], ['discard', '--all']]) {
    const { exitCode, stdout, stderr } = await arcade(home, ['usage', ...args], { input: 'y\n' });
    assert.deepEqual([exitCode, stdout], [2, '']);
    assert.match(stderr, /no terminal to ask on\.\n.*--yes/);
  }
});

/** The lines that a terminal shows at the end of what it was sent: only what `watch` sends is understood. */
function screenOf(sent: string): string[] {
  let lines: string[] = [''];
  for (const part of sent.split(/(\u001b\[\d+A\u001b\[0J|\n)/)) {
    const up = /^\u001b\[(\d+)A/.exec(part);
    if (up !== null) lines = [...lines.slice(0, lines.length - 1 - Number(up[1])), ''];
    else if (part === '\n') lines.push('');
    else lines.push(`${lines.pop()}${part.replace(/\u001b\[\d*[mK]|\r/g, '')}`);
  }
  return lines;
}

for (const [columns, rows] of [
  [20, 40],
  [30, 40],
  [80, 40],
  [80, 24],
  [40, 8],
] as const) {
  test(`\`usage watch\` draws the queue anew when it changes, in ${columns} columns and ${rows} rows`, {
    skip,
  }, async (t) => {
    const home = seeded(t);
    // The shell that has the terminal changes the queue when it is told to, and ends the watch when it is told to.
    const shell = `stty -echo; "$0" "$@" & read line; "$0" "$1" "$2" usage requeue --all >/dev/null
      read line; kill -INT $!; wait $!`;
    const pending = (records: number): string =>
      columns < 50 ? `pending\r\n  ${records}` : `pending      ${records}`;
    const { shown, exitCode } = await onTerminal(home, ['watch'], {
      columns,
      rows,
      shell,
      env: { NO_COLOR: '1' },
      steps: [
        [pending(5), '\n'],
        [pending(8), '\n'],
      ],
    });
    assert.equal(exitCode, 130);
    const lines = screenOf(shown);
    const text = lines.join('\n');
    assert.equal(text.match(/arcade usage/g)?.length, 1, JSON.stringify(shown));
    assert.match(text, /pending\s+8/);
    for (const line of lines) assert.ok(stringWidth(line) <= columns, line);
    // What a terminal has scrolled away cannot be drawn over.
    for (const [, up] of shown.matchAll(/\u001b\[(\d+)A/g)) assert.ok(Number(up) < rows, `${up} lines up`);
  });
}

test('`usage watch` ends with 130 at Ctrl-C', { skip }, async (t) => {
  const { exitCode, echoes } = await onTerminal(seeded(t), ['watch'], {
    steps: [['Latest responses', '\u0003']],
  });
  assert.deepEqual([exitCode, echoes], [130, true]);
});

test('`usage watch` ends soon after its reader, though nothing changes', async (t) => {
  const home = seeded(t);
  const watching = startArcadeCli(home, ['usage', 'watch']);
  await once(watching.stdout, 'data');
  watching.stdout.destroy();
  const { exitCode, stderr } = await watching;
  assert.deepEqual([exitCode, stderr], [0, '']);
});

test('`usage`: every view fits a narrow terminal', async (t) => {
  const home = seeded(t);
  for (const columns of [20, 30, 39, 60, 80]) {
    for (const args of [['status'], ['list'], ['stats'], ['doctor'], ['identity']]) {
      const { stdout, stderr } = await inside(home, ['usage', ...args], { columns });
      for (const line of `${stdout}${stderr}`.split('\n'))
        assert.ok(stringWidth(line) <= columns, `${args} at ${columns}: ${line}`);
    }
  }
});

test('`usage flush` shows how far it has come, takes it away, and tells what this flush did', {
  skip,
}, async (t) => {
  const { home, posthog } = await world(t, { posthog: { latencyMs: 20 }, records: 500 });
  const { env } = posthog;
  const { exitCode, shown } = await onTerminal(home, ['flush'], { env });
  assert.equal(exitCode, 0, shown);
  assert.match(shown, /Sending [█▒]{30} [\d,]+ of 500/);
  assert.match(shown, /\r\u001b\[2KDelivered 500, quarantined 0, pending 0\.\n$/);
  const again = await onTerminal(home, ['flush'], { env });
  assert.equal(again.shown.endsWith('Nothing to send.\n'), true, again.shown);
});

test('`usage flush` tells of what it refused, not of what was refused before', async (t) => {
  const { posthog } = await world(t);
  const home = seeded(t);
  const env = posthog.env;
  posthog.faultWhen(({ rawBody }) =>
    rawBody.includes('"TIMED_OUT"') ? { kind: 'status', status: 400 } : undefined,
  );
  const { exitCode, stdout } = await arcade(home, ['usage', 'flush'], { env });
  assert.equal(exitCode, 0, stdout);
  assert.match(
    stdout,
    /^Delivered 4, quarantined 1, pending 0\. Run `arcade usage list --state quarantined`/,
  );
  const { stdout: json } = await arcade(home, ['usage', 'flush', '--json'], { env });
  assert.deepEqual(JSON.parse(json), {
    delivered: 0,
    rejected: 0,
    pending: 0,
    quarantined: 4,
    outcome: 'drained',
  });
});

test('`usage report --open` hands the file to the opener, and says where it is when there is none', async (t) => {
  if (process.platform !== 'linux') return t.skip('the opener of this system cannot be stood in for');
  const home = seeded(t);
  const opener = join(home.home, 'xdg-open');
  writeFileSync(opener, '#!/bin/sh\nprintf %s "$1" > "$HOME/opened"\n');
  chmodSync(opener, 0o755);
  const path = `${home.home}:${process.env.PATH}`;
  const { exitCode, stdout } = await arcade(home, ['usage', 'report', '--open'], { env: { PATH: path } });
  assert.equal(exitCode, 0);
  assert.match(stdout, /^Wrote 12 records to .*arcade-usage\.html\n$/);
  await until(() => existsSync(join(home.home, 'opened')) && readFileSync(join(home.home, 'opened'), 'utf8'));
  assert.equal(
    readFileSync(join(home.home, 'opened'), 'utf8'),
    `file://${join(home.home, 'arcade-usage.html')}`,
  );
  writeFileSync(opener, '#!/bin/sh\nexit 3\n');
  const failed = await arcade(home, ['usage', 'report', '--open'], { env: { PATH: path } });
  assert.equal(failed.exitCode, 0);
  assert.match(failed.stderr, /Could not open a browser; open file:\/\/.*arcade-usage\.html yourself/);
});

test('`usage doctor` finds a lock that is held for longer than any flusher lives', async (t) => {
  const home = seeded(t);
  t.after(await hold(join(home.directory, 'usage.lock'), 'BEGIN EXCLUSIVE'));
  const { ok, findings } = await usageJson<{ ok: boolean; findings: { code: string }[] }>(home, 'doctor');
  assert.ok(!ok && findings.some(({ code }) => code === 'lock-stuck'), JSON.stringify(findings));
});
