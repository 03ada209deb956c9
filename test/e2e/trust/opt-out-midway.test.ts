/** `usage disable` while a flusher sends: it begins no further request, and nothing of the events is left. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { arcade } from '../../support/cli.ts';
import { startFlusher } from '../../support/flusher.ts';
import { fillSpool } from '../../support/queue.ts';
import type { Sandbox } from '../../support/sandbox.ts';
import { until } from '../../support/until.ts';
import { world } from '../../support/world.ts';

const EVENTS = 6_000;
const HELD_MS = 4_000;

/** Everything in the folder that could tell of an event: its uuid and whom it was of, as text and as bytes. */
function tracesOf(home: Sandbox, uuids: readonly string[]): string[] {
  const files = readdirSync(home.directory, { recursive: true }).map(String);
  // The journal of the lock, which holds no events, goes with the flusher's end: perhaps before it can be read.
  return files.filter((name) => {
    if (name === 'usage.lock-journal') return false;
    const bytes = readFileSync(join(home.directory, name));
    const text = bytes.toString('latin1');
    return (
      text.includes('anon-1') ||
      text.includes('secret.list') ||
      uuids.some(
        (uuid) => text.includes(uuid) || bytes.includes(Buffer.from(uuid.replaceAll('-', ''), 'hex')),
      )
    );
  });
}

// One request is out before PostHog is known to be slow, five at once after that.
for (const requests of [1, 6]) {
  test(`a flusher begins no further request once usage is disabled, with ${requests} begun`, async (t) => {
    const latencyMs = (): number => (posthog.requests.length <= requests - 5 ? 200 : HELD_MS);
    const { home, posthog } = await world(t, { posthog: { latencyMs } });
    fillSpool(home.directory, EVENTS);
    const uuids = home.rows<{ uuid: string }>('SELECT uuid FROM record').map(({ uuid }) => uuid);
    // As damage leaves it: a copy of all events beside the database.
    home.write('usage.db.damaged-1700000000000', readFileSync(join(home.directory, 'usage.db')));
    home.write('usage.db.salvaged-1600000000000', `left over: ${uuids[0]}`);
    assert.ok(tracesOf(home, uuids).length >= 3, 'the search finds what is there');
    const env = posthog.env;
    const flusher = startFlusher(home, env);
    await until(() => posthog.requests.length >= requests, { what: 'its requests' });
    const { exitCode, stderr } = await arcade(home, ['usage', 'disable']);
    assert.deepEqual([exitCode, stderr], [0, '']);
    assert.deepEqual(tracesOf(home, uuids), []);
    const { code } = await flusher.ended;
    assert.equal(code, 0);
    assert.equal(posthog.requests.length, requests);
    assert.ok(posthog.stored().length < EVENTS, 'there was more to send');
    assert.deepEqual(tracesOf(home, uuids), []);
    const doctor = await arcade(home, ['usage', 'doctor']);
    assert.match(doctor.stdout, /Every record is accounted for/);
    const { stdout } = await arcade(home, ['usage', 'status', '--json']);
    const { consent, ledger } = JSON.parse(stdout) as {
      consent: object;
      ledger: { pending: number; purged: number; delivered: number };
    };
    assert.deepEqual(consent, { enabled: false, decided_by: 'usage disable' });
    assert.equal(ledger.pending, 0);
    assert.equal(ledger.purged + ledger.delivered, EVENTS);
  });
}

test('a flusher stops as well where the person has said no but the database could not be opened', async (t) => {
  const { home, posthog } = await world(t, { posthog: { latencyMs: () => 1_000 } });
  fillSpool(home.directory, EVENTS);
  const env = posthog.env;
  const flusher = startFlusher(home, env);
  await until(() => posthog.requests.length === 1, { what: 'its first request' });
  home.write('usage.off', '');
  await flusher.ended;
  assert.equal(posthog.requests.length, 1);
});
