/** The stand-in for PostHog keeps PostHog's rules, over real HTTP and with the real client. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { PostHog as Client } from 'posthog-node';
import type { Fault } from '../support/posthog/faults.ts';
import { shuffle } from '../support/posthog/project.ts';
import type { PostHog, PostHogOptions } from '../support/posthog.ts';
import { world } from '../support/world.ts';

const NOW = Date.parse('2026-03-04T12:00:00Z');
const OK = '{"status":"Ok"}';
type Fields = Record<string, unknown>;

async function start(t: TestContext, options: PostHogOptions = {}): Promise<PostHog> {
  return (await world(t, { posthog: { now: () => NOW, ...options } })).posthog;
}

function event(fields: Fields = {}): Fields {
  const timestamp = new Date(NOW).toISOString();
  return { event: 'ran', distinct_id: 'anon-1', uuid: randomUUID(), timestamp, properties: {}, ...fields };
}

const personless = (id: string) => event({ distinct_id: id, properties: { $process_person_profile: false } });
const alias = (into: string, other: string) =>
  event({ event: '$create_alias', distinct_id: into, properties: { distinct_id: into, alias: other } });

const bodyOf = (batch: unknown, more: Fields = {}) => JSON.stringify({ api_key: 'phc_key', batch, ...more });

async function post(posthog: PostHog, body: string | Uint8Array<ArrayBuffer>, init: RequestInit = {}) {
  const url = `${posthog.url}/batch/`;
  const answer = await fetch(url, { method: 'POST', body, signal: AbortSignal.timeout(5_000), ...init });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** Sends the events, one request each, and insists that PostHog says yes. */
async function sendEach(posthog: PostHog, ...events: Fields[]): Promise<void> {
  for (const one of events) {
    const { status, text } = await post(posthog, bodyOf([one]));
    assert.deepEqual([status, text], [200, OK]);
  }
}

const samePerson = (posthog: PostHog, ...ids: string[]) => {
  const persons = new Set(ids.map((id) => posthog.personOf(id)));
  return persons.size === 1 && !persons.has(undefined);
};

test('the real client delivers: gzip, its own fields, our uuid and timestamp', async (t) => {
  const posthog = await start(t, { now: Date.now });
  const client = new Client('phc_key', { host: posthog.url, fetchRetryCount: 0 });
  const uuid = '01890a5d-ac96-774b-bcce-b302099a8057';
  client.capture({ distinctId: 'p', event: 'ran', uuid, timestamp: new Date('2026-01-02T03:04:05.678Z') });
  await client.flush();
  await client.shutdown();

  assert.equal(posthog.requests.length, 1);
  const [request] = posthog.requests;
  assert.deepEqual([request?.kind, request?.path, request?.status], ['batch', '/batch/', 200]);
  assert.equal(request?.headers['content-encoding'], 'gzip');
  assert.match(`${request?.body?.sent_at}`, /^20/);
  assert.equal(request?.batch[0]?.timestamp, '2026-01-02T03:04:05.678Z');
  const [stored] = posthog.stored();
  assert.deepEqual([stored?.uuid, stored?.event, stored?.distinct_id], [uuid, 'ran', 'p']);
  assert.equal(stored?.properties.$lib, 'posthog-node');
  assert.equal(stored?.person_id, posthog.personOf('p'));
});

test('one bad event refuses the whole batch', async (t) => {
  const posthog = await start(t);
  const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  // Four levels stand around a property: the body, the batch, the event, the properties.
  const nested = (levels: number) =>
    bodyOf([event(), event({ properties: { x: 'DEEP' } })]).replace('"DEEP"', deep(levels - 4));
  const bodies: Record<string, string> = {
    'an empty name': bodyOf([event(), event({ event: '' })]),
    'no name': bodyOf([event(), event({ event: undefined })]),
    'no distinct_id': bodyOf([event(), event({ distinct_id: undefined })]),
    'a null distinct_id': bodyOf([event(), event({ distinct_id: null })]),
    'a blank distinct_id': bodyOf([event(), event({ distinct_id: ' \t' })]),
    'a uuid that is not one': bodyOf([event(), event({ uuid: 'not-a-uuid' })]),
    'a number for a timestamp': bodyOf([event(), event({ timestamp: NOW })]),
    'null properties': bodyOf([event(), event({ properties: null })]),
    'a list of properties': bodyOf([event(), event({ properties: [] })]),
    'half an emoji': bodyOf([event(), event({ properties: { x: '😀'.slice(0, 1) } })]),
    'the other half': bodyOf([event(), event({ properties: { x: '😀'.slice(1) } })]),
    'half an emoji in a key': bodyOf([event(), event({ properties: { '\ud83d': 1 } })]),
    'a half hidden by a repeated key': bodyOf([event()]).replace('{"api', '{"sent_at":"\\ud83d","api'),
    'a high half before another': bodyOf([event()]).replace('ran', '\\ud83d\\ud83d\\ude00'),
    'a depth of 128': nested(128),
    'no event': bodyOf([]),
    'no batch': bodyOf(undefined),
    'no JSON': 'api_key=phc_key',
    nothing: '',
  };
  for (const [what, body] of Object.entries(bodies)) {
    assert.equal((await post(posthog, body)).status, 400, what);
  }
  const [head, tail] = bodyOf([event()]).split('ran');
  const surrogateBytes = Buffer.concat([
    Buffer.from(`${head}`),
    Buffer.from([0xed, 0xa0, 0xbd]),
    Buffer.from(`${tail}`),
  ]);
  assert.equal((await post(posthog, surrogateBytes)).status, 400, 'a surrogate as bytes');
  assert.deepEqual(posthog.stored(), []);

  const fine = [nested(127), bodyOf([event({ properties: { x: '😀', y: '\\ud83d' } })])];
  fine.push(bodyOf([event()]).replace('ran', '\\ud83d\\ude00'));
  for (const body of fine) assert.equal((await post(posthog, body)).status, 200, body.slice(0, 200));
  assert.deepEqual(posthog.stored().at(-1)?.event, '😀');
});

test('an event over a megabyte is 413, and gzip is known by its header or its first bytes', async (t) => {
  const posthog = await start(t);
  const gzip = { headers: { 'content-encoding': 'gzip' } };
  const padded = (bytes: number) => bodyOf([event(), event({ properties: { x: 'x'.repeat(bytes) } })]);
  assert.equal((await post(posthog, padded(1_000_001))).status, 413);
  assert.equal((await post(posthog, gzipSync(padded(100)), gzip)).status, 200);
  assert.equal((await post(posthog, gzipSync(padded(100)).subarray(0, 60), gzip)).status, 400);
  assert.equal((await post(posthog, padded(100), gzip)).status, 400, 'said to be gzip');
  assert.equal((await post(posthog, gzipSync(padded(100)))).status, 200, 'not said to be gzip');
  assert.equal(posthog.stored().length, 4);
});

test('keys, methods and paths', async (t) => {
  const posthog = await start(t);
  for (const api_key of ['', '  ', 'phx_personal', 'x'.repeat(65), 'ключ', 'a\0b', undefined]) {
    assert.equal((await post(posthog, bodyOf([event()], { api_key }))).status, 401, `${api_key}`);
  }
  await post(posthog, bodyOf([event()], { api_key: ' phc_key\n' }));
  assert.equal(posthog.stored().length, 1);

  const statusOf = async (path: string, method: string) =>
    (await fetch(posthog.url + path, { method, ...(method === 'POST' ? { body: bodyOf([event()]) } : {}) }))
      .status;
  assert.equal(await statusOf('/batch/', 'GET'), 405);
  assert.equal(await statusOf('/batch', 'POST'), 200);
  assert.equal(await statusOf('/batch/?x=1', 'POST'), 200);
  assert.equal(await statusOf('/capture/', 'POST'), 404);
  assert.equal(await statusOf('/i/v1/analytics/events', 'POST'), 200);
  assert.deepEqual(posthog.requests.at(-1)?.kind, 'v1');
  assert.equal(posthog.stored().length, 3, 'the other protocol stores nothing here');
});

test('the stored time is corrected by the clock of the sender', async (t) => {
  const posthog = await start(t);
  const times: [string, Fields, string][] = [
    ['2026-03-04T11:00:00Z', {}, '2026-03-04T11:00:00.000Z'],
    ['2026-03-04T11:00:00Z', { sent_at: '2026-03-04T13:00:00Z' }, '2026-03-04T10:00:00.000Z'],
    ['2026-03-04T11:00:00Z', { sent_at: 'soon' }, '2026-03-04T11:00:00.000Z'],
    ['2026-03-05T10:59:00Z', {}, '2026-03-05T10:59:00.000Z'],
    ['2026-03-05T11:01:00Z', {}, '2026-03-04T12:00:00.000Z'],
    ['2001-01-01T00:00:00Z', {}, '2001-01-01T00:00:00.000Z'],
  ];
  for (const [timestamp, more, stored] of times) {
    await post(posthog, bodyOf([event({ timestamp })], more));
    const last = posthog.stored().at(-1);
    assert.deepEqual([last?.sent_timestamp, last?.timestamp], [timestamp, stored]);
  }
  const properties = { $ignore_sent_at: true };
  const exact = event({ timestamp: '2026-03-04T11:00:00Z', properties });
  await post(posthog, bodyOf([exact], { sent_at: '2026-03-04T13:00:00Z' }));
  assert.equal(posthog.stored().at(-1)?.timestamp, '2026-03-04T11:00:00.000Z');
});

test('a resent event is stored once; a copy that differs in its key is another event', async (t) => {
  const posthog = await start(t);
  const one = event({ timestamp: '2026-03-04T10:00:00Z' });
  await sendEach(posthog, one, { ...one, properties: { $insert_id: 'other' } });
  await post(posthog, bodyOf([one, { ...one, timestamp: '2026-03-04T23:00:00Z' }]));
  assert.deepEqual([posthog.stored().length, posthog.duplicates()], [1, 3]);
  await sendEach(posthog, { ...one, timestamp: '2026-03-03T23:00:00Z' }, { ...one, event: 'other' });
  await sendEach(posthog, { ...one, distinct_id: 'other' }, { ...one, uuid: randomUUID() });
  assert.deepEqual([posthog.stored().length, posthog.duplicates()], [5, 3]);
  // The correction by sent_at decides the day: the clock was set two hours back between these two tries.
  const late = event({ timestamp: '2026-03-04T01:00:00Z' });
  await post(posthog, bodyOf([late], { sent_at: '2026-03-04T14:00:00Z' }));
  await post(posthog, bodyOf([late], { sent_at: '2026-03-04T12:00:00Z' }));
  assert.deepEqual([posthog.stored().length, posthog.duplicates()], [7, 3]);
});

test('principal first links in every case; resending is harmless', async (t) => {
  const cases: Record<string, Fields[]> = {
    'nobody is known': [],
    'personless history': [personless('anon')],
    'a known anonymous person': [event({ distinct_id: 'anon' })],
    'a known account': [event({ distinct_id: 'principal' })],
    'both known': [event({ distinct_id: 'anon' }), event({ distinct_id: 'principal' })],
    'a returning account': [alias('principal', 'laptop'), personless('anon')],
    'a returning account and a known person': [alias('principal', 'laptop'), event({ distinct_id: 'anon' })],
  };
  for (const [what, before] of Object.entries(cases)) {
    const posthog = await start(t);
    const link = alias('principal', 'anon');
    await sendEach(posthog, ...before, link, link);
    await sendEach(posthog, personless('anon'), event({ distinct_id: 'principal' }));
    assert.ok(samePerson(posthog, 'principal', 'anon'), what);
    assert.deepEqual([posthog.persons().length, posthog.persons()[0]?.identified], [1, true], what);
    assert.deepEqual(posthog.warnings, [], what);
    assert.deepEqual(new Set(posthog.stored().map((one) => one.person_id)).size, 1, what);
  }
});

test('anonymous first loses a returning account, and spoils the anonymous id', async (t) => {
  const posthog = await start(t);
  await sendEach(posthog, alias('principal', 'laptop'), event({ distinct_id: 'anon' }));
  await sendEach(posthog, alias('anon', 'principal'));
  assert.deepEqual(posthog.warnings, ['cannot_merge_already_identified: principal into anon']);
  assert.ok(!samePerson(posthog, 'anon', 'principal'));
  // A refused merge still marks its distinct_id's person identified, so now our direction is too late.
  await sendEach(posthog, alias('principal', 'anon'));
  assert.equal(posthog.warnings.length, 2);
  assert.ok(!samePerson(posthog, 'anon', 'principal'));

  const other = await start(t);
  await sendEach(other, event({ distinct_id: 'principal' }), event({ distinct_id: 'anon' }));
  const [account, anonymous] = [other.personOf('principal'), other.personOf('anon')];
  await sendEach(other, alias('anon', 'principal'));
  assert.notEqual(account, anonymous);
  assert.equal(other.personOf('principal'), anonymous, 'an account not yet identified becomes the anonymous');
});

test('an anon_id aliased to a second account joins the two when that one is new', async (t) => {
  const posthog = await start(t);
  await sendEach(posthog, personless('anon'), alias('a', 'anon'), alias('b', 'anon'));
  assert.ok(samePerson(posthog, 'a', 'b', 'anon'));
  assert.deepEqual(posthog.warnings, []);

  const known = await start(t);
  await sendEach(known, event({ distinct_id: 'b' }), alias('a', 'anon'), alias('b', 'anon'));
  assert.ok(samePerson(known, 'a', 'anon'));
  assert.ok(!samePerson(known, 'a', 'b'));
  assert.deepEqual(known.warnings, ['cannot_merge_already_identified: anon into b']);
});

test('ids that stem from a mistake are never merged', async (t) => {
  const posthog = await start(t);
  const bad = ['anonymous', 'Anonymous', 'GUEST', 'null', 'undefined', 'UNDEFINED', '0', 'email', 'NaN'];
  bad.push('None', '"null"', "'email'", '[object Object]', 'distinct_id', 'true', ' ');
  for (const id of bad) await sendEach(posthog, alias('p', id), ...(id === ' ' ? [] : [alias(id, 'p')]));
  await sendEach(posthog, alias('p', 'p'), alias('p', ''));
  assert.deepEqual(posthog.persons()[0], {
    id: posthog.personOf('p'),
    distinct_ids: ['p'],
    identified: false,
  });
  assert.ok(posthog.persons().every((person) => person.distinct_ids.length === 1));
  assert.equal(posthog.warnings.length, bad.length * 2 - 1);
});

test('personless events make nobody; a personless alias is dropped after a 200', async (t) => {
  const posthog = await start(t);
  await sendEach(posthog, personless('anon'), personless('anon'), personless('other'));
  assert.deepEqual([posthog.persons(), posthog.personOf('anon')], [[], undefined]);
  const [derived, same] = posthog.stored().map((each) => each.person_id);
  assert.equal(same, derived);
  assert.equal(new Set(posthog.stored().map((each) => each.person_id)).size, 2);

  const properties = { $process_person_profile: false, alias: 'anon' };
  await sendEach(posthog, event({ event: '$create_alias', distinct_id: 'p', properties }));
  assert.deepEqual([posthog.stored().length, posthog.persons().length, posthog.warnings.length], [3, 0, 1]);

  await sendEach(posthog, event({ distinct_id: 'anon' }));
  assert.equal(posthog.personOf('anon'), derived, 'a person is born with the id of its personless events');
  assert.equal(posthog.persons()[0]?.identified, false);
});

test('events overtake one another between distinct_ids, never within one', async (t) => {
  const many = ['a', 'b', 'c'].flatMap((id) =>
    Array.from({ length: 6 }, (_, n) => event({ distinct_id: id, properties: { n } })),
  );
  const orderBy = async (seed: number) => {
    const posthog = await start(t, { reorder: shuffle(seed) });
    await post(posthog, bodyOf(many));
    return posthog.stored();
  };
  const [first, again, other] = [await orderBy(1), await orderBy(1), await orderBy(2)];
  for (const stored of [first, other]) {
    for (const id of ['a', 'b', 'c']) {
      const own = stored.filter((one) => one.distinct_id === id).map(({ properties }) => properties.n);
      assert.deepEqual(own, [0, 1, 2, 3, 4, 5]);
    }
    const uuids = [stored, many].map((events) => events.map(({ uuid }) => uuid));
    assert.notDeepEqual(uuids[0], uuids[1]);
  }
  assert.deepEqual(again, first);
  assert.notDeepEqual(other, first);
});

test('a fault stores only what PostHog would have', async (t) => {
  const posthog = await start(t);
  for (const [fault, stores] of [
    [{ kind: 'status', status: 503 }, 0],
    [{ kind: 'status', status: 504, stores: true }, 1],
    [{ kind: 'portal-page' }, 0],
    [{ kind: 'reset', when: 'before-reading' }, 0],
    [{ kind: 'reset', when: 'after-reading' }, 0],
    [{ kind: 'lost-ack' }, 1],
    [{ kind: 'truncated' }, 1],
    [{ kind: 'trickle', everyMs: 1 }, 1],
  ] as [Fault, number][]) {
    posthog.fault(fault);
    const before = posthog.stored().length;
    await post(posthog, bodyOf([event()])).catch(() => undefined);
    assert.equal(posthog.stored().length - before, stores, JSON.stringify(fault));
  }
});
